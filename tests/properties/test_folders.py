"""Run folders in which anything was changed: an answer, or a line that says what is damaged."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from tests.conftest import SMALL, invoke_in
from tests.properties.promises import examples, look
from tfcli.checkpoints.sealing import digest_of
from tfcli.commands import train
from tfcli.commands.interrupts import Interrupt
from tfcli.runs import folders, headers

SNAPSHOT = "snapshots/step-00000010.safetensors"
TENSORS = [folders.WEIGHTS, folders.STATE, SNAPSHOT]
FILES = [*TENSORS, folders.CONFIG, folders.METRICS]
LOOKING = [
    ["ls"],
    ["inspect", "run", "--json"],
    ["inspect", "run", "--heads", "--samples", "5"],
    ["eval", "run", "--samples", "5", "--lengths", "3"],
    ["predict", "run", "1 2"],
    ["attn", "run", "1 2"],
    ["attn", "run", "1 2", "--over-time"],
    ["train", "--resume", "run", "train.steps=21", "-q"],
    ["train", "--resume", "run"],
]
# No sizes with which a model is merely large: to make that takes long by right.
ODD: list[Any] = [
    *(None, True, False, -1, 0, 1, 2, 3, 5, 25, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, float("nan")),
    *("", "x", "\ud800", "\0", "../../x", "rank", "none", "copy", "parity", "x.py:X", "cuda:7"),
    *([], [1], [[]], {}, {"name": "window", "size": 2}, {"ends": 1, "rank": 3}, {"step": 3}),
]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run folder of a training that can go on, with snapshots."""
    path = tmp_path_factory.mktemp("stopped")
    words = [*SMALL, "train.steps=20", "train.snapshot_every=10", "train.eval_samples=20"]
    invoke_in(path, "train", "reverse", *words, "--quiet", "--out", "run")
    return path / "run"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the current folder, in which `runs/run` is made anew by each example."""
    folder, before = tmp_path_factory.mktemp("place"), Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(autouse=True)
def stops_after_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that goes on has come through all that reads its folder; it is stopped as by Ctrl-C."""

    @contextmanager
    def interrupted() -> Iterator[Interrupt]:
        interrupt = Interrupt()
        interrupt.note(signal.SIGINT, None)
        yield interrupt

    monkeypatch.setattr(train, "defer_interrupt", interrupted)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths to all values within a value of JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from places_in(item, (*path, key))


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """Return a value of JSON in which something is another, is missing, or is too much."""
    value, odd = deepcopy(value), st.sampled_from(ODD).map(deepcopy)
    for _ in range(draw(st.integers(1, 2))):
        paths = list(places_in(value))
        if not paths:
            return draw(odd)
        *way, last = draw(st.sampled_from(paths))
        inner = value
        for key in way:
            inner = inner[key]
        how = draw(st.sampled_from(["replace", "replace", "replace", "remove", "add"]))
        if how == "remove":
            del inner[last]
        elif how == "add" and isinstance(inner, dict):
            inner[draw(st.sampled_from(["x", "", "seal", "name"]))] = draw(odd)
        else:
            inner[last] = draw(odd)
    return value


def split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of a checkpoint, and what follows it."""
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def join(header: dict[str, Any], rest: bytes) -> bytes:
    """Return a checkpoint of a header and what follows it."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


def sealed(texts: dict[str, str]) -> dict[str, str]:
    """Return the texts of a header with the seal that they should have."""
    said = [texts[key] for key in ("format", "config", "standing", "summary", "digest") if key in texts]
    return {**texts, "seal": headers.seal_of(*said)}


class Damaged(bytes):
    """What a file holds, shown without its tensors."""

    def __repr__(self) -> str:
        return f"<{len(self):,} bytes: {self[:4000]!s}>"


@st.composite
def other_bytes(draw: st.DrawFn, path: Path) -> Damaged:
    """Some bytes are others, or missing, or too many."""
    data = path.read_bytes()
    start = draw(st.integers(0, len(data)) | st.integers(0, min(3000, len(data))))
    rest = draw(st.sampled_from([0, 1, len(data)]))
    return Damaged(data[:start] + draw(st.binary(max_size=4)) + data[start + rest :])


