"""What people get wrong: one clear message, the right exit code, and nothing lost."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import SMALL, Cli, as_json, invoke, invoke_in
from tfcli.cli.boundary import explained_errors

HOT = [*SMALL, "train.learning_rate=1e30", "train.warmup_steps=0"]
WRONG = [
    (["train"], 2, "name an example or a file first: tfcli train reverse (examples: copy, reverse"),
    (["train", "model.n_layers=2"], 2, "name an example or a file first"),
    (["train", "revers"], 2, "no example is called 'revers'; did you mean 'reverse'?"),
    (["train", "nowhere.yaml"], 2, "can't read nowhere.yaml: No such file or directory"),
    (["train", "reverse", "--model.n_layers=2"], 2, "write it without dashes, model.n_layers=2"),
    (["sweep", "reverse", "--dry-run", "--save", "a.csv"], 2, "--dry-run has none; leave one of them out"),
    (["sweep", "reverse", "--model.n_layers=1,2"], 2, "write it without dashes, model.n_layers=1,2"),
    (["sweep", "reverse", "--seeds", "0:4"], 2, "write it without dashes, train.seed=0:4"),
    (["train", "reverse", "--sed", "1"], 2, "No such option: --sed"),
    (["train", "reverse", "modl.n_layers=2"], 2, "write it as model.n_layers=2"),
    (["train", "reverse", "model.n_layer=2"], 2, "did you mean 'n_layers'?"),
    (["train", "reverse", "model.n_heads=3"], 2, "must divide d_model = 64"),
    (["train", "reverse", "task.name=x.py:Task"], 2, "can't read x.py: No such file"),
    (["train", "reverse", "--seed", "-1"], 2, "train.seed = -1: must be greater than or equal to 0"),
    (["train", "reverse", "train.device=cuda:99"], 2, "there is no device cuda:99 here"),
    (["train", "reverse", "--out", "file/run"], 2, "can't make the folder file/run: "),
    (["train", "reverse", "--out", "file"], 2, "file exists already; choose another --out"),
    (["train", "reverse", "-q", *HOT], 1, "at step"),
    (["train", "parity", "task.layout=aligned", "-q"], 2, "parity has no answer for each token of the input"),
    (["train", "binary-addition"], 2, "no example is called 'binary-addition', but a task is: train copy"),
    (["train", "reverse", "model.indices=randomized", "task.max_length=2049"], 2, "up to 2048, not 2049"),
    (
        ["train", "duplicate", "model.positions=none", "model.indices=randomized", "task.max_length=1025"],
        2,
        "task.max_length: randomized indices know lengths up to 1024, not 1025",
    ),
    (["predict", "reverse", "- 1"], 2, "a sequence that begins with - wants -- before it"),
    (["bench", "reverse", "train.seed=3"], 2, "the seeds come from --seeds FIRST:LAST"),
    (["bench", "reverse", "--lengths", ""], 2, "can't read --lengths ''"),
    (["bench", "sort", "train.train_samples=100,0"], 2, "write whole numbers from 1 on, such as"),
    (["bench", "sort", "train.train_samples=1e2,x"], 2, "can't read train.train_samples=1e2,x"),
    (["bench", "sort", "train.steps=5,10"], 2, "only train.train_samples may have several values"),
    (["bench", "sort", "train.train_samples=5,500", "task.max_length=2"], 2, "ask for no more"),
    (["train", "sort", "train.train_samples=100,300"], 2, "must be one whole number; `tfcli bench` trains"),
    (["bench", "reverse", "--seeds", "0:99999999"], 2, "at most 10000 of them"),
    (["bench", "copy", "model.positions=learned", "--lengths", "41"], 2, "know lengths up to 20, not 41"),
    (["bench", "copy", "parity", "task.layout=aligned"], 2, "parity has no answer for each token"),
    (["eval", "revers"], 2, "no run is called 'revers'; did you mean 'reverse'?"),
    (["eval", "--lengths", "0"], 2, "lengths go up from 1"),
    (["eval", "--lengths", "5:1"], 2, "lengths go up from 1"),
    (["eval", "--lengths", "1:9:0"], 2, "in steps of at least 1"),
    (["eval", "--lengths", "1-5"], 2, "write 1:40, 41:500:50 or 10,41,500"),
    (["eval", "--lengths", ""], 2, "can't read --lengths ''"),
    (["eval", "--lengths", "999999999"], 2, "at most 100000"),
    (["eval", "--samples", "0"], 2, "--samples"),
    (["eval", "--device", "abacus"], 2, "must be auto, cpu, cuda, cuda:N or mps"),
    (["eval", "--save", "x.png"], 2, "the suffix says the format, one of .svg .json"),
    (["eval", "--save", "map.svg"], 2, "exists already; --force overwrites it"),
    (["eval", "--force"], 2, "--force is about the file of --save"),
    (["eval", "learned", "--lengths", "6"], 2, "learned positions know lengths up to 5, not 6"),
    (["attn", "revers"], 2, "'revers' is none of the symbols 0 1 2 3, and no run is called that"),
    (["attn", "3 x"], 2, "'x' is none of the symbols 0 1 2 3"),
    (["attn", "reverse", ""], 2, "the sequence is empty"),
    (["attn", "reverse", "3", "1"], 2, "write a sequence in quotes"),
    (["attn", "--layer", "1"], 2, "there is no layer 1; this model has only layer 0"),
    (["attn", "--head", "4"], 2, "there is no head 4; this model's heads are 0 to 3"),
    (["attn", "reverse", "0 " * 3000], 2, "attention is shown for up to 2048 tokens, not 3000"),
    (["attn", "learned", "0 1 2 3 0 1"], 2, "learned positions know lengths up to 5, not 6"),
    (["attn", "--mean", "--rollout"], 2, "--mean and --rollout are two ways to sum heads up"),
    (["attn", "--rollout", "--head", "1"], 2, "--rollout is over all heads; leave --head out"),
    (["attn", "--force"], 2, "--force is about the file of --save"),
    (["inspect", "--samples", "3"], 2, "--samples is about --heads"),
    (["train", "copy", "train.attempts=0"], 2, "train.attempts = 0: must be greater than or equal to 1"),
    (["train", "copy", "--head", "1"], 2, "--layer, --head and --slow are about --watch"),
    (["attn", "--save", "folder.svg", "--force"], 2, "there is something that isn't a file"),
    (["attn", "--save", "x.gif"], 2, "--save x.gif: the suffix says the format, one of .html"),
    (["attn", "--save", "file"], 2, "the suffix says the format"),
    (["attn", "--save", "map.svg"], 2, "--save map.svg: exists already; --force overwrites it"),
    (["attn", "--save", "nowhere/x.svg"], 2, "--save nowhere/x.svg: there is no folder nowhere"),
    (["attn", "--over-time"], 2, "has no snapshots; train with train.snapshot_every=25"),
    (["attn", "reverse", "3 1", "--over-time", "--head", "9"], 2, "has no snapshots"),
    (["inspect", "--heads", "--samples", "0"], 2, "--samples"),
    (["inspect", "damaged", "--heads"], 1, "is damaged"),
    (["trace", "--layer", "3"], 2, "there is no layer 3; this model has only layer 0"),
    (["trace", "--head", "4"], 2, "there is no head 4; this model's heads are 0 to 3"),
    (["trace", "3 1", "--position", "2"], 2, "there is no position 2; this sequence's are 0 to 1"),
    (["trace", "3 x"], 2, "'x' is none of the symbols 0 1 2 3"),
    (["trace", "learned", "0 1 2 3 0 1"], 2, "learned positions know lengths up to 5, not 6"),
    (["patch", "--clean", "1 2"], 2, "Missing option '--corrupt'"),
    (["patch", "--clean", "1 2", "--corrupt", "1 2 3"], 2, "has 2 tokens and the corrupt one 3"),
    (["patch", "--clean", "1 2", "--corrupt", "1 2"], 2, "both sequences get the same answer"),
    (["patch", "--clean", "1 2", "--corrupt", "1 y"], 2, "--corrupt: 'y' is none of the symbols"),
    (["patch", "revers", "--clean", "1 2", "--corrupt", "1 3"], 2, "did you mean 'reverse'?"),
    (["train", "copy", "--watch", "--layer", "1"], 2, "--layer 1: this model's layers are 0 to 0"),
    (["train", "copy", "--watch", "--head", "4"], 2, "--head 4: this model's heads are 0 to 3"),
    (
        ["train", "copy", "model.attention_weights=entmax15", "train.precision=bfloat16"],
        2,
        "model.attention_weights entmax15 needs precision float32",
    ),
    (["train", "copy", "no\nkey=1\n"], 2, "can't read the override 'no\\nkey=1\\n'"),
    (["train", "copy", "model.\n=1"], 2, "unknown key model.\\n (known: d_model"),
    (["validate", "no\nfile.yaml"], 2, "can't read no\\nfile.yaml: No such file"),
    (["train", "copy", "train.snapshot_every=0"], 2, "greater than or equal to 1"),
    (["bench", "--seeds", "4:1"], 2, "can't read --seeds '4:1'; write FIRST:LAST"),
    (["bench", "--seeds", "1,4:1"], 2, "can't read --seeds '1,4:1'; write FIRST:LAST"),
    (["bench", "--seeds", "1,0:10000"], 2, "or 0,3,7, at most 10000 of them"),
    (["bench", "--seeds", "1,,2"], 2, "can't read --seeds '1,,2'"),
    (["train", "sort", "train.steps=5,10"], 2, "a whole number; `tfcli sweep` trains with each of several"),
    (["train", "sort", "train.learning_rate=0,001"], 2, "write 0.001\n"),
    (["train", "sort", "train.seed=0:4"], 2, "a whole number; `tfcli sweep` trains with each of several"),
    (["train", "sort", "model.positions=ends,none"], 2, "; `tfcli sweep` trains with each of several values"),
    (["bench", "copy", *["train.train_samples=1,2"] * 2], 2, "write train.train_samples=10,20 for several"),
    (["bench", "copy", "--plain", "train.train_samples=1,2"], 2, "--plain is about examples as they are"),
    (["train", "copy", "task.layout=next"], 2, "override task.layout=next: task.layout next needs"),
    (["ls", "--sort", ""], 2, "no run has a key ''"),
    (["ls", "--sort", "-"], 2, "no run has a key ''"),
    (["bench", "nothing"], 2, "no example is called 'nothing'"),
    (["bench", "copy", "model.n_heads=3"], 2, "must divide d_model = 64"),
    (["trace", "--save", "x.svg"], 2, "the suffix says the format, one of .html .json"),
    (["trace", "--save", "x.html", "--position", "1"], 2, "leave --position out, or --save and --open"),
    (["trace", "--open", "--stage", "scores"], 2, "leave --stage out, or --save and --open"),
    (["trace", "--save", "x.json", "--full"], 2, "a file holds all of a trace; leave --full out"),
    (["trace", "--force"], 2, "--force is about the file of --save"),
    (["bench", "--save", "x.csv"], 2, "the suffix says the format, one of .md .json"),
    (["bench", "--force"], 2, "--force is about the file of --save"),
    (["predict"], 2, "name a sequence"),
    (["predict", "learned", "0 1 2 3 0 1"], 2, "learned positions know lengths up to 5, not 6"),
    (["inspect", "nowhere"], 2, "no run is called 'nowhere'"),
    (["inspect", "empty"], 1, "empty has no weights yet"),
    (["inspect", "damaged"], 1, "is damaged: it doesn't begin with a safetensors header"),
    (["eval", "damaged"], 1, "is damaged"),
    (["attn", "cut"], 1, "is damaged"),
    (["inspect", "foreign"], 1, "wasn't written by tfcli"),
    (["attn", "foreign", "1 2"], 1, "wasn't written by tfcli"),
    (["predict", "misfit", "1 2"], 1, "is damaged"),
    (["show", "nothing"], 2, "no example is called 'nothing'"),
    (["validate", "nowhere.yaml"], 2, "can't read nowhere.yaml"),
    (["attn", "0 " * 200 + "x"], 2, "'x' is none of the symbols"),
    (["train", "reverse", "--steps", "5"], 2, "write it without dashes, train.steps=5"),
    (["train", "reverse", "--num-layers", "5"], 2, "write it without dashes, model.n_layers=5"),
    (["attn", "--layers", "0"], 2, "No such option: --layers"),
    (["train", "reverse", "--lr=1"], 2, "write it without dashes, train.learning_rate=1"),
    (["train", "reverse", "num_layers=2"], 2, "write it as model.n_layers=2"),
    (["train", "reverse", "model.num_layers=2"], 2, "did you mean 'model.n_layers'?"),
    (["train", "reverse", "n_layers=2"], 2, "write it as model.n_layers=2"),
    (["train", "reverse", "train.device=cuda:999"], 2, "must be auto, cpu, cuda, cuda:N or mps"),
    (["train", "reverse", "train.threads=99999999999"], 2, "less than or equal to 1024"),
    (["train", "reverse", "task.name=x.py"], 2, "name its class, too: x.py:ClassName"),
    (
        [
            "train",
            "reverse",
            "-q",
            *HOT,
            "train.warmup_steps=1",
            "train.steps=1",
            "train.weight_decay=1e10",
        ],
        1,
        "the weights became infinite by step 1",
    ),
    (["eval", "--samples", "9999999999"], 2, "--samples"),
    (["eval", "--seed", "9999999999999999999999"], 2, "--seed"),
    (["eval", "--device", "cuda:99"], 2, "there is no device cuda:99 here"),
    (["attn", "infinite"], 1, "its tensors are not as they were written"),
    (["inspect", "headless"], 1, "headless/model.safetensors is damaged: its header is incomplete"),
    (["inspect", "unsummed"], 1, "is damaged: its header is not as it was written"),
    (["inspect", "listed"], 1, "wasn't written by tfcli"),
    (["--bogus"], 2, "No such option: --bogus"),
    (["frobnicate"], 2, "No such command 'frobnicate'"),
    (["atn"], 2, "Did you mean 'attn'?"),
]


@pytest.fixture(scope="session")
def wreckage(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    """Return a folder with a good run and several bad ones."""
    folder = tmp_path_factory.mktemp("wreckage")
    good = (trained / "runs/reverse/model.safetensors").read_bytes()
    config = (trained / "runs/reverse/config.yaml").read_text()
    length = int.from_bytes(good[:8], "little")
    header = good[8 : 8 + length]
    misfit = header.replace(b'\\"d_model\\":32', b'\\"d_model\\":64')
    assert misfit != header
    weights = {
        "empty": None,
        "damaged": b"these are no weights",
        "cut": good[: len(good) // 2],
        "foreign": (2).to_bytes(8, "little") + b"{}",
        "misfit": with_header(misfit, good[8 + length :]),
        "infinite": good[: 8 + length] + b"\xff" * (len(good) - 8 - length),
        "headless": with_header(b'{"__metadata__": {"format": "tfcli-1"}}'),
        "unsummed": with_header(re.sub(rb'"summary":"(\\.|[^"\\])*"', b'"summary":"{}"', header)),
        "listed": with_header(b'{"__metadata__": [1]}'),
        "reverse": good,
    }
    for name, data in weights.items():
        (folder / "runs" / name).mkdir(parents=True)
        (folder / "runs" / name / "config.yaml").write_text(config)
        if data is not None:
            (folder / "runs" / name / "model.safetensors").write_bytes(data)
    (folder / "file").write_text("precious")
    (folder / "map.svg").write_text("precious, too")
    (folder / "folder.svg").mkdir()
    shutil.copytree(folder / "runs/reverse", folder / "runs/grown")
    (folder / "runs/grown/snapshots").mkdir()
    (folder / "runs/grown/snapshots/step-00000020.safetensors").write_bytes(b"nothing")
    os.utime(folder / "runs/grown/config.yaml", (1, 1))
    one_step = [*SMALL, "train.steps=1", "model.positions=learned"]
    invoke_in(folder, "train", "reverse", *one_step, "--out", "runs/learned", "-q")
    os.utime(folder / "runs/learned/config.yaml", (1, 1))  # older than the good one
    return folder


def with_header(header: bytes, rest: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + rest


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("words", "code", "message"), WRONG, ids=lambda value: str(value)[:60])
def test_a_mistake_gets_one_clear_message(
    words: list[str], code: int, message: str, wreckage: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(wreckage)
    before = contents(wreckage)
    result = cli(*words, expect=code)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output
    assert result.stdout == ""
    after = contents(wreckage)
    assert before.items() <= after.items()  # nothing lost, nothing overwritten


def test_without_a_run_the_next_step_is_named(cli: Cli) -> None:
    for command in ("eval", "attn", "inspect"):
        assert "`tfcli train reverse` makes one" in cli(command, expect=2).stderr


def test_ls_says_which_runs_are_broken(wreckage: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(wreckage)
    found = {run["run"]: run["problem"] for run in as_json(cli, "ls")["runs"]}
    assert found["reverse"] is None
    for name in ("empty", "damaged", "foreign", "headless", "unsummed", "listed"):
        assert found[name]


def test_debug_shows_where_an_error_came_from(folder: Path) -> None:
    text = invoke("--debug", "eval", expect=2).stderr
    traceback, _, message = text.rpartition("\nerror: ")
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert 'folders.py", line ' in traceback
    assert message.startswith("there is no trained run")


def test_an_unwritable_folder_is_named(folder: Path) -> None:
    (folder / "runs").write_text("not a folder")
    result = invoke("train", "copy", *SMALL, "-q", expect=2)
    assert "can't make the folder runs/copy: " in result.stderr


def test_a_broken_link_where_runs_belong_is_named(folder: Path) -> None:
    (folder / "runs").symlink_to("nowhere")
    result = invoke("train", "copy", *SMALL, "-q", expect=2)
    assert "can't make the folder runs/copy: " in result.stderr


@pytest.mark.parametrize("name", ["../escaped", "a/b", "", "..", "-n", "a\\0b"])
def test_no_entry_name_leads_out_of_the_runs(name: str, folder: Path) -> None:
    (folder / "mine.yaml").write_text(f'"{name}": {{task: {{name: copy}}}}')
    invoke("train", f"{folder / 'mine.yaml'}", *SMALL, "train.steps=1", "-q")
    [run] = (folder / "runs").iterdir()
    assert re.fullmatch(r"\w[\w.-]*", run.name)
    assert {path.name for path in folder.iterdir()} == {"mine.yaml", "runs"}


def test_unreadable_metrics_are_left_out(trained: Path, cli: Cli, folder: Path) -> None:
    shutil.copytree(trained / "runs", folder / "runs")
    metrics = folder / "runs/reverse/metrics.jsonl"
    metrics.write_text('{"step": 1, "exact_match": 0.5}\n{"exact_match": "x"}\n5\n{"exact_match": NaN}\n')
    assert len(as_json(cli, "inspect")["history"]) == 1
    cli("inspect")


def test_an_error_of_a_persons_code_is_no_trouble_with_a_file() -> None:
    with pytest.raises(OSError, match="no such dictionary"), explained_errors(debug=False):
        raise OSError("no such dictionary")
