"""Records of runs that were removed or renamed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RemovalReport:
    """What was removed."""

    removed: list[str]  # folders of runs
    freed: int  # bytes that their files took
    kept: list[str]  # folders that are still there, as they hold something that isn't a run's
    notes: list[str] = field(default_factory=list)  # what else there is to know


@dataclass(frozen=True)
class MoveReport:
    """A run that has another name."""

    run: str  # its folder
    before: str  # its folder until now
    notes: list[str] = field(default_factory=list)  # what else there is to know