@st.composite
def other_header(draw: st.DrawFn, path: Path) -> Damaged:
    """Something in the header is another."""
    header, rest = split(path.read_bytes())
    return Damaged(join(draw(changed(header)), rest))


@st.composite
def other_texts(draw: st.DrawFn, path: Path) -> Damaged:
    """Something that the header says of the run is another, and sealed as if it had been written so."""
    header, rest = split(path.read_bytes())
    texts = header["__metadata__"]
    key = draw(st.sampled_from([key for key in ("config", "summary", "standing") if key in texts]))
    said = draw(changed(json.loads(texts[key])))
    return Damaged(join({**header, "__metadata__": sealed({**texts, key: json.dumps(said)})}, rest))


@st.composite
def other_tensors(draw: st.DrawFn, path: Path) -> Damaged:
    """A tensor is another, and sealed as if it had been written so."""
    data = path.read_bytes()
    tensors, (header, _) = load(data), split(data)
    name = draw(st.sampled_from(sorted(tensors)))
    tensor = tensors.pop(name)
    kind = draw(st.sampled_from(["values", "dtype", "shape", "name", "none"]))
    if kind == "values":
        value = draw(st.sampled_from([0.0, -1.0, 255.0, 1e38, float("nan"), float("inf"), 2.0**62]))
        tensors[name] = torch.full_like(tensor.double(), value).to(tensor.dtype)
    elif kind == "dtype":
        dtype = draw(st.sampled_from([torch.float64, torch.int64, torch.bool, torch.bfloat16]))
        tensors[name] = tensor.to(dtype)
    elif kind == "shape":
        flat = tensor.reshape(-1)
        tensors[name] = draw(st.sampled_from([tensor[None], flat, flat[:0], flat[:1], flat[:, None]])).clone()
    elif kind == "name":
        tensors[draw(st.sampled_from(["x", "", "model.x", "random.torch.cuda", "optimizer."]))] = tensor
    return Damaged(save(tensors, sealed({**header["__metadata__"], "digest": digest_of(tensors)})))


@st.composite
def other_lines(draw: st.DrawFn, path: Path) -> Damaged:
    """Something in a file of JSON lines is another."""
    said = draw(changed({"lines": [json.loads(line) for line in path.read_bytes().splitlines()]}))
    lines = said.get("lines") if isinstance(said, dict) else said
    text = (
        "".join(f"{json.dumps(line)}\n" for line in lines) if isinstance(lines, list) else json.dumps(lines)
    )
    return Damaged(text.encode())


def damaged(path: Path) -> st.SearchStrategy[Damaged]:
    """Return what a file of a run folder may hold in place of what it holds."""
    if path.suffix == ".safetensors":
        return other_texts(path) | other_tensors(path) | other_header(path) | other_bytes(path)
    return other_bytes(path) | other_lines(path) if path.name == folders.METRICS else other_bytes(path)


@pytest.mark.parametrize("name", FILES)
def test_any_damage_is_named_or_harmless(name: str, stopped: Path, place: Path) -> None:
    @given(damaged(stopped / name), st.sampled_from(LOOKING))
    @examples(25, 0.8 / len(FILES))
    def holds(data: Damaged, words: list[str]) -> None:
        shutil.rmtree(place / "runs", ignore_errors=True)
        shutil.copytree(stopped, place / "runs/run")
        (place / "runs/run" / name).write_bytes(data)
        look(words, codes=(0, 1, 2, 130))

    holds()


@given(st.data())
@examples(20, 0.2)
def test_any_two_damages_are_named_or_harmless(stopped: Path, place: Path, data: st.DataObject) -> None:
    shutil.rmtree(place / "runs", ignore_errors=True)
    shutil.copytree(stopped, place / "runs/run")
    for name in data.draw(st.lists(st.sampled_from(FILES), min_size=2, max_size=3, unique=True)):
        (place / "runs/run" / name).write_bytes(data.draw(damaged(stopped / name)))
    look(data.draw(st.sampled_from(LOOKING)), codes=(0, 1, 2, 130))
