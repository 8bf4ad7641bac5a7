"""How `train` starts a training, shows it, and tells what came of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import typer

from tfcli.cli.output import hint, print_result, warn
from tfcli.errors import UsageError
from tfcli.runs.company import is_helper, size_of

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.commands.train import Audience
    from tfcli.config.schema import RunConfig
    from tfcli.records.inspection import Choice
    from tfcli.records.results import TrainReport, TransferRow
    from tfcli.training.ranks import Ranks


SMALLER_RATE = "a smaller train.learning_rate, such as a tenth, may help"


def repeats(settings: Sequence[str]) -> list[str]:
    """Return a note for each setting that is given more than once: the last counts."""
    last = {setting.partition("=")[0]: setting for setting in settings}
    keys = [setting.partition("=")[0] for setting in settings]
    return [f"note: {key} is given twice; {last[key]} counts" for key in last if keys.count(key) > 1]


@contextmanager
def company(
    processes: int | None, words: Sequence[str], config: "RunConfig | None" = None
) -> Iterator["Ranks | None"]:
    """Give the processes that train together, if there are several: started here, or by torchrun.

    Raises:
        UsageError: the configuration can't be shared out to them.
    """
    if processes in (None, 1) and size_of() == 1:
        yield None
        return
    if config is not None:
        config.train.check_shares(processes or size_of())
    if config is not None and config.task.data == "-":
        raise UsageError("only one process can read stdin; write the lines to a file, and train on that")
    from tfcli.commands.launching import several

    with several(processes, words) as ranks:
        yield ranks


def choose_head(config: "RunConfig", layer: int, head: int) -> "Choice":
    """Return the head to watch.

    Raises:
        UsageError: the model won't have it.
    """
    for name, number, count in (
        ("layer", layer, config.model.n_layers),
        ("head", head, config.model.n_heads),
    ):
        if not 0 <= number < count:
            raise UsageError(f"--{name} {number}: this model's {name}s are 0 to {count - 1}")
    from tfcli.records.inspection import Choice

    return Choice([layer], [head])


def start_training(
    config: "RunConfig",
    name: str,
    out: Path | None,
    heads: tuple[int, int] | None,
    slow: bool,
    quiet: bool,
    debug: bool,
    ranks: "Ranks | None",
) -> "TrainReport":
    """Train a new run with a display on stderr, or take part in that of another process."""
    watched = None if heads is None else choose_head(config, *heads)
    if is_helper() and ranks is not None:
        from tfcli.commands.assisting import assist_run

        assist_run(config, ranks)
        raise typer.Exit
    from tfcli.commands.remarks import remarks_on
    from tfcli.commands.train import train_run

    if not quiet:
        for note in remarks_on(config):
            hint(note)
    with audience(watched, slow, quiet, debug) as listening:
        return train_run(config, name, out, listening, ranks)


def resume_training(
    run: str,
    overrides: list[str],
    trust: list[Path],
    heads: tuple[int, int] | None,
    slow: bool,
    quiet: bool,
    debug: bool,
    ranks: "Ranks | None",
) -> "TrainReport":
    """Let a run go on with a display on stderr, or take part in that."""
    from tfcli.runs.folders import find

    path = find(run)
    if is_helper() and ranks is not None:
        from tfcli.commands.assisting import assist_resumed

        assist_resumed(path, overrides, trust, ranks)
        raise typer.Exit
    from tfcli.commands.resume import read_config
    from tfcli.commands.train import resume_run

    watched = None if heads is None else choose_head(read_config(path), *heads)
    with audience(watched, slow, quiet, debug) as listening:
        return resume_run(path, overrides, trust, listening, ranks)


@contextmanager
def audience(watched: "Choice | None", slow: bool, quiet: bool, debug: bool) -> Iterator["Audience"]:
    """Show a training on stderr."""
    from tfcli.commands.train import Audience
    from tfcli.render.progress import make_display
    from tfcli.render.terminal import is_live, make_console

    console = make_console(stderr=True)
    if watched and not quiet and not is_live(console):
        warn("--watch needs a terminal; there is none here to draw on")
    with make_display(console, quiet, slow) as display:
        note = (lambda remark: None) if quiet else hint
        transferred = (lambda rows: None) if quiet else show_transfer
        yield Audience(display.show, watched, slow, note, warn, transferred, debug)


def show_transfer(rows: "list[TransferRow]") -> None:
    """Print on stderr what was taken from another run."""
    from tfcli.render.reports import print_transfer
    from tfcli.render.terminal import make_console

    print_transfer(make_console(stderr=True), rows)


def tell(report: "TrainReport", name: str, quiet: bool, as_json: bool) -> None:
    """Print the outcome, and what to try next."""
    from tfcli.render.reports import print_train

    print_result(report, print_train, as_json=as_json)
    if report.interrupted:
        if not quiet:
            hint(f"next: tfcli train --resume {quote(name)}")
        raise typer.Exit(130)
    if report.diverged:
        warn(f"its loss is far above that of a guess: {SMALLER_RATE}")
        raise typer.Exit(1)
    if not quiet:
        better = "" if report.solved else "; more train.steps or train.attempts may solve it"
        hint(f"next: tfcli eval {quote(name)}, tfcli attn {quote(name)}{better}")
