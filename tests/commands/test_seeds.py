"""Several seeds: each becomes an ordinary run, whether they are trained together or one after the other."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.commands.resuming import left_behind
from tests.conftest import Cli, as_json
from tfcli.commands.ending import BrokenOffError
from tfcli.commands.seeds import train_seeds
from tfcli.commands.together import NotTogetherError, Planned, train_together
from tfcli.commands.train import Audience, resume_run, train_run
from tfcli.config import together
from tfcli.config.schema import RunConfig
from tfcli.config.together import may_go_together
from tfcli.errors import DivergedError, TfcliError
from tfcli.records.progress import Progress
from tfcli.records.results import TrainReport
from tfcli.runs import folders, headers
from tfcli.training.loop import Trainer
from tfcli.training.stack import Stack

STEPS = 12
SMALL = ["task.vocab_size=4", "task.max_length=4", "model.d_model=16", "train.batch_size=8"]


def config(seeds: int = 4, **sections: dict[str, Any]) -> RunConfig:
    train = {"steps": STEPS, "batch_size": 8, "eval_every": 5, "eval_samples": 40, "threads": 1}
    train |= {"seeds": seeds, "snapshot_every": 6, **sections.get("train", {})}
    task = {"name": "reverse", "vocab_size": 4, "max_length": 4}
    model = {"d_model": 16, "n_heads": 2, **sections.get("model", {})}
    return RunConfig.model_validate({"task": task, "model": model, "train": train})


def planned(seeds: int = 4, **sections: dict[str, Any]) -> list[Planned]:
    return [Planned(one, f"seed-{one.train.seed}") for one in config(seeds, **sections).each_seed()]


def test_each_run_is_as_if_it_had_been_trained_alone(folder: Path) -> None:
    reports = train_together(planned())
    for one, report in zip(planned(), reports, strict=True):
        assert isinstance(report, TrainReport)
        alone = Path(train_run(one.config, "alone", None).run)
        run = Path(report.run)
        assert {path.name for path in run.iterdir()} == {path.name for path in alone.iterdir()}
        assert folders.snapshots(run).keys() == folders.snapshots(alone).keys() == {0, 6, 12}
        found, expected = left_behind(run), left_behind(alone)
        assert found["config"] == expected["config"]
        assert found["summary"] == expected["summary"]
        for line, other in zip(found["metrics"], expected["metrics"], strict=True):
            assert line == pytest.approx(other, rel=1e-3, abs=1e-4)


def test_runs_that_are_stopped_go_on_alone(folder: Path) -> None:
    def stop(latest: Sequence[Progress | None]) -> None:
        if latest[0] is not None and latest[0].step == 7:
            signal.raise_signal(signal.SIGINT)

    reports = train_together(planned(), stop)
    for one, report in zip(planned(), reports, strict=True):
        assert isinstance(report, TrainReport)
        assert (report.steps, report.interrupted) == (8, True)
        resumed = resume_run(Path(report.run), [])
        assert (resumed.steps, resumed.interrupted) == (STEPS, False)
        alone = train_run(one.config, "alone", None)
        assert resumed.token_accuracy == pytest.approx(alone.token_accuracy, abs=0.05)


def test_whoever_will_not_wait_breaks_off_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfcli.commands.saver.SAVE_EVERY", 0.0)
    monkeypatch.setattr("tfcli.commands.saver.MOST_TIME", 1e9)

    def stop(latest: Sequence[Progress | None]) -> None:
        if latest[0] is not None and latest[0].step == 3:
            raise KeyboardInterrupt

    with pytest.raises(BrokenOffError, match="of each of the 4 runs"):
        train_together(planned(), stop)
    for number in range(4):
        assert headers.read_header(folder / f"runs/seed-{number}").summary.steps == 3
        assert not (folder / f"runs/seed-{number}/training.lock").exists()


def test_a_second_interrupt_within_a_step_breaks_off_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Stack.take_together

    def break_off(stack: Stack, step: int) -> Any:
        if step == 3:
            raise KeyboardInterrupt
        return take(stack, step)

    monkeypatch.setattr(Stack, "take_together", break_off)
    with pytest.raises(BrokenOffError, match="what was last saved"):
        train_together(planned())
    assert not list(folder.glob("runs/*/training.lock"))


def spoil(monkeypatch: pytest.MonkeyPatch, seed: int, step: int) -> None:
    """Let the training with a seed diverge."""
    begin = Trainer.begin

    def begin_or_break(trainer: Trainer, at: int) -> Any:
        if trainer.config.seed == seed and at == step:
            trainer.optimizer.values.fill_(float("nan"))
        return begin(trainer, at)

    monkeypatch.setattr(Trainer, "begin", begin_or_break)


def test_one_that_diverges_does_not_end_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, seed=2, step=3)
    outcomes = train_together(planned())
    assert isinstance(outcomes[2], DivergedError)
    assert "at step 3" in str(outcomes[2])
    for number in (0, 1, 3):
        report = outcomes[number]
        assert isinstance(report, TrainReport)
        assert report.steps == STEPS


@pytest.mark.parametrize("seeds", [3, 4], ids=["in turn", "together"])
def test_one_that_fails_is_told_of(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch, seeds: int
) -> None:
    spoil(monkeypatch, seed=1, step=3)
    words = ["train", "reverse", *SMALL, "train.steps=10", f"train.seeds={seeds}"]
    result = cli(*words, expect=1)
    assert "seed 1: the loss became nan at step 3" in result.stdout
    assert f"0 of {seeds} solved, after 10 steps (median)" in result.stdout
    found = as_json(cli, *words, expect=1)["seeds"]
    assert [record["outcome"] is None for record in found] == [number == 1 for number in range(seeds)]
    assert "the loss became nan" in found[1]["problem"]


def test_seeds_become_runs_like_any_other(cli: Cli, folder: Path) -> None:
    words = ["train", "reverse", *SMALL, "train.steps=25", "train.seed=7", "train.seeds=4"]
    result = cli(*words)
    assert "one after the other" not in result.stderr
    assert "next: tfcli eval runs/reverse-seed-7, tfcli ls" in result.stderr
    assert folders.run_names() == [f"reverse-seed-{number}" for number in range(7, 11)]
    assert as_json(cli, "inspect", "reverse-seed-9")["config"]["train"]["seed"] == 9
    assert as_json(cli, "inspect", "reverse-seed-9")["config"]["train"]["seeds"] == 1
    assert as_json(cli, "eval", "reverse-seed-9", "--samples", "5", "--lengths", "3")["lengths"]
    assert cli("attn", "reverse-seed-9", "1 2").stdout
    assert "runs/reverse-seed-7-2" in cli(*words, "--quiet").stdout  # nothing is overwritten


def test_a_folder_for_all(cli: Cli, folder: Path) -> None:
    words = ["train", "reverse", *SMALL, "train.steps=2", "train.seeds=2", "--out", "both"]
    assert "there are fewer than 4" in cli(*words).stderr
    assert sorted(path.name for path in (folder / "both").iterdir()) == ["seed-0", "seed-1"]
    assert "both exists already" in cli(*words, expect=2).stderr


def test_more_than_go_together_are_trained_in_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfcli.commands.seeds.MOST", 4)
    told: list[list[int | None]] = []

    def show(latest: Sequence[Progress | None]) -> None:
        told.append([None if progress is None else progress.step for progress in latest])

    report = train_seeds(config(seeds=6), "many", None, show=show)
    assert [record.seed for record in report.seeds] == list(range(6))
    assert all(record.outcome is not None for record in report.seeds)
    assert told[0] == [1, 1, 1, 1, None, None]
    assert told[-1] == [STEPS] * 6


def test_an_interrupt_ends_what_has_begun_and_begins_no_more(folder: Path) -> None:
    def stop(latest: Sequence[Progress | None]) -> None:
        if latest[0] is not None and latest[0].step == 2:
            signal.raise_signal(signal.SIGINT)

    report = train_seeds(config(seeds=3), "few", None, show=stop)
    record, *others = report.seeds
    assert record.outcome is not None
    assert record.outcome.interrupted
    assert [(other.seed, other.outcome, other.problem) for other in others] == [
        (1, None, None),
        (2, None, None),
    ]


def test_what_a_part_does_not_allow_is_trained_in_turn(folder: Path) -> None:
    Path("parts.py").write_text(
        "import tfcli\nclass Branching(tfcli.Norm):\n"
        "    def forward(self, x):\n        return x if x.sum() > 0 else 2 * x\n"
    )
    notes: list[str] = []
    settings = config(model={"norm": "parts.py:Branching"})
    report = train_seeds(settings, "own", None, Audience(note=notes.append))
    assert "one after the other: a part can't go through for several models at once" in notes[0]
    assert "`tfcli sweep` with train.seed=0:3 trains one on each core" in notes[0]
    assert len(report.seeds) == 4
    with pytest.raises(NotTogetherError):
        train_together([Planned(one, "own") for one in settings.each_seed()])


@pytest.mark.parametrize("large", [False, True])
def test_where_a_sweep_takes_less_that_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    notes: list[str] = []
    if large:
        monkeypatch.setattr("tfcli.commands.seeds.LARGE", 1)
    train_seeds(config(), "some", None, Audience(note=notes.append))
    told = "`tfcli sweep` with train.seed=0:3 takes less time for a model as large as this"
    assert [told in note for note in notes] == [True] * large


def test_with_debug_each_is_looked_at_by_itself(folder: Path) -> None:
    notes: list[str] = []
    train_seeds(config(), "debug", None, replace(Audience(note=notes.append), debug=True))
    assert "--debug" in notes[0]
    assert "sweep" not in notes[0]


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({}, None),
        ({"train": {"attempts": 2}}, "train.attempts"),
        ({"model": {"dropout": 0.1}}, "model.dropout"),
        ({"model": {"indices": "randomized", "positions": "learned"}}, "randomized"),
        ({"train": {"precision": "bfloat16"}}, "bfloat16"),
        ({"train": {"device": "cuda"}}, None),
        ({"train": {"optimizer": "muon"}}, None),
        ({"train": {"batch_size": 10_000}}, "so much work"),
        ({"model": {"d_model": 512}}, "so much work"),
    ],
    ids=str,
)
def test_what_is_known_before_anything_is_made(sections: dict[str, Any], reason: str | None) -> None:
    found = may_go_together(config(**sections).each_seed())
    assert found is None if reason is None else reason in str(found)


def test_several_threads_let_larger_models_go_together() -> None:
    larger = config(train={"batch_size": 1600}).each_seed()
    assert "so much work" in str(may_go_together(larger))
    assert may_go_together(larger, threads=2) is None
    assert "so much work" in str(may_go_together(config(train={"batch_size": 16_000}).each_seed(), threads=2))


def test_trainings_that_differ_in_more_than_their_seed_do_not_go_together() -> None:
    first, *others = config().each_seed()
    [other] = config(1, train={"learning_rate": 0.5}).each_seed()
    assert may_go_together([first, *others, other]) == "they differ in train.learning_rate"
    assert may_go_together([first] * (together.FEWEST - 1)) == f"there are fewer than {together.FEWEST}"


def test_a_folder_that_can_not_be_written_fails_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tfcli.commands.recording import Recorder

    begin = Recorder.begin

    def fail(recorder: Recorder) -> None:
        if recorder.config.train.seed == 3:
            raise TfcliError("the disk is full")
        begin(recorder)

    monkeypatch.setattr(Recorder, "begin", fail)
    outcomes = train_together(planned())
    assert [isinstance(outcome, TrainReport) for outcome in outcomes] == [True, True, True, False]
    assert not (folder / "runs/seed-3").exists()


def test_watching_is_for_one(cli: Cli) -> None:
    assert (
        "--watch is about one training"
        in cli("train", "reverse", "train.seeds=2", "--watch", expect=2).stderr
    )


def test_what_may_help_seeds_that_diverge_is_told_once(cli: Cli) -> None:
    words = ["train", "reverse", *SMALL, "train.steps=60", "train.warmup_steps=0", "train.seeds=2"]
    said = cli(*words, "train.learning_rate=30", "-q", expect=1).stderr
    assert said.count("of 2 seeds is far above that of a guess: a smaller train.learning_rate") == 1
