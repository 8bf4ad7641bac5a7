"""Event files for TensorBoard, which tensorboardX writes."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from tfcli.errors import UsageError
from tfcli.loggers.base import Logger


class TensorBoard(Logger):
    """Writes event files into the folder of the run: `tensorboard --logdir runs` shows all runs.

    Raises:
        UsageError: tensorboardX isn't installed.
    """

    def __init__(self, run: Path, config: Mapping[str, Any], step: int) -> None:
        super().__init__(run, config, step)
        try:
            library: Any = import_module("tensorboardX")
        except ImportError as error:
            raise UsageError("it needs tensorboardX: pip install tensorboardX") from error
        self.writer = library.SummaryWriter(
            str(run),
            purge_step=step + 1 if step else None,
            filename_suffix=f".{step}",  # or a second may do for two
        )
        text = json.dumps(config, indent=2, ensure_ascii=False)
        self.writer.add_text("config", textwrap.indent(text, " " * 4), step)  # which is code in Markdown

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()  # so that a kill loses nothing

    def close(self) -> None:
        self.writer.close()
