"""`export`: a run becomes a file or a folder that another library reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

import tfcli
from tfcli.building.texts import load_tokenizer
from tfcli.checkpoints.loading import LoadedRun
from tfcli.commands.export_targets import FILES
from tfcli.errors import TfcliError, UsageError
from tfcli.exporting.hf import describe_settings, find_candidate, make_tensors
from tfcli.exporting.lens import make_lens
from tfcli.exporting.onnx import draw_inputs, find_difference, label, make_onnx, measure_difference
from tfcli.exporting.tokenizer import describe_tokenizer, find_padding, make_tokenizer
from tfcli.model.encoder import Encoder
from tfcli.model.token_types import SeparatedTypes
from tfcli.pretrained.conversion import convert
from tfcli.pretrained.folder import CONFIG, SINGLE
from tfcli.pretrained.tokenizer import SETTINGS, TOKENIZER
from tfcli.records.results import ExportReport
from tfcli.runs.headers import read_header
from tfcli.runs.writing import write_atomically

LONGEST_TRIED = 64  # symbols of an input with which an export is tried


def export_run(loaded: LoadedRun, to: str, path: Path, *, padding: bool = False) -> ExportReport:
    """Write a run in a format, and try what was written against it where that can be done.

    Raises:
        UsageError: the format can't hold the run.
        TfcliError: it can't be written, or answers something else.
    """
    make: dict[str, Callable[[], ExportReport]] = {
        "onnx": lambda: export_onnx(loaded, path, padding),
        "hf": lambda: export_hf(loaded, path),
        "transformer-lens": lambda: export_lens(loaded, path),
    }
    try:
        return make[to]()
    except UsageError as error:
        raise UsageError(f"{loaded.path}: {error}") from error
    except OSError as error:
        raise TfcliError(f"can't write {path}: {error.strerror}") from error


def export_onnx(loaded: LoadedRun, path: Path, padding: bool) -> ExportReport:
    """Write an ONNX file, once onnxruntime has answered with it as the run does."""
    model, task, notes = loaded.model, loaded.task, []
    proto = make_onnx(model, next(n for n in (5, 3, 2, 1) if model.takes(n)), padding=padding)
    facts: dict[str, Any] = {
        "run": loaded.path.resolve().name,
        "task": loaded.config.task.name,
        "layout": loaded.config.task.layout,
        "symbols": list(task.symbols),
        "answers": list(task.answer_symbols),
        "tfcli": tfcli.__version__,
    }
    texts = {key: fact if isinstance(fact, str) else json.dumps(fact) for key, fact in facts.items()}
    label(proto, texts)
    data: bytes = proto.SerializeToString()
    difference = None
    if find_spec("onnxruntime") is None:
        notes.append("it wasn't tried, which needs onnxruntime: pip install onnxruntime")
    else:
        difference = measure_difference(data, model, lengths_to_try(loaded), padding=padding)
    if loaded.config.task.tokenizer is not None:
        notes.append(f"it reads the ids of pieces, as {loaded.path / TOKENIZER} makes them of a text")
    write_atomically(path.resolve(), data)
    return ExportReport(str(loaded.path), "onnx", str(path), "graph", len(data), difference, notes)


def export_hf(loaded: LoadedRun, path: Path) -> ExportReport:
    """Write a folder as Hugging Face saves it, and hold what `import` makes of it against the run."""
    config, task, notes = loaded.config, loaded.task, []
    tokenizer, text = tokenizer_of(loaded)
    pieces, labels = tokenizer.get_vocab(), task.answer_symbols if loaded.model.layout.reads_first else ()
    architecture = read_header(loaded.path).summary.architecture
    found = find_candidate(config.model, loaded.model, labels, architecture, find_padding(pieces))
    if found.head == "none":
        notes.append("it has no head: its logits are the products of what it returns with its embeddings")
    longest = loaded.model.positions.longest or task.max_length
    settings = describe_tokenizer(pieces, has_types=found.target.names.types is not None, longest=longest)
    files = {
        CONFIG: json.dumps(describe_settings(found), indent=2, ensure_ascii=False).encode(),
        SINGLE: save(make_tensors(found, loaded.model), {"format": "pt"}),
        TOKENIZER: text,
        SETTINGS: settings,
    }
    write_folder(path, files)
    again = convert(path, config.model.token_types.settings.get("separator")).model
    difference = compare(again, loaded.model, lengths_to_try(loaded))
    size = sum(map(len, files.values()))
    return ExportReport(str(loaded.path), "hf", str(path), found.class_name, size, difference, notes)


def tokenizer_of(loaded: LoadedRun) -> tuple[Any, bytes]:
    """Return the tokenizer of a run and its file, or one that is made of the symbols of its task."""
    task = loaded.config.task
    if task.tokenizer is not None:
        return load_tokenizer(loaded.path / task.tokenizer), (loaded.path / task.tokenizer).read_bytes()
    if loaded.config.model.token_types.name != "none":
        raise UsageError(
            "model.token_types needs the tokenizer of an imported model; --to onnx takes nearly any"
        )
    is_text, are_characters = task.data is not None and task.answers is None, task.tokens == "characters"
    made = make_tokenizer(loaded.task.symbols, is_text=is_text, are_characters=are_characters)
    return made, made.to_str().encode()


def export_lens(loaded: LoadedRun, path: Path) -> ExportReport:
    """Write the tensors and the configuration of a model of TransformerLens."""
    model = make_lens(loaded.config.model, loaded.model, loaded.task.max_length)
    files = {
        CONFIG: json.dumps(model.config, indent=2).encode(),
        SINGLE: save(model.tensors, {"class": model.class_name, "run": loaded.path.resolve().name}),
    }
    write_folder(path, files)
    notes = [f'{model.class_name} is in TransformerLens below 4: pip install "transformer-lens<4"']
    if loaded.model.layout.reads_first:
        notes.append("the answer is what it says at the first token")
    if isinstance(types := loaded.model.token_types, SeparatedTypes):
        notes.append(f"its token_type_ids count the symbols {types.separator} before each token")
    size = sum(map(len, files.values()))
    return ExportReport(str(loaded.path), "transformer-lens", str(path), model.class_name, size, None, notes)


def write_folder(path: Path, files: dict[str, bytes]) -> None:
    """Write the files of an export, and take away those of an earlier one."""
    path.mkdir(exist_ok=True)
    for name, data in files.items():
        write_atomically(path / name, data)
    for name in FILES - files.keys():
        (path / name).unlink(missing_ok=True)


def lengths_to_try(loaded: LoadedRun) -> list[int]:
    """Return the shortest length of the training, and twice the longest where the model can read that."""
    task, model = loaded.task, loaded.model
    longest = next((n for n in (2 * task.max_length, task.max_length) if model.takes(n)), 1)
    longest = min(longest, LONGEST_TRIED)
    return [min(task.min_length, longest), longest]


def compare(found: Encoder, model: Encoder, lengths: list[int]) -> float:
    """Return how far the logits of two models are from each other at most, by the largest of them."""
    differences = []
    with torch.inference_mode():
        for length in lengths:
            inputs = draw_inputs(model, 2, length)
            differences.append(find_difference(found(inputs), model(inputs)))
    return max(differences)
