"""Damage to a checkpoint is noticed: never a silent wrong answer."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tasks.base import Task
from tests.commands.test_survival import TINY
from tests.conftest import Cli, as_json
from tfcli.building.models import build_for_training, build_model
from tfcli.checkpoints import loading
from tfcli.checkpoints.loading import load_run
from tfcli.checkpoints.saving import save_run
from tfcli.commands.train import train_run
from tfcli.config.model_section import ModelConfig
from tfcli.config.schema import RunConfig
from tfcli.errors import TfcliError
from tfcli.model.encoder import Encoder
from tfcli.records.results import TrainSummary
from tfcli.runs import folders, headers

Entry = dict[str, Any]  # of a tensor, in the header
INPUTS = torch.tensor([[0, 1, 2, 3]])


@pytest.fixture
def good(folder: Path) -> bytes:
    train_run(TINY, "run", None)
    return (folder / "runs/run" / folders.WEIGHTS).read_bytes()


def flip(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def flip_in_header(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(8 + int.from_bytes(data[:8], "little"))] ^= 1 << rng.randrange(8)


def cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def append(data: bytearray, rng: random.Random) -> None:
    data += rng.randbytes(rng.randint(1, 100))


def clear(data: bytearray, rng: random.Random) -> None:
    start = 8 + int.from_bytes(data[:8], "little")
    first = rng.randrange(start, len(data) - 64)
    data[first : first + 64] = bytes(64)


def swap(data: bytearray, rng: random.Random) -> None:
    """Exchange the bytes of two tensors of one shape."""
    change_header(data, rng, lambda one, other: (other, one))


def relabel(data: bytearray, rng: random.Random) -> None:
    """Call the numbers of a tensor by another type of the same size."""
    change_header(data, rng, lambda one, other: (one | {"dtype": "I32"}, other))


def reshape(data: bytearray, rng: random.Random) -> None:
    change_header(data, rng, lambda one, other: (one | {"shape": one["shape"][::-1]}, other))


def change_header(
    data: bytearray,
    rng: random.Random,
    change: Callable[[Entry, Entry], tuple[Entry, Entry]],
) -> None:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    names = sorted(header.keys() - {"__metadata__"})
    one = rng.choice(names)
    alike = [name for name in names if header[name]["shape"] == header[one]["shape"] and name != one]
    other = rng.choice(alike or names)
    header[one], header[other] = change(header[one], header[other])
    text = json.dumps(header).encode()
    data[: 8 + length] = len(text).to_bytes(8, "little") + text


MUTATIONS = [flip, flip_in_header, cut, append, clear, swap, relabel, reshape]


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_no_mutation_gives_a_silent_wrong_answer(
    folder: Path, good: bytes, mutate: Callable[[bytearray, random.Random], None]
) -> None:
    run = folder / "runs/run"
    answer = load_run(run).model(INPUTS)
    noticed = 0
    for seed in range(125):
        data = bytearray(good)
        mutate(data, random.Random(seed))
        (run / folders.WEIGHTS).write_bytes(data)
        try:
            found = load_run(run).model(INPUTS)
        except TfcliError:
            noticed += 1
        else:
            assert torch.equal(found, answer), seed
    assert noticed > 40


def test_the_list_of_runs_sees_what_is_cut_off(cli: Cli, folder: Path, good: bytes) -> None:
    (folder / "runs/run" / folders.WEIGHTS).write_bytes(good[:-1])
    [listed] = as_json(cli, "ls")["runs"]
    assert "bytes, and should take" in listed["problem"]


def test_more_is_said_of_a_tensor_than_there_is_to_say(cli: Cli, folder: Path, good: bytes) -> None:
    data = bytearray(good)
    change_header(data, random.Random(0), lambda one, other: (one | {"strides": [1]}, other))
    (folder / "runs/run" / folders.WEIGHTS).write_bytes(data)
    [listed] = as_json(cli, "ls")["runs"]
    assert re.search(r"is damaged: unknown key \S+\.strides; train the run again", listed["problem"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_no_checkpoint_and_nobody_waits_for_it(cli: Cli, folder: Path) -> None:
    run = folders.create("run", None)
    (run / folders.CONFIG).write_text("task: {name: copy}\n")
    os.mkfifo(run / folders.WEIGHTS)
    for words in (["ls"], ["inspect", "run"], ["eval", "run"]):
        cli(*words, expect=words[0] != "ls")


@pytest.mark.usefixtures("good")
def test_weights_whose_answers_are_no_numbers_are_refused(folder: Path) -> None:
    run = load_run(folder / "runs/run")
    for parameter in run.model.parameters():
        parameter.data.fill_(1e30)
    save_run(run.path / folders.WEIGHTS, run.config, run.model, headers.read_header(run.path).summary)
    with pytest.raises(
        TfcliError, match=r"its answers aren't finite numbers, the (in|out)put of blocks\.0\.\S+ \(\w+\) to"
    ):
        load_run(run.path)


@pytest.mark.usefixtures("good")
def test_a_setting_that_is_not_known_yet_is_of_a_newer_version(folder: Path) -> None:
    file = folder / "runs/run" / folders.WEIGHTS
    run, tensors = load_run(folder / "runs/run"), load_file(file)
    values = json.loads(run.config.model_dump_json())
    values["model"]["memory"] = 3
    rewrite(file, tensors, json.dumps(values))
    with pytest.raises(TfcliError, match=r"newer tfcli: unknown key model\.memory; upgrade tfcli"):
        load_run(folder / "runs/run")


def test_a_header_that_claims_too_much_is_refused_before_anything_is_built(
    folder: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(config: RunConfig, task: Task) -> Encoder:
        assert torch.get_default_device().type == "meta", "on the CPU it would take gigabytes"
        return build_model(config, task)

    assert good
    file = folder / "runs/run" / folders.WEIGHTS
    run, tensors = load_run(folder / "runs/run"), load_file(file)
    values = json.loads(run.config.model_dump_json())
    values["model"] |= {"d_model": 32768, "d_ff": 131072, "n_layers": 3}
    rewrite(file, tensors, json.dumps(values))
    monkeypatch.setattr(loading, "build_model", build)
    with pytest.raises(TfcliError, match=r"it has no blocks\.1|and should be"):
        load_run(folder / "runs/run")


@pytest.mark.parametrize("positions", ["ends", "rotary"])
def test_to_load_a_run_does_not_import_torchs_compiler(positions: str, folder: Path) -> None:
    model = TINY.model.model_validate({**TINY.model.model_dump(), "positions": positions})
    train_run(TINY.model_copy(update={"model": model}), "run", None)
    code = (
        "import sys; from pathlib import Path; from tfcli.checkpoints.loading import load_run;"
        "load_run(Path('runs/run')); assert 'torch._dynamo' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, env=environment)


def rewrite(file: Path, tensors: dict[str, Tensor], config: str) -> None:
    """Write a checkpoint of another configuration, sealed."""
    data = file.read_bytes()
    said = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    seal = headers.seal_of(headers.FORMAT, config, said["summary"], said["digest"])
    said |= {"config": config, "seal": seal}
    save_file(tensors, file, said)


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": -5},
        {"solved": "yes"},
        {"solved": 1},
        {"exact_match": 1.5},
        {"token_accuracy": -0.1},
        {"attempts": 0},
        {"train_seconds": -1.0},
        {"steps": 2.5},
        {"versions": ["0.2.0"]},
    ],
    ids=str,
)
def test_a_summary_that_cannot_be_true_is_damage(changes: dict[str, Any], folder: Path) -> None:
    path = Path(train_run(TINY, "run", None).run)
    file = path / folders.WEIGHTS
    data = file.read_bytes()
    said = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    said["summary"] = json.dumps(json.loads(said["summary"]) | changes)
    said["seal"] = headers.seal_of(headers.FORMAT, said["config"], said["summary"], said["digest"])
    save_file(load_file(file), file, said)
    with pytest.raises(TfcliError, match="is damaged: "):
        headers.read_header(path)


def test_a_model_is_filled_group_by_group(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(train_run(TINY, "run", None).run)
    whole = load_run(path).model
    monkeypatch.setattr(loading, "GROUP", 100)
    groups = list(loading.in_groups(whole.state_dict()))
    assert len(groups) > 3
    assert [name for group in groups for name in group] == sorted(whole.state_dict())
    for name, tensor in load_run(path).model.state_dict().items():
        assert torch.equal(tensor, whole.state_dict()[name])


OPENING = """
import resource, sys
from pathlib import Path
import torch
from tfcli.building.models import build_for_training
from tfcli.checkpoints.loading import load_run
from tfcli.runs.headers import read_header
if sys.argv[1] == "open":
    load_run(Path("run"))
else:
    _, model = build_for_training(read_header(Path("run")).config)
    with torch.inference_mode():
        model.eval()(torch.zeros(1, 4, dtype=torch.int64))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted otherwise here")
def test_to_open_a_run_takes_little_more_memory_than_its_model(folder: Path) -> None:
    large = {"d_model": 1024, "n_heads": 8, "n_layers": 4}
    config = TINY.model_copy(update={"model": ModelConfig.model_validate(large)})
    _, model = build_for_training(config)
    summary = TrainSummary(False, True, 1, None, None, 1.0, 1.0, {})
    (folder / "run").mkdir()
    save_run(folder / "run" / folders.WEIGHTS, config, model, summary)
    del model
    took = {
        what: int(
            subprocess.run([sys.executable, "-c", OPENING, what], check=True, capture_output=True).stdout
        )
        for what in ("open", "use")
    }
    assert took["open"] < 1.5 * took["use"]
