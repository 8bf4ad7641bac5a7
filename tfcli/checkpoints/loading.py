"""Load the model of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from tfcli import registry
from tfcli.building.models import build_model, build_task
from tfcli.building.without_numbers import WithoutDraws, WithoutNumbers
from tfcli.checkpoints.sealing import add_to_digest, describe, describe_entry, load_tensors
from tfcli.config.reading import sha256_of
from tfcli.config.relocation import find_changes, relocate
from tfcli.config.schema import RunConfig
from tfcli.config.trust import files_of, require
from tfcli.errors import TfcliError, UsageError, did_you_mean
from tfcli.model.encoder import Encoder
from tfcli.model.faults import find_fault, is_finite
from tfcli.registry import check_task
from tfcli.runs import folders, headers
from tfcli.runs.edits import find_edits
from tfcli.runs.headers import Header

if TYPE_CHECKING:
    from tasks.base import Task


GROUP = 2**25


class LoadedRun(NamedTuple):
    """A trained model with what it was trained on, ready to answer."""

    path: Path
    config: RunConfig
    task: Task
    model: Encoder
    notes: list[str]  # what is strange about it
    tried: set[int]  # lengths that it wasn't trained on, at which the task keeps its promises

    def encode(self, sequence: str, origin: str = "", *, may_be_run: bool = False) -> Tensor:
        """Return a sequence as ids [T], or numbers [T, P].

        One word that can't be read may have been meant as the name of a run.

        Raises:
            UsageError: it is empty, or holds what isn't a symbol of the task.
        """
        try:
            inputs = self.task.parse(sequence)
            if problem := registry.find_problem_of_input(self.task, inputs):
                raise ValueError(problem)
            self.try_length(len(inputs))
            return inputs
        except ValueError as error:
            no_run = ""
            is_word = len(sequence.split()) == 1 and not sequence.strip().isdecimal()
            if may_be_run and is_word and not str(error).endswith("?"):
                no_run = f", and no run is called that{did_you_mean(sequence, folders.run_names())}"
            raise UsageError(f"{self.path}: {origin}{error}{no_run}") from error

    def try_length(self, length: int) -> None:
        """Hold the task against what it promises at a length that it wasn't trained on, once.

        Raises:
            UsageError: it breaks a promise.
        """
        if not self.task.DRAWS:
            return
        trained = range(self.task.min_length, self.task.max_length + 1)
        if length not in trained and length not in self.tried:
            check_task(self.task, self.config.task.name, [length])
            self.tried.add(length)


def load_run(path: Path, trust: Iterable[Path] = (), snapshot: Path | None = None) -> LoadedRun:
    """Return the model of a run, as trained or as in a snapshot, on the CPU, in evaluation mode.

    Code that the run brings along is run only if it was trained with here, or is in a file of `trust`.

    Raises:
        UsageError: the run would run other code.
        TfcliError: the checkpoint is missing, damaged or foreign, or its task can't be loaded.
    """
    weights = snapshot or folders.weights_of(path)
    header = headers.read_header(path, weights)
    config = relocate(header.config, path, header.summary.code)
    require(config, path, trust)
    check_tokenizer(path, header)
    task = build_task(config.task, path)
    claimed = {name: describe_entry(entry) for name, entry in header.tensors.items()}
    if header.digest is not None:
        check_claim(weights, config, task, claimed)
    with nullcontext() if files_of(config) else WithoutDraws():  # for the checkpoint has them all
        model = build_model(config, task)
    if header.digest is None:
        take_old_tensors(model, weights, header)
    else:
        check_fit(weights, model, claimed)
        take_tensors(model, weights, header.digest)
    check_answers(weights, model.eval(), task)
    return LoadedRun(path, config, task, model, notes_on(path, header, config), set())


def check_tokenizer(run: Path, header: Header) -> None:
    """See to it that texts are read with the file that was imported with the weights.

    Raises:
        TfcliError: it is gone, or another one.
    """
    if (name := header.config.task.tokenizer) is None:
        return
    try:
        found = sha256_of(run / name)
    except OSError as error:
        raise TfcliError(f"can't read {run / name}: {error.strerror}; import the model again") from error
    if found != header.summary.code.get("task.tokenizer"):
        raise TfcliError(f"{run / name} isn't what was imported with the weights; import the model again")


def take_tensors(model: Encoder, weights: Path, digest: str) -> None:
    """Fill a model with the tensors of a checkpoint, some at a time: there is no second copy of them all.

    Raises:
        TfcliError: they aren't as they were written, or not finite.
    """
    own, found = model.state_dict(), hashlib.sha256()
    try:
        for names in in_groups(own):
            with safe_open(weights, "pt") as file:  # until it is closed, all that was read counts as memory
                for name in names:
                    own[name].copy_(file.get_tensor(name))
                    add_to_digest(found, name, own[name])
    except SafetensorError as error:
        raise headers.damage_error(weights, str(error)) from error
    if found.hexdigest() != digest:
        raise headers.damage_error(weights, "its tensors are not as they were written")
    check_finite(weights, own)


def in_groups(tensors: dict[str, Tensor]) -> Iterator[list[str]]:
    """Yield the names of tensors in order, in groups of about GROUP bytes."""
    group, size = [], 0
    for name in sorted(tensors):
        group.append(name)
        size += tensors[name].nbytes
        if size >= GROUP:
            yield group
            group, size = [], 0
    yield group


def take_old_tensors(model: Encoder, weights: Path, header: Header) -> None:
    """Fill a model with the tensors of a format of an earlier version.

    Raises:
        TfcliError: they don't fit, or aren't finite.
    """
    found = load_tensors(weights, None)
    tensors = header.upgrade.rename_tensors(found, header.config.model.n_layers)
    check_fit(weights, model, {name: describe(tensor) for name, tensor in tensors.items()})
    model.load_state_dict(tensors)
    check_finite(weights, tensors)


def check_finite(file: Path, tensors: dict[str, Tensor]) -> None:
    """See to it that weights are numbers.

    Raises:
        TfcliError: some aren't.
    """
    for name, values in tensors.items():
        if not is_finite(values):
            raise headers.damage_error(file, f"some weights aren't finite numbers, {name} to begin with")


def notes_on(path: Path, header: Header, config: RunConfig) -> list[str]:
    """Return what has changed in a run, or in the code that it runs, since it was trained."""
    changes = [
        f"{setting}: {file} has changed since {path} was trained"
        for setting, file in find_changes(config, header.summary.code)
    ]
    if header.summary.diverged and header.summary.interrupted:
        after = f"after step {header.summary.steps:,}"
        changes.append(f"{path}: its loss came to be no number {after}; these are the weights of then")
    return changes + find_edits(path, header.config)


def check_claim(file: Path, config: RunConfig, task: Task, claimed: dict[str, str]) -> None:
    """Hold the tensors of a checkpoint against its configuration, before a model is made of that.

    Parts from files are left to the model itself: they may only be made as they are meant to be.

    Raises:
        TfcliError: they don't fit; the file can't hold the model that it says it has.
    """
    if not files_of(config):
        with torch.device("meta"), WithoutNumbers():
            check_fit(file, build_model(config, task), claimed)


def check_fit(file: Path, model: Encoder, claimed: dict[str, str]) -> None:
    """Hold what the tensors of a checkpoint are against the model that it says it has.

    Raises:
        TfcliError: they don't fit.
    """
    wanted = {name: describe(tensor) for name, tensor in model.state_dict().items()}
    if missing := sorted(wanted.keys() - claimed.keys()):
        raise headers.damage_error(file, f"it has no {missing[0]}")
    if unknown := sorted(claimed.keys() - wanted.keys()):
        raise headers.damage_error(file, f"its model has no {unknown[0]}")
    for name, found in claimed.items():
        if found != wanted[name]:
            raise headers.damage_error(file, f"{name} is {found}, and should be {wanted[name]}")


def check_answers(file: Path, model: Encoder, task: Task) -> None:
    """See to it that a model says something.

    Raises:
        TfcliError: what it says isn't numbers.
    """
    length = task.nearest_length(task.min_length)
    inputs = task.draw(1, length, torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        if not is_finite(model(inputs)):
            fault = find_fault(model, inputs) or "nothing when tried again"
            raise headers.damage_error(file, f"its answers aren't finite numbers, {fault} to begin with")
