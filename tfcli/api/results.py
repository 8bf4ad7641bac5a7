"""What a run returns: the records of the command line, with arrays and labels, that show themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from tfcli.api.shown import Shown
from tfcli.records.inspection import AttentionRecord, HeadsReport, PatchRecord, TraceRecord, View
from tfcli.records.results import name_input
from tfcli.render import forward_page, html
from tfcli.render.attention import print_attention
from tfcli.render.heads import print_heads
from tfcli.render.notebook import frame
from tfcli.render.patching import print_patching
from tfcli.render.trace import print_summary, print_trace

FEW = 6  # stages that are shown with their numbers; of more, a line each


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


class Attention(Shown):
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

    def draw(self, console: Console) -> None:
        print_attention(console, self.record)

    def _repr_html_(self) -> str:
        return frame(html.render([View(self.record.text, self.record)]))


class Trace(Shown, TraceRecord):
    """The stages of a forward pass: a line for each, or all that a few chosen ones hold.

    In a notebook the whole pass is a page to walk through.
    """

    def draw(self, console: Console) -> None:
        if len(self.stages) > FEW:
            print_summary(console, self)
        else:
            print_trace(console, self, full=False)

    def _repr_html_(self) -> str:
        is_whole = len(self.stages) > FEW and len(self.stages[0].rows) == len(self.tokens)
        return frame(forward_page.render(self)) if is_whole else super()._repr_html_()


class Heads(Shown, HeadsReport):
    """What role each head plays, and whether it matters."""

    def draw(self, console: Console) -> None:
        print_heads(console, self)


class Patch(Shown, PatchRecord):
    """What each part of one run restores in another."""

    def draw(self, console: Console) -> None:
        print_patching(console, self)
