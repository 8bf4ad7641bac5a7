"""`train --from RUN`: what is taken, what is new, what is left, and what isn't trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import Cli

TINY = ["model.d_model=16", "model.n_heads=2", "model.n_layers=2", "train.threads=1", "-q"]


@pytest.fixture
def grown(cli: Cli) -> Cli:
    cli("train", "copy", *TINY, "task.symbols=[a, b, c, d]", "train.steps=3", "--out", "runs/first")
    return cli


def weights(run: str) -> dict[str, torch.Tensor]:
    return load_file(Path("runs") / run / "model.safetensors")


def start(cli: Cli, *words: str, expect: int = 0) -> str:
    result = cli(
        "train", "reverse", "--from", "first", "train.steps=1", "train.threads=1", *words, expect=expect
    )
    return result.stderr


def test_symbols_are_matched_by_name_and_a_table_tells(grown: Cli) -> None:
    said = start(grown, "task.symbols=[x, c, a]", "train.learning_rate=1e-30", "train.weight_decay=0")
    assert "2 of 3 symbols are known" in said
    assert "blocks.1.attention" in said
    assert "taken" in said
    before, after = weights("first"), weights("reverse")
    assert torch.equal(after["embedding.weight"][1:], before["embedding.weight"][[2, 0]])
    assert torch.equal(after["unembedding.weight"][1:], before["unembedding.weight"][[2, 0]])
    assert torch.equal(after["blocks.0.attention.qkv.weight"], before["blocks.0.attention.qkv.weight"])


def test_shapes_that_differ_start_fresh(grown: Cli) -> None:
    said = start(grown, "model.d_ff=32")
    assert "[32, 16] here, [64, 16] there" in said
    assert (
        weights("reverse")["blocks.0.feed_forward.up.weight"].shape[0] == 32
        if "blocks.0.feed_forward.up.weight" in weights("reverse")
        else True
    )


def test_what_the_new_model_lacks_is_left(grown: Cli) -> None:
    assert "left" in start(grown, "model.n_layers=1")


def test_nothing_that_fits_is_a_refusal(grown: Cli) -> None:
    said = start(grown, "model.d_model=32", expect=2)
    assert "no layer of" in said
    assert "first fits this model" in said


def test_the_model_settings_are_those_of_the_run(grown: Cli) -> None:
    grown("train", "sort", "--from", "first", "--dry-run")
    text = grown("train", "sort", "--from", "first", "--dry-run").stdout
    assert "d_model: 16" in text
    assert "name: sort" in text


def test_a_task_of_pictures_starts_from_a_run_that_read_symbols(grown: Cli) -> None:
    pytest.importorskip("sklearn")
    words = ["train", "digits", "--from", "first", "train.steps=1"]
    said = grown(*words).stderr
    assert "note: model.input=patches: digits is made of them" in said
    assert "blocks.1.attention" in said
    assert "set model.input=patches" in grown(*words, "model.input=symbols", expect=2).stderr


def test_frozen_parts_stay_as_they_are(grown: Cli) -> None:
    start(grown, "task.symbols=[a, b, c, d]", "train.freeze=[embedding, blocks.*.attention]", "train.steps=4")
    before, after = weights("first"), weights("reverse")
    for name in before:
        is_frozen = name.startswith("embedding.") or ".attention." in name
        if "norm" not in name and before[name].is_floating_point():
            assert torch.equal(before[name], after[name]) == is_frozen, name


def test_earlier_layers_move_less(grown: Cli) -> None:
    options = ["task.symbols=[a, b, c, d]", "train.warmup_steps=0", "train.weight_decay=0"]
    start(grown, *options, "train.schedule=constant", "train.layer_decay=0.1")
    before, after = weights("first"), weights("reverse")

    def moved(name: str) -> float:
        return float((after[name] - before[name]).abs().mean())

    late, early = moved("blocks.1.attention.out.weight"), moved("blocks.0.attention.out.weight")
    assert early == pytest.approx(late / 10, rel=0.2)
    assert moved("unembedding.weight") == pytest.approx(late * 10, rel=0.2)
    assert moved("embedding.weight") < early


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["train.freeze=[embeding]"], "train.freeze: there is no part 'embeding'; did you mean 'embedding'?"),
        (
            ["train.freeze=[nothing-of-it]"],
            "there is no part 'nothing-of-it' (parts: embedding, blocks.0,",
        ),
        (["train.freeze=['*']"], "nothing is left to train"),
        (["train.start=runs/nothing"], "there is no run runs/nothing"),
        (["--resume", "first"], "--resume names the run"),
    ],
)
def test_what_can_t_be_is_refused(grown: Cli, words: list[str], problem: str) -> None:
    assert problem in " ".join(start(grown, *words, expect=2).split())


def test_a_run_that_isn_t_there_is_named(cli: Cli) -> None:
    assert "no run is called 'nothing'" in cli("train", "copy", "--from", "nothing", expect=2).stderr


def test_a_run_goes_on_without_the_one_it_started_from(grown: Cli) -> None:
    grown("train", "reverse", "--from", "first", "train.steps=4", "-q", "train.stop_when_solved=false")
    grown("train", "--resume", "reverse", "train.steps=6", "-q")


def test_bench_trains_from_a_run_and_anew(grown: Cli) -> None:
    words = ["bench", "copy", "--from", "first", "--seeds", "0", "train.steps=2", "--json"]
    report = json.loads(grown(*words).stdout)
    assert [entry["example"] for entry in report["entries"]] == ["copy", "copy"]
    assert [entry["start"] is None for entry in report["entries"]] == [True, False]
    assert [curve["points"][0]["train_samples"] for curve in report["curves"]] == [None]
