"""Train small Transformer encoders on toy sequence tasks, measure them, and look inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tasks.base import Task as Task
    from tfcli.api import load as load


def __dir__() -> list[str]:
    """What there is to find, loaded or not."""
    return sorted({*globals(), "Task", "load"})


def __getattr__(name: str) -> Any:
    """`tfcli.load`, and `tfcli.Task` for people who write tasks; torch isn't imported before that."""
    if name == "load":
        from tfcli.api import load

        return load
    if name == "Task":
        from tfcli.task_registry import task_class

        return task_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
