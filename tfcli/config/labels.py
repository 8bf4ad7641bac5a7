"""Labels that can be told apart: no symbol is shown as another token is."""

from __future__ import annotations

from collections.abc import Sequence

from tfcli.config.schema import RunConfig
from tfcli.model import BEGIN, BLANK


def find_ambiguity(config: RunConfig, symbols: Sequence[str] | None = None) -> str | None:
    """Return which symbol is shown as a token is that a setting brings; None if there is none.

    The symbols are those of the configuration, unless a task has its own.
    """
    symbols = symbols or config.task.symbols or ()
    if config.task.layout == "appended" and BLANK in symbols:
        return f"task.symbols: {BLANK} stands for the blank tokens of task.layout=appended; rename the symbol"
    if config.model.begin_token and BEGIN in symbols:
        return f"task.symbols: {BEGIN} stands for the token of model.begin_token; rename the symbol"
    return None
