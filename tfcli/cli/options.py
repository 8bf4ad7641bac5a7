"""Arguments and options that several commands have, and what a shell completes them with."""

import os
from pathlib import Path
from typing import Annotated

import typer

from tfcli.cli.output import results_alone
from tfcli.texts import Code


def complete_sources() -> list[str]:
    """Examples, for shell completion."""
    from tfcli.config.files import example_names

    return example_names()


def complete_settings() -> list[str]:
    """Return the settings, for shell completion."""
    from tfcli.config.setting_names import list_settings

    return [f"{setting}=" for setting in list_settings()]


def complete_keys() -> list[str]:
    """Return what runs can be sorted by, for shell completion."""
    from tfcli.config.setting_names import list_settings
    from tfcli.runs.selection import OWN_KEYS

    return [*OWN_KEYS, *list_settings()]


def complete_conditions() -> list[str]:
    """Return beginnings of conditions on runs, for shell completion."""
    return [f"{key}=" for key in complete_keys()]


def complete_runs() -> list[str]:
    """Return the names of runs, for shell completion."""
    from tfcli.runs.folders import run_names

    return run_names()


def expand_user(given: Path | list[Path] | None) -> Path | list[Path] | None:
    """Put the home folder in place of ~, which shells leave standing in --out=~/runs."""
    if isinstance(given, Path):
        return Path(os.path.expanduser(given))
    return given and [Path(os.path.expanduser(path)) for path in given]


def keep_stdout_for_json(context: typer.Context, asked: bool) -> bool:
    """Have stdout hold the JSON alone, until all is closed: a command may never come to be run."""
    if asked:
        context.find_root().with_resource(results_alone())
    return asked


AS_JSON = "Print the result as JSON on stdout."
JsonOption = Annotated[bool, typer.Option("--json", help=AS_JSON, callback=keep_stdout_for_json)]
RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN", help="A run's name or path; the newest if left out.", autocompletion=complete_runs
    ),
]
SequenceArgument = Annotated[
    str | None, typer.Argument(metavar="SEQUENCE", help="Symbols in quotes, with spaces between them.")
]
LoopsOption = Annotated[
    list[str] | None, typer.Option("--loop", metavar="N", help="Only this loop, or 0,2 or 0:2.")
]
LayersOption = Annotated[
    list[str] | None, typer.Option("--layer", metavar="N", help="Only this layer, or 0,2 or 0:2.")
]
SequenceSeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=2**31, help="Of the sequence drawn if none is given.")
]
LangOption = Annotated[
    Code | None, typer.Option("--lang", help="Language of explanations; that of the locale if left out.")
]
TrustOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--trust", help="Run this file, which a task or part of the run comes from.", callback=expand_user
    ),
]
SourceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="EXAMPLE", help="An example, FILE.yaml or FILE.yaml:NAME.", autocompletion=complete_sources
    ),
]
