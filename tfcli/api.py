"""From Python: `tfcli.load("runs/reverse").attention("3 1 2")`. Arrays with labels, at home in a notebook."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from tfcli.checkpoints.loading import LoadedRun, load_run
from tfcli.commands import inspect
from tfcli.errors import UsageError
from tfcli.evaluation import make_answer
from tfcli.records.inspection import (
    AttentionRecord,
    Choice,
    HeadsReport,
    PatchRecord,
    TraceRecord,
    View,
)
from tfcli.records.results import name_input
from tfcli.render import html
from tfcli.render.attention import print_attention
from tfcli.runs import folders

FRAME = '<iframe srcdoc="{page}" sandbox="allow-scripts" style="width:100%;height:640px;border:0"></iframe>'


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
        return Attention(inspect.attend(self._loaded, self._encode(sequence), Choice(layers, heads, combine)))

    def trace(
        self,
        sequence: str | Sequence[str],
        *,
        layers: Sequence[int] = (),
        head: int = 0,
        position: int | None = None,
        stages: Sequence[str] = (),
    ) -> TraceRecord:
        """Return the forward pass, stage by stage; all stages if none is chosen by name or number."""
        inputs = self._encode(sequence)
        return inspect.trace_run(
            self._loaded, inputs, layers=layers, head=head, position=position, stages=stages
        )

    def heads(self, samples: int = 512) -> HeadsReport:
        """Measure what role each head plays over held-out sequences, at least one, and whether it matters."""
        if samples < 1:
            raise UsageError(f"samples must be at least 1, not {samples}")
        return inspect.report_run(self._loaded, samples)

    def patch(self, clean: str, corrupt: str) -> PatchRecord:
        """Measure what each part of the run on `clean` restores in the run on `corrupt`."""
        return inspect.patch_run(self._loaded, clean, corrupt)

    def _encode(self, sequence: str | Sequence[str]) -> torch.Tensor:
        return self._loaded.encode(sequence if isinstance(sequence, str) else " ".join(map(str, sequence)))


@dataclass(frozen=True)
class Prediction:
    """An answer. `probabilities[position, symbol]` are float32 [T, V], and each row sums to 1."""

    input: list[str]
    prediction: list[str]
    target: list[str]
    correct: bool | None
    symbols: list[str]
    probabilities: NDArray[np.float32]
    picture: list[list[float]] | None = None

    def __repr__(self) -> str:
        verdict = " (right)" if self.correct else f" (right is {' '.join(self.target)})"
        said = f"{name_input(self.input, self.picture)} -> {' '.join(self.prediction)}"
        return said if self.correct is None else said + verdict


class Attention:
    """The maps of a sequence: `weights[layer, head, query, key]`, float32 [n_layers, n_heads, T, T].

    `tokens` label queries and keys; `layers` and `heads` say which ones the first two axes are. Shows itself
    as tables in a terminal, and as the viewer in a notebook.
    """

    def __init__(self, record: AttentionRecord) -> None:
        self.record = record
        self.tokens = record.tokens
        self.prediction = record.prediction
        self.target = record.target
        self.layers = [layer.layer for layer in record.layers]
        self.heads = [head.head for head in record.layers[0].heads]
        self.weights: NDArray[np.float32] = np.array(
            [[head.weights for head in layer.heads] for layer in record.layers], dtype=np.float32
        )

    def __repr__(self) -> str:
        return self._text(Console(file=io.StringIO(), color_system=None)).rstrip()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text.from_ansi(
            self._text(
                Console(
                    file=io.StringIO(),
                    width=options.max_width,
                    force_terminal=console.is_terminal,
                    no_color=console.no_color,
                )
            )
        )

    def _repr_html_(self) -> str:
        return FRAME.format(page=escape(html.render([View(self.record.text, self.record)])))

    def _text(self, console: Console) -> str:
        with console.capture() as capture:
            print_attention(console, self.record)
        return capture.get()
