"""Runs, loaded from their folders, and what can be asked of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import torch

from tfcli.api.results import Attention, Heads, Patch, Prediction, Trace
from tfcli.checkpoints.loading import LoadedRun, load_run
from tfcli.commands import inspect
from tfcli.errors import UsageError
from tfcli.evaluation import make_answer
from tfcli.records.inspection import Choice
from tfcli.records.results import RunDetails
from tfcli.runs import folders, summaries


def load(run: str | Path | None = None, trust: Iterable[str | Path] = ()) -> Run:
    """Return a trained run, by its name or its path; the newest below `runs/` if left out.

    A run whose task or parts come from a file runs that file: without being asked if it was trained with on
    this machine, else only if `trust` names it.

    Raises:
        UsageError: there is no such run.
        TfcliError: its weights are missing or damaged.
    """
    loaded = load_run(folders.find(None if run is None else str(run)), map(Path, trust))
    for note in loaded.notes:
        warnings.warn(note, stacklevel=2)
    return Run(loaded)


class Run:
    """A trained model and its task. A sequence is text, as on the command line, or a list of symbols.

    Every method raises UsageError for a sequence that the run can't take, or a layer, head or position that
    isn't there.
    """

    def __init__(self, loaded: LoadedRun) -> None:
        self.path = loaded.path
        self.config = loaded.config
        self.task = loaded.task
        self.model = loaded.model
        self._loaded = loaded

    def __repr__(self) -> str:
        return f"<tfcli run {self.path}: {self.config.task.name}>"

    def predict(self, sequence: str | Sequence[str]) -> Prediction:
        """Return the model's answer, and how probable it finds each symbol."""
        inputs = self._encode(sequence)
        with inspect.looking_at(self._loaded, len(inputs)), torch.inference_mode():
            probabilities = self.model(inputs[None])[0].softmax(-1)
            found = make_answer(
                self.task, inputs, probabilities.argmax(-1), self.task.target(inputs[None].clone())[0]
            )
        return Prediction(
            **vars(found), symbols=list(self.task.answer_symbols), probabilities=probabilities.numpy()
        )

    def attention(
        self,
        sequence: str | Sequence[str],
        *,
        layers: Sequence[int] = (),
        heads: Sequence[int] = (),
        combine: Literal["each", "mean", "rollout"] = "each",
    ) -> Attention:
        """Record what the heads attended to while the model answered; all layers and heads if not chosen.

        `combine` gives each head's map, or one a layer: the mean of its heads, or the rollout so far.
        """
        choice = Choice(layers, heads, combine, scores=True)
        return Attention(inspect.attend(self._loaded, self._encode(sequence), choice))

    def trace(
        self,
        sequence: str | Sequence[str],
        *,
        layers: Sequence[int] = (),
        head: int = 0,
        position: int | None = None,
        stages: Sequence[str] = (),
    ) -> Trace:
        """Return the forward pass, stage by stage; all stages if none is chosen by name or number."""
        inputs = self._encode(sequence)
        record = inspect.trace_run(
            self._loaded, inputs, layers=layers, heads=[head], position=position, stages=stages
        )
        return Trace(**vars(record))

    def heads(self, samples: int = 512) -> Heads:
        """Measure what role each head plays over held-out sequences, at least one, and whether it matters."""
        if samples < 1:
            raise UsageError(f"samples must be at least 1, not {samples}")
        return Heads(**vars(inspect.report_run(self._loaded, samples)))

    def patch(self, clean: str, corrupt: str) -> Patch:
        """Measure what each part of the run on `clean` restores in the run on `corrupt`."""
        return Patch(**vars(inspect.patch_run(self._loaded, clean, corrupt)))

    def details(self) -> RunDetails:
        """Return its configuration, how its training ended, and the history of its metrics."""
        return summaries.details(self.path)

    def _encode(self, sequence: str | Sequence[str]) -> torch.Tensor:
        return self._loaded.encode(sequence if isinstance(sequence, str) else " ".join(map(str, sequence)))
