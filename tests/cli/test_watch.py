"""`train --watch`, as a person runs it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.conftest import SMALL, Cli, invoke
from tfcli.checkpoints.loading import load_run
from tfcli.commands import inspect
from tfcli.commands.inspect import resolve_sequence
from tfcli.commands.train import Audience, train_run
from tfcli.config.files import load_config
from tfcli.records.inspection import Choice
from tfcli.records.progress import Progress
from tfcli.render.progress import LOOK, LiveDisplay

SNAPSHOTS = [*SMALL, "train.snapshot_every=20", "train.steps=50", "train.stop_when_solved=false"]


def test_watch_draws_the_head_as_it_is(folder: Path) -> None:
    config = load_config("reverse", SNAPSHOTS)
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    display = LiveDisplay(console)
    maps = []

    def show(record: Progress) -> None:
        if record.fresh:
            assert record.attention is not None
            [layer] = record.attention.layers
            assert (layer.layer, [head.head for head in layer.heads]) == (0, [2])
            maps.append(layer.heads[0].weights)
            console.print(display.picture(record))

    train_run(config, "x", None, Audience(show, Choice([0], [2])))
    assert maps[0] != maps[-1]
    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert text.count("layer 0 head 2") == len(maps) == 2
    assert max(map(cell_len, text.splitlines())) <= 80
    run = load_run(Path("runs/x"))
    final = inspect.attend(run, resolve_sequence(run, None, 0), Choice([0], [2]))
    assert final.layers[0].heads[0].weights == maps[-1]


def test_a_slow_watch_draws_many_maps_and_waits_at_each(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    monkeypatch.setattr("tfcli.render.progress.time.sleep", naps.append)
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    steps = []
    with LiveDisplay(console, slow=True) as display:

        def show(record: Progress) -> None:
            if record.attention is not display.map:
                steps.append(record.step)
            display.show(record)

        config = load_config(
            "reverse", ["train.steps=130", "train.stop_when_solved=false", "train.eval_every=65"]
        )
        train_run(config, "x", None, Audience(show, Choice([0], [2]), often=True))
    assert steps[:59] == list(range(1, 60))
    assert [step for step in steps if step > 115] == [116, 118, 120, 124, 128, 130]
    assert naps == [LOOK] * len(steps)


def test_watching_changes_nothing(folder: Path) -> None:
    for name, words in (("a", []), ("b", ["--watch", "--slow", "--head", "1"])):
        invoke("train", "reverse", *SMALL, "-q", "--out", name, *words)
    first, second = (Path(name, "model.safetensors").read_bytes() for name in "ab")
    assert first[-10_000:] == second[-10_000:]


def test_watch_says_where_it_cannot_draw(cli: Cli) -> None:
    result = cli("train", "copy", *SMALL, "train.steps=1", "--watch")
    assert "--watch needs a terminal" in result.stderr
