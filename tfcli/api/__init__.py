"""From Python: `tfcli.load("runs/reverse").attention("3 1 2")`. Results show themselves, in notebooks too."""

from __future__ import annotations

from tfcli.api.results import Attention, Heads, Patch, Prediction, Trace
from tfcli.api.runs import Run, load
from tfcli.api.training import train

__all__ = ["Attention", "Heads", "Patch", "Prediction", "Run", "Trace", "load", "train"]
