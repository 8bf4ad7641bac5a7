"""The loggers of a training, none of which can end it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from tfcli import registry
from tfcli.config.class_files import describe_error
from tfcli.errors import UsageError
from tfcli.loggers.base import Logger


class Loggers:
    """Tells each of some loggers what there is to tell. One that fails is given up, which is said once.

    Args:
        names: as configurations have them.
        warn: is told which one failed, and why.
    """

    def __init__(self, names: Sequence[str], warn: Callable[[str], None]) -> None:
        self.names, self.warn = names, warn
        self.loggers: dict[str, Logger] = {}

    def begin(self, run: Path, config: Mapping[str, Any], step: int) -> None:
        """Make the loggers of a run, whose training goes on after a step; 0 at its start."""

        def make(name: str) -> None:
            self.loggers[name] = registry.LOGGERS.load(name)(run, config, step)

        for name in self.names:
            self.attempt(name, make, name)

    def log(self, step: int, figures: Mapping[str, float | None]) -> None:
        """Tell the figures of an evaluation, those that there are."""
        known = {name: float(value) for name, value in figures.items() if value is not None}
        for name, logger in list(self.loggers.items()):
            self.attempt(name, logger.log, step, known)

    def close(self) -> None:
        """Close all that haven't failed."""
        for name, logger in list(self.loggers.items()):
            self.attempt(name, logger.close)

    def attempt(self, name: str, call: Callable[..., object], *values: object) -> None:
        """Call a logger, and give it up if it fails. What it prints goes to stderr: stdout is for records."""
        try:
            with redirect_stdout(sys.stderr):
                call(*values)
        except (Exception, SystemExit) as error:  # whatever other people's code may raise
            failed = self.loggers.pop(name, None)
            with suppress(Exception, SystemExit), redirect_stdout(sys.stderr):  # that it fails was said
                if failed is not None:
                    failed.close()
            why = str(error) if isinstance(error, UsageError) else describe_error(error)
            self.warn(f"train.log: {name}: {why}; the training goes on without")
