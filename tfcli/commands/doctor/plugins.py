"""What other distributions bring by entry points, told without running any of their code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfcli.commands.doctor.problems import make_problem
from tfcli.errors import UsageError
from tfcli.records.doctor import Plugin, Plugins, Problem
from tfcli.registry import LOGGERS, PARTS, TASKS, Registry, explain_ambiguity, name_distribution

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def examine_plugins() -> Plugins:
    """List the plugins, and say of which names another has the better right."""
    found: list[Plugin] = []
    problems: list[Problem] = []
    registries = [TASKS, *PARTS.values(), LOGGERS]
    try:
        installed = [registry.installed() for registry in registries]
    except UsageError as error:
        return Plugins([], [make_problem(str(error))])
    for registry, by_name in zip(registries, installed, strict=True):
        for name, points in sorted(by_name.items()):
            collision = find_collision(registry, name, points)
            if collision is not None:
                problems.append(make_problem(f"{registry.setting}: {name!r}: {collision}"))
            found += [
                Plugin(registry.setting, name, name_distribution(point), point.value, collision is None)
                for point in points
            ]
    return Plugins(found, problems)


def find_collision(registry: Registry, name: str, points: Sequence[EntryPoint]) -> str | None:
    """Say why this name stands for something else, or for nothing certain."""
    if name in registry.built_in:
        sources = " and ".join(sorted(map(name_distribution, points)))
        return f"a built-in {registry.kind} has this name, and that of {sources} is ignored; rename it"
    return explain_ambiguity(points) if len(points) > 1 else None
