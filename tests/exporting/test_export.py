"""`export`: what is written, what is said of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import SMALL, Cli, as_json
from tests.pretrained import tiny
from tfcli import registry
from tfcli.checkpoints.loading import load_run
from tfcli.commands import export_targets, exporting
from tfcli.exporting.tokenizer import make_tokenizer

GPT2 = [
    "model.positions=learned",
    "model.mask=causal",
    "model.feed_forward.activation=gelu_tanh",
    "model.tie_embeddings=true",
]
SHORT = [*SMALL, "train.steps=2", "-q"]


@pytest.fixture
def speaking(cli: Cli) -> Path:
    cli("train", "copy", *SHORT, *GPT2, "task.layout=next", "--out", "runs/speaking")
    return Path("runs/speaking")


@pytest.fixture
def imported(cli: Cli) -> Path:
    pytest.importorskip("tokenizers")
    tiny.write(Path("bert"))
    cli("import", "bert")
    return Path("runs/bert")


def test_an_onnx_file_tells_of_its_run_and_of_nothing_else(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx: Any = pytest.importorskip("onnx")
    for name in ("onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    path = tmp_path / "reverse.onnx"
    words = ["export", "reverse", "--to", "onnx", "--padding", "--out", str(path)]
    report = as_json(run_cli, *words)
    assert (report["run"], report["format"], report["out"]) == ("runs/reverse", "onnx", str(path))
    assert report["size"] == path.stat().st_size
    assert 0 <= report["difference"] < 1e-5
    model = onnx.load(path)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts.pop("symbols")) == json.loads(facts.pop("answers")) == ["0", "1", "2", "3"]
    assert facts.pop("tfcli").startswith("0.")
    assert facts == {"run": "reverse", "task": "reverse", "layout": "aligned"}
    axes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    both = ["batch", "length"]
    assert axes == {"inputs": both, "may_attend": both, "logits": [*both, 4]}
    assert b".py" not in path.read_bytes()  # no file of whoever exported it

    assert "exists already; --force overwrites it" in " ".join(run_cli(*words, expect=2).stderr.split())
    monkeypatch.setattr(exporting, "make_onnx", lambda *_, **__: model)
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    result = run_cli(*words, "--force")
    assert "an ONNX graph of runs/reverse" in " ".join(result.stdout.split())
    assert "it wasn't tried, which needs onnxruntime: pip install" in " ".join(result.stderr.split())


def test_an_own_run_becomes_a_folder_that_transformers_and_import_read(speaking: Path, cli: Cli) -> None:
    from tests.pretrained.foreign import transformers

    result = cli("export", "speaking", "--to", "hf")
    assert result.stdout.startswith("speaking-hf: a GPT2LMHeadModel of runs/speaking, ")
    assert "logits are 0e+00 of the largest off at most" in result.stdout
    run = load_run(speaking)
    tokenizer = transformers.AutoTokenizer.from_pretrained("speaking-hf")
    model = transformers.AutoModelForCausalLM.from_pretrained("speaking-hf").eval()
    read = tokenizer("0 3 1 2", return_tensors="pt")
    assert read["input_ids"][0].tolist() == run.task.encode("0 3 1 2")
    with torch.no_grad():
        torch.testing.assert_close(model(**read).logits, run.model(read["input_ids"]), rtol=1e-4, atol=1e-5)
    cli("import", "speaking-hf", "--out", "runs/again")
    again = load_run(Path("runs/again")).model.state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in run.model.state_dict().items())


def test_an_imported_run_keeps_its_weights_and_its_tokenizer(imported: Path, cli: Cli) -> None:
    from tests.pretrained.foreign import transformers

    assert as_json(cli, "export", "bert", "--to", "hf")["model"] == "BertForMaskedLM"
    before, after = load_file("bert/model.safetensors"), load_file("bert-hf/model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    run, tokenizer = load_run(imported), transformers.AutoTokenizer.from_pretrained("bert-hf")
    read = tokenizer("the cats sat", "it was tired", return_tensors="pt")
    ids = run.encode("the cats sat ||| it was tired")
    assert read["input_ids"][0].tolist() == ids.tolist()
    model = transformers.AutoModelForMaskedLM.from_pretrained("bert-hf").eval()
    with torch.no_grad():
        torch.testing.assert_close(model(**read).logits, run.model(ids[None]), rtol=1e-4, atol=1e-4)
    assert (tokenizer.mask_token, tokenizer.pad_token) == ("[MASK]", "[PAD]")


def test_a_bare_model_says_what_its_logits_are(cli: Cli) -> None:
    post = ["model.norm_placement=post", "model.embedding_norm=true", "model.tie_embeddings=true"]
    cli("train", "copy", *SHORT, *post, "model.positions=learned", "--out", "runs/bare")
    result = cli("export", "bare", "--to", "hf")
    assert "a BertModel of runs/bare" in result.stdout
    assert "the products of what it returns with its embeddings" in " ".join(result.stderr.split())


def test_a_folder_for_transformer_lens_has_a_configuration_and_tensors(speaking: Path, cli: Cli) -> None:
    report = as_json(cli, "export", "speaking", "--to", "transformer-lens")
    assert (report["out"], report["model"], report["difference"]) == (
        "speaking-lens",
        "HookedTransformer",
        None,
    )
    assert {path.name for path in Path("speaking-lens").iterdir()} == {"config.json", "model.safetensors"}
    config = json.loads(Path("speaking-lens/config.json").read_text())
    assert (config["attention_dir"], config["n_ctx"], config["act_fn"]) == ("causal", 5, "gelu_new")
    assert load_file("speaking-lens/model.safetensors")["blocks.0.attn.W_Q"].shape == (4, 32, 8)
    assert 'pip install "transformer-lens<4"' in " ".join(report["notes"])


def test_what_lens_needs_to_be_told_is_told(imported: Path, cli: Cli) -> None:
    notes = as_json(cli, "export", "bert", "--to", "transformer-lens")["notes"]
    assert "its token_type_ids count the symbols 3 before each token" in notes
    first = ["task.layout=first", "model.positions=learned", "--out", "runs/parity"]
    cli("train", "even-pairs", "task.max_length=5", "model.attention_scale=standard", *SHORT[-2:], *first)
    assert (
        "the answer is what it says at the first token"
        in as_json(cli, "export", "parity", "--to", "transformer-lens")["notes"]
    )


def test_a_folder_is_filled_again_only_if_that_is_asked_for(speaking: Path, cli: Cli) -> None:
    cli("export", "speaking", "--to", "hf", "--out", "out")
    words = ["export", "speaking", "--to", "transformer-lens", "--out", "out"]
    assert "--out out: exists already; --force overwrites it" in cli(*words, expect=2).stderr
    assert cli(*words, "--force", "-q").output == ""
    assert {path.name for path in Path("out").iterdir()} == {"config.json", "model.safetensors"}
    result = cli(*words[:-1], "runs/speaking", "--force", expect=2)
    assert "holds config.yaml, which no export has; choose another folder" in " ".join(result.stderr.split())


WRONG = [
    (
        ["--to", "onx"],
        "--to: no such format as 'onx'; did you mean 'onnx'? (formats: onnx, hf, transformer-lens)",
    ),
    ([], "Missing option '--to'"),
    (["speeking", "--to", "hf"], "no run is called 'speeking'; did you mean 'speaking'?"),
    (["empty", "--to", "hf"], "runs/empty has no weights yet"),
    (["--to", "hf", "--padding"], "--padding is about --to onnx"),
    (["--to", "onnx", "--out", "runs"], "--out runs: there is something that isn't a file"),
    (["--to", "hf", "--out", "file"], "--out file: there is something that isn't a folder"),
    (["--to", "hf", "--out", "no/where"], "--out no/where: there is no folder no"),
    (["ends", "--to", "hf"], "runs/ends: none of BERT, RoBERTa, DistilBERT, GPT-2 computes what it does"),
    (["ends", "--to", "transformer-lens"], "runs/ends: HookedTransformer doesn't have model.positions ends"),
    (["typed", "--to", "hf"], "runs/typed: model.token_types needs the tokenizer of an imported model"),
]


def test_a_mistake_is_told_in_a_line(speaking: Path, cli: Cli) -> None:
    pytest.importorskip("onnxscript")
    types = ["model.token_types.name=separated", "model.token_types.separator=1"]
    cli("train", "copy", *SHORT, "--out", "runs/ends")
    cli("train", "copy", *SHORT, *types, "--out", "runs/typed")
    Path("runs/empty").mkdir()
    Path("runs/empty/config.yaml").write_text("task: {name: copy}\n")
    Path("file").write_text("")
    for words, message in WRONG:
        words = words if words[:1] and not words[0].startswith("-") else ["speaking", *words]
        result = cli("export", *words, expect=1 if "empty" in words else 2)
        assert message in " ".join(result.stderr.split()), words
    assert not list(Path().glob("*-hf")) + list(Path().glob("*-lens"))


def test_a_library_that_is_missing_is_named_with_the_way_to_get_it(
    speaking: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_targets, "find_spec", lambda name: None)
    message = "--to onnx needs onnx and onnxscript: pip install onnx onnxscript onnxruntime"
    assert message in " ".join(cli("export", "--to", "onnx", expect=2).stderr.split())


def test_what_cannot_be_written_is_told(speaking: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "write_atomically", fail)
    result = cli("export", "--to", "transformer-lens", expect=1)
    assert "can't write speaking-lens: No space left on device" in result.stderr


TEXT = "to be, or not\nto  be"


@pytest.mark.parametrize("are_characters", [False, True])
def test_a_tokenizer_reads_a_text_as_its_task_does(are_characters: bool) -> None:
    pytest.importorskip("tokenizers")
    symbols = ["␣", "⏎", *sorted(set("tobe,rn"))] if are_characters else ["not", "⏎", "to", "be,", "be", "or"]
    task = registry.import_task_module("own_text").OwnText(
        symbols, are_characters, 1, 9, lambda required: None
    )
    tokenizer = make_tokenizer(symbols, is_text=True, are_characters=are_characters)
    ids = tokenizer.encode(TEXT).ids
    assert ids == task.encode_prompt(TEXT)
    if are_characters:
        assert tokenizer.decode(ids) == TEXT


def test_a_tokenizer_of_symbols_reads_words_composed_and_refuses_others() -> None:
    pytest.importorskip("tokenizers")
    tokenizer = make_tokenizer(["é", "(", "10"], is_text=False, are_characters=False)
    assert tokenizer.encode("( e\u0301\n10").ids == [1, 0, 2]
    with pytest.raises(Exception, match=r"\[UNK\]"):
        tokenizer.encode("é x")


def test_force_overwrites_no_file_of_another_kind(run_cli: Cli) -> None:
    weights = Path("runs/reverse/model.safetensors")
    before = weights.read_bytes()
    result = run_cli("export", "--to", "onnx", "--out", str(weights), "--force", expect=2)
    assert "exists already, and is no .onnx file" in " ".join(result.stderr.split())
    assert weights.read_bytes() == before
