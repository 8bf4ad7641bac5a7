"""`train TASK --from RUN` of an imported run: what is taken means the same in the new model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.conftest import Cli
from tests.pretrained import tiny
from tfcli.checkpoints.loading import load_run
from tfcli.checkpoints.transfer import Rows, copy_rows

pytest.importorskip("tokenizers")
WORDS = ["the", "cat", "dog", "sat"]
AS_IT_IS = ["train.steps=1", "train.learning_rate=1e-30", "train.weight_decay=0", "train.threads=1"]


@pytest.fixture
def imported(folder: Path, cli: Cli) -> Path:
    tiny.write(folder / "bert")
    cli("import", "bert")
    return folder / "runs" / "bert"


def logits_of(run: Path, words: list[str], answers: list[str]) -> torch.Tensor:
    """Return what a run answers to words, as logits [T, V] over some of its symbols."""
    loaded = load_run(run)
    inputs = torch.tensor([[loaded.task.symbols.index(word) for word in words]])
    chosen = [loaded.task.answer_symbols.index(answer) for answer in answers]
    with torch.no_grad():
        logits: torch.Tensor = loaded.model(inputs)[0]
    return logits[:, chosen]


def test_the_same_words_have_the_same_logits(imported: Path, cli: Cli) -> None:
    result = cli("train", "copy", "--from", "bert", *AS_IT_IS, f"task.symbols=[{', '.join(WORDS)}]")
    assert "note: model.token_types=none: copy has no [SEP] between segments" in result.stderr
    assert "tie_embeddings" not in result.stderr
    assert "20 of 20 positions are known" in " ".join(result.stderr.split())
    sentence = ["dog", "sat", "the", "cat", "the"]
    torch.testing.assert_close(
        logits_of(Path("runs/copy"), sentence, WORDS), logits_of(imported, sentence, WORDS)
    )


def test_tied_embeddings_answer_with_symbols_of_their_own(imported: Path, cli: Cli, folder: Path) -> None:
    lines = ["the cat\tit was", "the dog\twas it", "dog cat\tit it", "cat the dog\twas was it"]
    (folder / "pairs.tsv").write_text("\n".join(lines) + "\n")
    result = cli("train", "pairs.tsv", "--from", "bert", *AS_IT_IS)
    said = "note: model.tie_embeddings=false: the answers of pairs have symbols of their own"
    assert said in result.stderr
    sentence = ["dog", "the", "cat"]
    torch.testing.assert_close(
        logits_of(Path("runs/pairs"), sentence, ["it", "was"]), logits_of(imported, sentence, ["it", "was"])
    )


def test_settings_that_are_written_are_not_changed(imported: Path, cli: Cli) -> None:
    words = ["train", "sentiment", "--from", "bert", "-q"]
    refused = cli(*words, "model.tie_embeddings=true", expect=2).stderr
    assert "the answers of sentiment have symbols of their own" in refused
    refused = cli(*words, "model.token_types={name: separated, separator: 999}", expect=2).stderr
    assert "the separator is symbol 999" in refused
    chosen = ["model.tie_embeddings=false", "model.logit_bias=false", "model.token_types=none"]
    assert "note:" not in cli(*words, *chosen, "--dry-run").stderr


def test_quiet_says_nothing_of_what_was_changed(imported: Path, cli: Cli) -> None:
    assert cli("train", "sentiment", "--from", "bert", "-q", "train.steps=1").stderr == ""


def test_a_separator_of_the_task_is_the_same_symbol(imported: Path, cli: Cli) -> None:
    result = cli("train", "copy", "--from", "bert", *AS_IT_IS, "task.symbols=[the, '[SEP]', cat, dog]")
    assert "token_types" not in [
        line.split()[1].split("=")[0] for line in result.stderr.splitlines() if "note" in line
    ]
    sentence = ["the", "cat", "[SEP]", "dog", "the"]
    torch.testing.assert_close(
        logits_of(Path("runs/copy"), sentence, ["the", "dog"]), logits_of(imported, sentence, ["the", "dog"])
    )


def test_what_the_task_forbids_is_refused(imported: Path, cli: Cli) -> None:
    said = cli("train", "copy", "--from", "bert", "task.layout=next", expect=2).stderr
    assert "task.layout next needs model.mask causal" in said


def test_bench_starts_from_an_imported_run(imported: Path, cli: Cli) -> None:
    words = ["bench", "sentiment", "--from", "bert", "train.steps=1", "--seeds", "0", "--json"]
    result = cli(*words, "train.train_samples=20,40")
    assert result.stderr.count("note: model.tie_embeddings=false") == 1
    [curve] = json.loads(result.stdout)["curves"]
    assert [point["from_run"]["trainings"] for point in curve["points"]] == [1, 1]


def test_rows_that_nobody_knows_are_as_large_as_those_that_are_taken() -> None:
    torch.manual_seed(0)
    tensor, source = torch.randn(400, 8), 0.05 * torch.randn(300, 8)
    names = [f"s{i}" for i in range(400)]
    assert copy_rows(tensor, source, Rows(names, names[:300], "symbols")) == 300
    assert torch.equal(tensor[:300], source)
    assert float(tensor[300:].std()) == pytest.approx(0.05, rel=0.1)


def test_symbols_are_known_by_what_they_are_for_and_behind_a_space() -> None:
    tensor, source = torch.ones(4, 2), torch.arange(8.0).view(4, 2)
    rows = Rows(["_ ", "^ ", "cat", "sat"], ["[CLS]", "[MASK]", "cat", "·sat"], "symbols")
    assert copy_rows(tensor, source, rows) == 4
    assert torch.equal(tensor, source[[1, 0, 2, 3]])
