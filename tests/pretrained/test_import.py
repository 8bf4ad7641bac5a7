"""`import`: a run like any other, which every command looks into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import tfcli
from tests.conftest import Cli, as_json
from tests.pretrained import tiny
from tfcli.checkpoints.loading import load_run
from tfcli.model.trace import ForwardTrace
from tfcli.pretrained.conversion import convert

pytest.importorskip("tokenizers")
REAL = "TFCLI_PRETRAINED"  # a variable that names the folder of a real BERT


@pytest.fixture
def imported(folder: Path, cli: Cli) -> Path:
    tiny.write(folder / "bert")
    cli("import", "bert")
    return folder / "runs" / "bert"


def test_a_run_has_the_weights_the_settings_and_the_tokenizer(imported: Path, cli: Cli) -> None:
    assert {path.name for path in imported.iterdir()} == {
        "config.yaml",
        "model.safetensors",
        "tokenizer.json",
    }
    run, original = load_run(imported), convert(Path("bert"), separator=3)
    inputs = run.encode("the cats sat ||| it was tired")
    assert run.task.decode(inputs.tolist())[0] == "[CLS]"
    assert torch.equal(run.model(inputs[None]), original.model(inputs[None]))
    assert run.notes == []
    assert "imported" in cli("ls").stdout
    assert cli("inspect", "bert").stdout.startswith("runs/bert: imported")


def test_nothing_is_drawn_for_weights_that_are_read(imported: Path) -> None:
    state = torch.get_rng_state()
    load_run(imported)
    convert(Path("bert"))
    assert torch.equal(torch.get_rng_state(), state)


def test_two_segments_have_two_types(imported: Path) -> None:
    run, trace = load_run(imported), ForwardTrace()
    inputs = run.encode("the cat ||| the cat")
    run.model(inputs[None], trace=trace)
    assert run.model.token_types.types(inputs[None]).tolist() == [[0, 0, 0, 0, 1, 1, 1]]  # type: ignore[operator]


def test_masks_are_filled_and_all_else_is_left(imported: Path, cli: Cli) -> None:
    answer = as_json(cli, "predict", "bert", "the [MASK] sat")
    assert answer["input"] == ["[CLS]", "the", "[MASK]", "sat", "[SEP]"]
    assert [answer["prediction"][i] for i in (0, 1, 3, 4)] == ["[CLS]", "the", "sat", "[SEP]"]
    assert (answer["target"], answer["correct"]) == ([], None)
    assert cli("predict", "bert", "-", input="the cat\nthe [MASK]\n").stdout.count("\n") == 2


def test_maps_traces_patches_and_roles_are_of_the_text(imported: Path, cli: Cli, folder: Path) -> None:
    record = as_json(cli, "attn", "bert", "the cats sat")
    assert record["tokens"] == ["[CLS]", "the", "cats", "sat", "[SEP]"]
    trace = as_json(cli, "trace", "bert", "the cats sat")
    assert all(stage["agrees"] for stage in trace["stages"])
    assert [stage["name"] for stage in trace["stages"]][:2] == ["embedding", "layer norm"]
    assert "output head" in [stage["name"] for stage in trace["stages"]]
    cli("patch", "bert", "--clean", "the cat sat", "--corrupt", "a dog was")
    (folder / "lines.txt").write_text("the cat sat\n\nit was tired\nthe dog sat on the mat\n")
    heads = as_json(cli, "inspect", "bert", "--heads", "--text", "lines.txt")
    assert heads["score"]["exact_match"] == 1
    assert heads["score"]["samples"] == 3
    assert not heads["held_out"]
    assert cli("attn", "bert", "the cats", "--save", "map.html").exit_code == 0
    assert tfcli.load("runs/bert").predict("the cat")


def test_the_heaviest_keys_are_listed(imported: Path, cli: Cli) -> None:
    weights = as_json(cli, "attn", "bert", "the cats sat", "--layer", "1", "--head", "0")["layers"][0][
        "heads"
    ][0]
    lines = cli(
        "attn", "bert", "the cats sat", "--layer", "1", "--head", "0", "--top", "2"
    ).stdout.splitlines()
    rows = lines[lines.index("layer 1 head 0") + 1 :]
    assert len(rows) == 5
    for row, line in zip(weights["weights"], rows, strict=True):
        first, second = sorted(range(5), key=lambda key: -row[key])[:2]
        assert line.split()[2] == f"{row[first]:.2f}"
        assert line.split()[-1] == str(second)


WRONG = [
    (["import"], "Missing argument 'FOLDER'"),
    (["import", "gone"], "gone: no such folder"),
    (["import", "bert", "--out", "runs/bert"], "runs/bert exists already"),
    (["attn", "bert"], "its model reads text; write one in quotes"),
    (["attn", "bert", " "], "the sequence is empty"),
    (["attn", "bert", "a ||| "], "nothing stands on one side of |||"),
    (["attn", "bert", "a ||| b ||| c"], "a text has two segments at most"),
    (["attn", "bert", "the " * 40], "learned positions know lengths up to 32, not 42"),
    (["attn", "bert", "the", "--top", "2", "--json"], "--top is a way to print maps"),
    (["eval", "bert"], "nobody knows the right answers to a text"),
    (["inspect", "bert", "--heads"], "its model reads text; --text FILE has some"),
    (["inspect", "bert", "--heads", "--text", "gone.txt"], "can't read gone.txt"),
    (["inspect", "bert", "--heads", "--text", "blank.txt"], "there is no line of text to look at"),
    (["inspect", "bert", "--heads", "--text", "long.txt"], "lengths up to 32"),
    (["inspect", "bert", "--text", "blank.txt"], "--text is about --heads"),
    (["train", "runs/bert/config.yaml"], "task.tokenizer is of models that `tfcli import` brings"),
    (["train", "copy", "task.labels=[a, b]"], "task.labels is of models that `tfcli import` brings"),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_mistake_is_told_in_a_line(words: list[str], message: str, imported: Path, cli: Cli) -> None:
    Path("blank.txt").write_text("\n \n")
    Path("long.txt").write_text("the " * 40)
    stderr = cli(*words, expect=2).stderr
    assert message in " ".join(stderr.split())
    assert stderr.startswith("error: ")


def test_another_tokenizer_is_not_taken_for_the_runs_own(imported: Path, cli: Cli) -> None:
    path = imported / "tokenizer.json"
    path.write_text(path.read_text().replace("tired", "tried"))
    assert "isn't what was imported with the weights" in cli("attn", "bert", "the", expect=1).stderr
    path.unlink()
    assert "can't read" in cli("attn", "bert", "the", expect=1).stderr


def test_a_run_may_be_moved(imported: Path, cli: Cli, folder: Path) -> None:
    imported.rename(folder / "elsewhere")
    assert cli("predict", "elsewhere", "the cat").exit_code == 0


def test_a_model_without_a_tokenizer_library_says_what_to_install(
    imported: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert (
        "to read text needs tokenizers: pip install tokenizers" in cli("attn", "bert", "a", expect=2).stderr
    )


def test_a_classifier_answers_once(folder: Path, cli: Cli) -> None:
    from tests.pretrained import foreign

    path = tiny.write(folder / "bert")
    options = {
        "vocab_size": tiny.CONFIG["vocab_size"],
        "num_labels": 2,
        "id2label": {0: "bad", 1: "very good"},
    }
    foreign.save(path, "bert", "ForSequenceClassification", **options)
    cli("import", "bert")
    assert cli("predict", "bert", "the cat").stdout.strip() in ("bad", "very_good")
    assert as_json(cli, "attn", "bert", "the cat")["prediction"][0] in ("bad", "very_good")
    cli("trace", "bert", "the cat")


def test_what_predicts_the_next_piece_goes_on_with_a_text(folder: Path, cli: Cli) -> None:
    from tests.pretrained import foreign

    path = tiny.write(folder / "gpt2")
    size = tiny.CONFIG["vocab_size"]
    foreign.save(path, "gpt2", "LMHeadModel", vocab_size=size, bos_token_id=2, eos_token_id=3)
    cli("import", "gpt2")
    assert as_json(cli, "attn", "gpt2", "the cat")["layers"][0]["heads"][0]["weights"][0][1:] == [0, 0, 0]
    found = as_json(cli, "generate", "gpt2", "the cat", "--tokens", "4", "--temperature", "0")
    assert len(found["symbols"]) == 4
    assert found["text"].startswith("[CLS] the cat [SEP]")
    assert "its model reads text" in cli("generate", "gpt2", expect=2).stderr


@pytest.mark.slow
@pytest.mark.skipif(REAL not in os.environ, reason=f"{REAL} names no folder of a BERT")
def test_a_real_model_answers_as_the_original_does(folder: Path, cli: Cli) -> None:
    from tests.pretrained import foreign

    path = os.environ[REAL]
    cli("import", path, "--out", "runs/real")
    run = load_run(Path("runs/real"))
    theirs = foreign.transformers.AutoModel.from_pretrained(path, attn_implementation="eager").eval()
    for text in ("the cat sat on the mat", "who is there? ||| nobody knows", "Attention is all you need."):
        ids, trace = run.encode(text)[None], ForwardTrace()
        types = run.model.token_types.types(ids)  # type: ignore[operator]
        with torch.no_grad():
            run.model(ids, trace=trace)
            said = theirs(ids, token_type_ids=types, output_attentions=True)
        for layer, weights in zip(trace.layers, said.attentions, strict=True):
            assert float((layer.attn_weights - weights).abs().max()) < 1e-5
        assert float((trace.normed - said.last_hidden_state).abs().max() / trace.normed.abs().max()) < 1e-5
    assert json.loads(cli("attn", "runs/real", "the cat", "--json").stdout)["tokens"][0] == "[CLS]"


def test_help_imports_neither_torch_nor_tokenizers() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from tfcli.cli import app\n"
        "result = CliRunner().invoke(app, ['import', '--help'])\n"
        "assert result.exit_code == 0 and not {'torch', 'tokenizers', 'safetensors'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
