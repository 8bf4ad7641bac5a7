"""Train small Transformer encoders on toy sequence tasks, measure them, and look inside."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from tasks.base import Task as Task
    from tfcli.api import load as load
    from tfcli.api import train as train
    from tfcli.loggers.base import Logger as Logger
    from tfcli.model.feed_forward import FeedForward as FeedForward
    from tfcli.model.masks import Mask as Mask
    from tfcli.model.norms import Norm as Norm
    from tfcli.model.positions.base import Positions as Positions
    from tfcli.training.optimizers import Optimizer as Optimizer
    from tfcli.training.schedules import Schedule as Schedule

# Imported when they are asked for, since they need torch: what people derive their own classes from, and
# `load` and `train`.
LAZY = {
    "load": "tfcli.api",
    "train": "tfcli.api",
    "Positions": "tfcli.model.positions.base",
    "Norm": "tfcli.model.norms",
    "FeedForward": "tfcli.model.feed_forward",
    "Mask": "tfcli.model.masks",
    "Attention": "tfcli.model.attention",
    "AttentionScale": "tfcli.model.attention_scale",
    "Softmax": "tfcli.model.attention_weights",
    "TokenTypes": "tfcli.model.token_types",
    "OutputHead": "tfcli.model.output_heads",
    "Optimizer": "tfcli.training.optimizers",
    "Schedule": "tfcli.training.schedules",
    "Logger": "tfcli.loggers.base",
}


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *LAZY, "Task"})


def __getattr__(name: str) -> Any:
    """`tfcli.load`, `tfcli.train`, and the classes that people derive their own from."""
    if name == "Task":
        from tfcli.registry import TASKS

        return TASKS.base_class()
    if name in LAZY:
        return getattr(import_module(LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
