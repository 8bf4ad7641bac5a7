"""`tfcli.train`: what the command of that name does, with a curve that grows in a notebook."""

from __future__ import annotations

import warnings
from pathlib import Path

from tfcli.api.runs import Run, load
from tfcli.commands.remarks import remarks_on
from tfcli.commands.starting import suit_model
from tfcli.commands.train import SILENCE, Audience, train_run
from tfcli.config import files
from tfcli.errors import UsageError
from tfcli.records.results import TrainReport
from tfcli.render.notebook import CurveDisplay, is_notebook
from tfcli.render.progress import Display, make_display
from tfcli.render.reports import print_train
from tfcli.render.terminal import make_console
from tfcli.runs.start import start_from


def train(
    source: str | Path,
    *settings: str,
    out: str | Path | None = None,
    start: str | Path | None = None,
    quiet: bool = False,
) -> Run:
    """Train an example, or what a YAML file holds, and return the run.

    `settings` are those of the command line, such as "model.n_layers=2". The run is saved in `out`, else in
    `runs/`. With `start`, training begins with the weights of that run. How it goes is shown unless `quiet`:
    as a curve in a notebook, else as on the command line. An interrupt ends it after the step it falls into.

    Raises:
        UsageError: there is no such example, setting or device, the folder is taken, or there are several
            seeds.
        DivergedError: the loss is no longer a number.
    """
    for setting in settings:
        if not isinstance(setting, str):
            raise UsageError(
                f"{setting!r} isn't a text: tfcli.train(SOURCE, 'model.n_layers=2', 'train.seed=1')"
            )
    entry, overrides = files.find_entry(str(source)), list(settings)
    notes: list[str] = []
    if start is not None:
        entry, notes = suit_model(start_from(entry, str(start)), overrides)
    config = files.check(entry, overrides)
    if config.train.seeds > 1:
        each = "call it with train.seed=0, train.seed=1, ... instead"
        raise UsageError(f"train.seeds = {config.train.seeds}: tfcli.train makes one run; {each}")
    folder = None if out is None else Path(out)
    if quiet:
        report = train_run(config, entry.name, folder, SILENCE)
    else:
        for note in [*notes, *remarks_on(config)]:
            warnings.warn(note, stacklevel=2)
        with choose_display() as display:
            report = train_run(config, entry.name, folder, Audience(display.show, warn=warnings.warn))
        print_train(make_console(), report)
    warn_of_end(report)
    return load(report.run)


def choose_display() -> Display:
    """Return the display that suits a notebook, a terminal or neither."""
    return CurveDisplay() if is_notebook() else make_display(make_console(stderr=True), quiet=False)


def warn_of_end(report: TrainReport) -> None:
    """Warn of a run that isn't what was asked for."""
    if report.interrupted:
        warnings.warn(
            f"{report.run} was interrupted; `tfcli train --resume {report.run}` goes on", stacklevel=3
        )
    if report.diverged:
        warnings.warn(f"{report.run}: its loss is far above that of a guess", stacklevel=3)
