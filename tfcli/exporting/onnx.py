"""A run as an ONNX file, which takes any number of inputs of any length.

Axes: B batch, T position of the input, P numbers of a token, M position of the answer, V symbols.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn

from tfcli.errors import TfcliError, UsageError
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout

INPUTS, MAY_ATTEND, LOGITS = "inputs", "may_attend", "logits"
TRIED = 512  # lengths at which a formula is held against what a task says
LARGEST_FILE = 2**31  # bytes, of which protobuf's messages have fewer
CLOSE = 1e-4  # of the largest logit: what two orders of the same float32 sums stay well below


class FormulaLayout(Layout):
    """A layout whose answers have lengths by a formula, which is as good for a tensor of lengths."""

    @classmethod
    def of(cls, layout: Layout) -> FormulaLayout:
        """Return a layout like another one.

        Raises:
            ValueError: the lengths of its answers follow no formula.
        """
        return cls(
            layout.n_symbols,
            layout.n_answers,
            find_formula(layout.answer_length),
            appended=layout.appended,
            begin=layout.begin,
            open_ended=layout.open_ended,
            reads_first=layout.reads_first,
            n_features=layout.n_features,
        )

    def answer_lengths(self, lengths: Tensor, longest: int) -> Tensor:
        formula: Any = self.answer_length
        found: Tensor = torch.zeros_like(lengths) + formula(lengths)
        return found


class Graph(nn.Module):
    """A model as a file has it: a function of tensors alone."""

    def __init__(self, model: Encoder) -> None:
        super().__init__()
        self.model = copy.copy(model)  # has the same weights
        self.model.layout = FormulaLayout.of(model.layout)

    def forward(self, inputs: Tensor, may_attend: Tensor | None = None) -> Tensor:
        """Logits [B, M, V] for `inputs` [B, T], or [B, T, P]."""
        logits: Tensor = self.model(inputs, may_attend)
        return logits


def find_formula(answer_length: Callable[[int], int]) -> Callable[[int], int]:
    """Return (a T + b) // c that gives the length of the answer to each T symbols.

    Raises:
        ValueError: there is none with a small c.
    """
    lengths = range(1, TRIED)
    known = [answer_length(length) for length in lengths]
    for c in (1, 2, 3, 4):
        a = known[c] - known[0]
        for b in range(c * known[0] - a, c * known[0] - a + c):
            if all((a * length + b) // c == count for length, count in zip(lengths, known, strict=True)):
                return lambda length, a=a, b=b, c=c: (a * length + b) // c if a else b // c  # type: ignore[misc]
    raise ValueError(
        "the lengths of its answers aren't (a T + b) / c for T symbols, as a graph needs them;"
        " no format holds it"
    )


def make_onnx(model: Encoder, length: int, *, padding: bool) -> Any:
    """Return an ONNX model of `inputs` [B, T], or [B, T, P], and, with `padding`, of `may_attend` [B, T].

    Args:
        length: of the inputs with which the model is traced; at 1 it takes no others.

    Raises:
        UsageError: the model has a part that can't be exported, or is too large.
    """
    if sum(tensor.nbytes for tensor in model.state_dict().values()) >= LARGEST_FILE:
        raise UsageError("its weights take more than the 2 GiB that an ONNX file holds")
    try:
        graph = Graph(model).eval()
    except ValueError as error:
        raise UsageError(str(error)) from error
    inputs, names = draw_inputs(model, 2, length), [INPUTS, MAY_ATTEND][: 1 + padding]
    axes = {0: "batch", 1: "length"} if length > 1 else {0: "batch"}
    try:
        with torch.no_grad(), quiet():
            program = torch.onnx.export(
                graph,
                (inputs, torch.ones(inputs.shape[:2], dtype=torch.bool))[: 1 + padding],
                input_names=names,
                output_names=[LOGITS],
                dynamic_shapes=dict.fromkeys(names, axes),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except ImportError as error:
        raise UsageError(
            f"torch {torch.__version__} needs a newer onnxscript: pip install -U onnxscript"
        ) from error
    except torch.onnx.errors.OnnxExporterError as error:
        raise UsageError(f"torch can't export it ({explain(error)})") from error
    assert program is not None  # as it is where the exporter writes no file itself
    return program.model_proto


def explain(error: BaseException) -> str:
    """Return the first line of what led to an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what the exporter says of itself, of libraries that aren't there, and of what it gives up."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def label(proto: Any, facts: dict[str, str]) -> None:
    """Write facts into the metadata of an ONNX model, in place of the exporter's, which name files here."""
    for noted in (proto, proto.graph, *proto.graph.node):
        del noted.metadata_props[:]
    for key, value in facts.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value


def measure_difference(data: bytes, model: Encoder, lengths: list[int], *, padding: bool) -> float:
    """Return how far onnxruntime's logits are from the model's at most, as a share of the largest one.

    Args:
        lengths: of inputs that are tried, a batch of 1, 2, ... of each.

    Raises:
        TfcliError: it is too far, and the file would answer something else.
    """
    onnxruntime: Any = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    session = onnxruntime.InferenceSession(data, options)
    differences = []
    for rows, length in enumerate(lengths, start=1):
        inputs = draw_inputs(model, rows, length)
        last = (length - torch.arange(1, rows + 1)).clamp(min=0)  # of each sequence
        may_attend = torch.arange(length) <= last[:, None] if padding else None
        fed = {INPUTS: inputs.numpy()} | ({} if may_attend is None else {MAY_ATTEND: may_attend.numpy()})
        [found] = session.run(None, fed)
        with torch.inference_mode():
            expected = model(inputs, may_attend)
        differences.append(find_difference(torch.from_numpy(found), expected))
    if not max(differences) <= CLOSE:
        raise TfcliError(
            f"onnxruntime's logits are {max(differences):.0e} of the largest off; nothing is written"
        )
    return max(differences)


def draw_inputs(model: Encoder, rows: int, length: int) -> Tensor:
    """Return random symbols [B, T], or random numbers [B, T, P] where those are what a model reads."""
    generator, layout = torch.Generator().manual_seed(length), model.layout
    if layout.n_features is None:
        return torch.randint(layout.n_symbols, (rows, length), generator=generator)
    return torch.rand(rows, length, layout.n_features, generator=generator)


def find_difference(found: Tensor, expected: Tensor) -> float:
    """Return how far logits are from the expected ones at most, as a share of the largest of these."""
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30))
