"""Which versions tfcli says it is made for: in the `pyproject.toml` of a checkout, else when installed."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from importlib import metadata
from itertools import zip_longest
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
DISTRIBUTION = "tfcli"
COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
REQUIREMENT = re.compile(
    r"""(?P<name>[\w.-]+) \s* (\[.*?\])? \s* (?P<range>[^;]*?) \s*
        (; .*? extra \s*==\s* ['"](?P<extra>[\w.-]+)['"] .*)?""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Requirement:
    """A distribution that is needed, in which versions, and by which extra if not by tfcli itself."""

    name: str
    range: str  # such as >=2.9,<2.14; empty for any
    extra: str | None


def list_requirements() -> list[Requirement]:
    """Return what tfcli and its extras need; nothing where that is written nowhere."""
    written = read_pyproject(PYPROJECT) or read_metadata()
    found = [REQUIREMENT.fullmatch(line) for line in written]
    return [
        Requirement(match["name"], sort_range(match["range"]), match["extra"]) for match in found if match
    ]


def read_metadata() -> list[str]:
    """Return the requirements of the installed distribution."""
    try:
        return metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []


def read_pyproject(path: Path) -> list[str]:
    """Return the requirements of a checkout as metadata has them; nothing if there is none of tfcli's.

    An installed checkout's metadata are as old as its installation, but this file is that of the code.
    """
    try:
        import tomllib  # from Python 3.11 on

        project: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    except (ImportError, OSError, ValueError):
        return []
    if project.get("name") != DISTRIBUTION:
        return []
    extras = project.get("optional-dependencies", {})
    of_extras = [f"{line}; extra == '{name}'" for name, lines in extras.items() for line in lines]
    return [*project.get("dependencies", []), *of_extras]


def sort_range(text: str) -> str:
    """Return a range with its lower bounds first, as people write it: metadata have it in any order."""
    return ",".join(sorted((bound.strip() for bound in text.split(",")), reverse=True))


def is_within(version: str, wanted: str) -> bool | None:
    """Whether a version is in a range, by its release numbers; None if that can't be told.

    What follows these, as in 2.13.0+cpu or 2.14.0.dev20261101, makes no difference.
    """
    release = read_release(version)
    answers = []
    for bound in filter(None, wanted.split(",")):
        match = re.fullmatch(r"([<>=!]=?)\s*([\d.]+)", bound.strip())
        if match is None or match[1] not in COMPARISONS or not release:
            return None
        pairs = list(zip_longest(release, read_release(match[2]), fillvalue=0))
        left, right = zip(*pairs, strict=True)
        answers.append(COMPARISONS[match[1]](left, right))
    return all(answers)


def read_release(version: str) -> list[int]:
    """2.13.0+cpu -> [2, 13, 0]; nothing where there is no number."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return [int(number) for number in match[1].split(".")] if match else []
