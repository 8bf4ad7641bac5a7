"""What all loggers have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Logger:
    """The base class of all loggers, which have a method `log`.

    One is made when a training begins or goes on, and closed when it ends. Whatever it raises is said once,
    and the training goes on without it.

    Args:
        run: the folder of the run, which exists.
        config: all settings, section by section, as JSON has them.
        step: after which the training goes on: what was logged of later ones comes again; 0 at its start.
    """

    def __init__(self, run: Path, config: Mapping[str, Any], step: int) -> None:
        self.run, self.config, self.step = run, config, step

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Take down the figures of an evaluation, by their names in `metrics.jsonl`."""
        raise NotImplementedError(f"{type(self).__name__} needs a method log(step, figures)")

    def close(self) -> None:
        """Let go of what is open."""
