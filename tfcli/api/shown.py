"""What shows itself: as text where it is printed, in colours in a notebook."""

from __future__ import annotations

import io

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from tfcli.render.notebook import coloured


class Shown:
    """A result that shows what the command line prints of it."""

    def draw(self, console: Console) -> None:
        """Print it."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._text(Console(file=io.StringIO(), color_system=None)).rstrip()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text.from_ansi(
            self._text(
                Console(
                    file=io.StringIO(),
                    width=options.max_width,
                    force_terminal=console.is_terminal,
                    no_color=console.no_color,
                )
            )
        )

    def _repr_html_(self) -> str:
        return coloured(self.draw)

    def _text(self, console: Console) -> str:
        with console.capture() as capture:
            self.draw(console)
        return capture.get()
