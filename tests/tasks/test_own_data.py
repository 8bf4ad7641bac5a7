"""Tasks whose sequences stand in a file: sides, lengths, floors, and what they do without the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.base import IGNORE, Batch, Task
from tfcli.building.models import build_task
from tfcli.config.files import load_config
from tfcli.errors import UsageError


def task_of(path: Path, text: str, *overrides: str, name: str = "data.tsv") -> Task:
    (path / name).write_text(text, encoding="utf-8")
    return build_task(load_config(str(path / name), list(overrides)).task)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(batches: list[Batch] | None) -> set[tuple[int, ...]]:
    return {tuple(row) for batch in batches or [] for row in batch.inputs.tolist()}


REVERSED = "".join(
    f"{i // 100} {i // 10 % 10} {i % 10}\t{i % 10} {i // 10 % 10} {i // 100}\n" for i in range(300)
)
SHORT = "".join(f"{i} 1\t1 {i}\n" for i in range(10))


def test_a_tenth_is_held_out_and_never_trained_on(tmp_path: Path) -> None:
    task = task_of(tmp_path, REVERSED + SHORT)
    train, held_out = rows(task.training_set(None, generator())), rows(task.held_out_set(1000, generator()))
    assert not train & held_out
    assert len(train | held_out) == 310
    assert 10 <= len(held_out) <= 60
    for batch in (task.sample(50, 3, generator()), task.sample_held_out(50, 3, generator())):
        assert torch.equal(batch.targets, batch.inputs.flip(1))
    assert rows([task.sample(500, 3, generator())]) <= train
    assert rows([task.sample_held_out(500, 3, generator())]) <= held_out


def test_the_side_doesn_t_depend_on_where_a_line_stands(tmp_path: Path) -> None:
    lines = REVERSED.splitlines(keepends=True)
    both = [
        rows(task_of(tmp_path, "".join(order)).held_out_set(999, generator()))
        for order in (lines, lines[::-1])
    ]
    assert both[0] == both[1]


def test_a_line_that_comes_often_is_on_one_side(tmp_path: Path) -> None:
    task = task_of(tmp_path, REVERSED * 3)
    assert not rows(task.training_set(None, generator())) & rows(task.held_out_set(9999, generator()))


def test_another_file_is_held_out(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text(SHORT)
    task = task_of(tmp_path, REVERSED, f"task.test={tmp_path}/test.tsv")
    assert len(rows(task.training_set(None, generator()))) == 300
    assert len(rows(task.held_out_set(999, generator()))) == 10
    assert task.nearest_length(3) == 2


def test_of_two_inputs_one_is_held_out(tmp_path: Path) -> None:
    task = task_of(tmp_path, "a b\tb a\nb a\ta b\n")
    assert [
        len(rows(side)) for side in (task.training_set(None, generator()), task.held_out_set(9, generator()))
    ] == [1, 1]
    with pytest.raises(ValueError, match="two different inputs"):
        task_of(tmp_path, "a b\tb a\n").sample(1, 2, generator())


def test_lengths_beyond_training_are_held_out_as_a_whole(tmp_path: Path) -> None:
    task = task_of(tmp_path, REVERSED + SHORT, "task.max_length=2")
    assert {batch.inputs.shape[1] for batch in task.training_set(None, generator()) or []} == {2}
    assert len(task.sample_held_out(999, 3, generator()).inputs) == 300
    assert {batch.inputs.shape[1] for batch in task.held_out_set(999, generator()) or []} == {2}


def test_answers_end_and_nothing_after_that_counts(tmp_path: Path) -> None:
    task = task_of(tmp_path, "".join(f"{i}\t{i * i}\n" for i in range(100)))
    assert task.END is not None
    batch = task.sample(40, 2, generator())
    for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
        number = int("".join(task.decode(inputs.tolist())))
        said = task.decode_answer(targets[targets != IGNORE].tolist())
        assert said == [*str(number * number), "end"]
    assert task.answer_length(1) == 3
    assert task.answer_length(2) == 5
    assert task.answer_length(4) == 10  # in proportion


def test_known_inputs_have_their_answer_and_others_none(tmp_path: Path) -> None:
    task = task_of(tmp_path, REVERSED)
    known, unknown = torch.tensor([task.encode("1 2 3")]), torch.tensor([task.encode("9 9 9")])
    assert task.decode_answer(task.target(known)[0].tolist()) == ["3", "2", "1"]
    assert (task.target(unknown) == IGNORE).all()


def test_without_its_file_a_task_still_reads_and_writes(tmp_path: Path) -> None:
    (tmp_path / "data.tsv").write_text(REVERSED)
    config = load_config(str(tmp_path / "data.tsv")).task
    (tmp_path / "data.tsv").unlink()
    task = build_task(config)
    assert task.encode("1 2 3") == [1, 2, 3]
    assert (task.target(torch.tensor([[1, 2, 3]])) == IGNORE).all()
    with pytest.raises(UsageError, match=r"can't read .*data\.tsv: No such file"):
        task.sample(1, 3, generator())


TEXT = "".join(f"{i} is a number\n" for i in range(200))


def test_windows_of_a_text_tell_the_next_symbol(tmp_path: Path) -> None:
    task = task_of(tmp_path, TEXT, "task.max_length=16", name="t.txt")
    for batch in (task.sample(20, 16, generator()), task.sample_held_out(20, 16, generator())):
        assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
        for row in batch.inputs:
            assert task.text_of(row.tolist()) in TEXT
    held_out = TEXT[len(TEXT) - len(TEXT) // 10 :]
    assert all(
        task.text_of(row.tolist()) in held_out for row in task.sample_held_out(99, 16, generator()).inputs
    )


def test_a_text_that_is_too_short_is_refused(tmp_path: Path) -> None:
    task = task_of(tmp_path, TEXT[:100], "task.max_length=16", name="t.txt")
    with pytest.raises(ValueError, match="its text is too short: 91 symbols to learn and 10 held out"):
        task.sample(1, 16, generator())


def test_words_of_a_text_are_read_and_written(tmp_path: Path) -> None:
    task = task_of(tmp_path, TEXT, "task.tokens=words", "task.max_length=8", name="t.txt")
    ids = task.encode("7 is\na number")
    assert task.decode(ids) == ["7", "is", "⏎", "a", "number"]
    assert task.text_of(ids) == "7 is \na number "


def test_a_finite_part_of_a_text_lies_side_by_side(tmp_path: Path) -> None:
    task = task_of(tmp_path, TEXT, "task.max_length=16", name="t.txt")
    assert task.training_set(None, generator()) is None
    [batch] = task.training_set(3, generator()) or []
    assert task.text_of(batch.inputs.flatten().tolist()) == TEXT[:48]
