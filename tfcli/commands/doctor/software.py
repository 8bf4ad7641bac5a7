"""Versions: of what tfcli can't do without, and of what its extras add."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from importlib.util import find_spec

import tfcli
from tfcli.commands.doctor.probe import Outcome
from tfcli.commands.doctor.problems import make_problem
from tfcli.commands.doctor.requirements import Requirement, is_within
from tfcli.records.doctor import Extra, Package, Problem, Software

NEEDED = ("typer", "torch", "rich", "pyyaml", "pydantic", "safetensors", "numpy")  # where no list is found
MODULES = {"pyyaml": "yaml"}  # of distributions that aren't called as their module
FOR_DEVELOPERS = {"dev"}  # extras that add nothing for who uses tfcli
UNTRIED = Outcome("not tried, since another package broke off")


def list_needed(requirements: Sequence[Requirement]) -> list[Requirement]:
    """Return what tfcli itself needs."""
    needed = [requirement for requirement in requirements if requirement.extra is None]
    return needed or [Requirement(name, "", None) for name in NEEDED]


def module_of(distribution: str) -> str:
    """Return the name of the module that a distribution brings."""
    return MODULES.get(distribution.lower(), distribution.replace("-", "_"))


def examine_software(needed: Sequence[Requirement], outcomes: Mapping[str, Outcome]) -> Software:
    """See what importing came to, and compare the versions with those that tfcli is made for."""
    packages: list[Package] = []
    problems: list[Problem] = []
    for requirement in needed:
        outcome = outcomes.get(module_of(requirement.name), UNTRIED)
        package = describe_package(requirement, importable=outcome.error is None)
        packages.append(package)
        problems += [make_problem(f"{package.name} warns: {text}") for text in outcome.warnings]
        if outcome.error is None:
            problems += find_misfits([package])
        elif outcome is not UNTRIED:
            problems.append(explain_failure(requirement, package, outcome))
    return Software(tfcli.__version__, platform.python_version(), platform.platform(), packages, problems)


def describe_package(requirement: Requirement, *, importable: bool) -> Package:
    """Return what is installed of a distribution."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        version = None
    declared = requirement.range or None
    fits = None if version is None or declared is None else is_within(version, declared)
    return Package(requirement.name, version, declared, fits, importable)


def explain_failure(requirement: Requirement, package: Package, outcome: Outcome) -> Problem:
    """Say why something that is needed can't be imported."""
    wanted = f'"{requirement.name}{requirement.range}"'
    if outcome.missing and package.version is None:
        line = f"{requirement.name} isn't installed: pip install {wanted}"
    else:
        reinstall = f"pip install --force-reinstall {wanted}"
        line = f"{requirement.name} can't be imported ({outcome.error}): {reinstall}"
    return make_problem(line, stops_work=True)


def find_misfits(packages: Sequence[Package]) -> list[Problem]:
    """Return a problem for each version that isn't in its range."""
    return [
        make_problem(
            f"{package.name} {package.version} is outside of what tfcli is made for ({package.declared}): "
            f'pip install "{package.name}{package.declared}"'
        )
        for package in packages
        if package.fits is False
    ]


def examine_extras(requirements: Sequence[Requirement]) -> list[Extra]:
    """Look for what each extra needs, without importing it."""
    by_name: dict[str, list[Package]] = {}
    for requirement in requirements:
        if requirement.extra is not None and requirement.extra not in FOR_DEVELOPERS:
            package = describe_package(requirement, importable=is_there(requirement.name))
            by_name.setdefault(requirement.extra, []).append(package)
    return [
        Extra(name, all(package.importable for package in packages), packages, find_misfits(packages))
        for name, packages in sorted(by_name.items())
    ]


def is_there(distribution: str) -> bool:
    """Whether the module of a distribution would be found."""
    try:
        return find_spec(module_of(distribution)) is not None
    except ValueError:  # something without a specification was put in its place
        return False
