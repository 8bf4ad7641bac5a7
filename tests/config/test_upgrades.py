"""Runs of version 0.1, made by it: they load, answer as they did, and can be inspected."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import tfcli
from tests.conftest import Cli, as_json, invoke_in

FIXTURES = Path(__file__).parent / "fixtures"
RUNS = ["reverse", "sort", "stack"]


@pytest.fixture
def old_run(folder: Path, request: pytest.FixtureRequest) -> str:
    """Return a copy of a run of version 0.1, as `runs/old`."""
    shutil.copytree(FIXTURES / f"run-0.1-{request.param}", folder / "runs/old")
    return str(request.param)


@pytest.mark.parametrize("old_run", RUNS, indirect=True)
def test_it_gives_the_same_answers_as_sure_as_before(old_run: str) -> None:
    run = tfcli.load("old")
    for before in json.loads(Path("runs/old/predictions.json").read_text()):
        now = run.predict(before["input"])
        assert now.prediction == before["prediction"]
        np.testing.assert_allclose(now.probabilities, before["probabilities"], atol=2e-5)


@pytest.mark.parametrize("old_run", RUNS, indirect=True)
def test_it_can_be_inspected(old_run: str, cli: Cli) -> None:
    sequence = "0 1 pop" if old_run == "stack" else "3 1 2"
    details = as_json(cli, "inspect")
    assert details["versions"]["tfcli"] == "0.1.0"
    assert details["config"]["model"]["attention_weights"] == "softmax"
    assert details["history"]
    places = [head["places"] for layer in as_json(cli, "attn", sequence)["layers"] for head in layer["heads"]]
    kinds = {found["kind"] if found else None for found in places}
    assert kinds == {{"reverse": None, "sort": "ranks", "stack": "levels"}[old_run]}
    assert all(stage["agrees"] for stage in as_json(cli, "trace", sequence)["stages"])
    assert as_json(cli, "inspect", "--heads", "--samples", "50")["heads"]
    assert as_json(cli, "eval", "--lengths", "4", "--samples", "50")["lengths"]


@pytest.mark.parametrize("old_run", ["reverse"], indirect=True)
def test_its_snapshots_are_read_too(old_run: str, cli: Cli) -> None:
    record = as_json(cli, "attn", "3 1 2", "--over-time")
    assert [moment["step"] for moment in record["moments"]] == [0, 75]


def test_its_configuration_names_what_is_called_otherwise_now(folder: Path, cli: Cli) -> None:
    message = cli("train", str(FIXTURES / "run-0.1-sort/config.yaml"), expect=2).stderr
    assert "unknown key model.normalizer: it is called model.attention_weights now" in message
    assert "where norms stand is model.norm_placement" in message
    assert "unknown key train.gate: it is called model.positions.gate now" in message


def rewrite_header(run: Path, old: bytes, new: bytes) -> None:
    """Replace something in the header of a run's weights."""
    weights = run / "model.safetensors"
    data = weights.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].replace(old, new)
    assert header != data[8 : 8 + length]
    weights.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])


@pytest.mark.parametrize("old_run", ["reverse"], indirect=True)
def test_one_whose_task_is_gone_says_so(old_run: str, cli: Cli) -> None:
    rewrite_header(Path("runs/old"), b'\\"name\\":\\"reverse\\"', b'\\"name\\":\\"gone.py:Gone\\"')
    assert "can't read gone.py: No such file" in cli("predict", "old", "1 2", expect=2).stderr


@pytest.mark.parametrize("old_run", ["reverse"], indirect=True)
@pytest.mark.parametrize(
    ("format", "message"),
    [
        ("tfcli-9", "was written by a newer tfcli (format tfcli-9); upgrade"),
        ("other", "wasn't written by tfcli"),
    ],
)
def test_a_format_that_is_not_known_is_no_damage(old_run: str, format: str, message: str, cli: Cli) -> None:
    rewrite_header(Path("runs/old"), b'"tfcli-1"', f'"{format}"'.encode())
    assert message in cli("inspect", "old", expect=1).stderr


def test_a_run_of_today_says_its_format(tmp_path: Path) -> None:
    invoke_in(tmp_path, "train", "copy", "task.max_length=3", "model.d_model=8", "train.steps=1", "-q")
    assert b'"format":"tfcli-2"' in (tmp_path / "runs/copy/model.safetensors").read_bytes()[:4000]
