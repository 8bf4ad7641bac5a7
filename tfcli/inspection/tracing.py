"""The forward pass stage by stage, as the parts of the model explain themselves.

Each stage is computed again from the ones before, in double precision, and held against the trace; all
heads are checked, also of stages that aren't shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from tfcli.errors import did_you_mean
from tfcli.evaluation import make_answer
from tfcli.inspection.attention import choose, run_with_trace
from tfcli.inspection.matrices import make_matrix
from tfcli.inspection.shares import measure_variances, share_scores
from tfcli.model.encoder import Encoder
from tfcli.model.stages import KEY, POSITION, SYMBOL, Stage
from tfcli.model.trace import ForwardTrace, LayerTrace
from tfcli.records.inspection import StageRecord, TraceRecord

if TYPE_CHECKING:
    from tasks.base import Task

TOLERANCE = 1e-4  # of the largest value of a stage: what float32 may lose over a sum of many terms
SCORES = "scores"  # the stage that has shares
EVERY_ROW = ("keys", "values")  # a query needs those of all positions
SHORT_NAMES = {  # as formulas and people write them, simplified
    "q": "queries",
    "k": "keys",
    "v": "values",
    "b": "position bias",
    "a": "attention weights",
    "weights": "attention weights",
    "softmax": "attention weights",
    "z": "weighted sum",
    "concat": "concatenated heads",
    "ffn": "feed forward",
    "mlp": "feed forward",
    "norm": "layer norm",
}


class View(NamedTuple):
    """What of a trace is shown."""

    loops: list[int]
    layers: list[int]
    heads: list[int]
    rows: list[int]  # positions


def trace_sequence(
    model: Encoder,
    task: Task,
    inputs: Tensor,
    *,
    run: str,
    task_name: str = "",
    layers: Sequence[int] = (),
    heads: Sequence[int] = (0,),
    position: int | None = None,
    loops: Sequence[int] = (),
    stages: Sequence[str] = (),
) -> TraceRecord:
    """Trace all stages for `inputs` [T]: of the chosen layers and heads, or all; of one position, or all.

    Of the chosen `stages` alone, by their names or numbers; all are checked nevertheless.

    Raises:
        ValueError: a layer, head, position or stage that isn't there, or a sequence that is too long.
    """
    L = model.layout.sequence_length(len(inputs))
    if position is not None and not 0 <= position < L:
        raise ValueError(f"there is no position {position}; this sequence's are 0 to {L - 1}")
    rows = list(range(L)) if position is None else [position]
    view = View(
        choose(loops, model.loops, "loop"),
        choose(layers, model.n_layers, "layer"),
        choose(heads, model.n_heads, "head"),
        rows,
    )
    trace, predictions = run_with_trace(model, inputs)
    with torch.inference_mode():
        checked = list(check_stages(model, task, inputs, trace, view))
    answer = make_answer(task, inputs, predictions, task.target(inputs[None].clone())[0], each=True)
    return TraceRecord(
        run=run,
        input=answer.input,
        tokens=model.layout.labels(answer.input),
        first_answer=model.layout.first_answer(len(inputs)),
        symbols=list(task.answer_symbols),
        prediction=answer.prediction,
        target=answer.target,
        deviation=max(deviation for deviation, _, _ in checked),
        agrees=all(agrees for _, agrees, _ in checked),
        stages=choose_stages([record for *_, records in checked for record in records], stages),
        picture=answer.picture,
        task=task_name,
    )


def choose_stages(found: Sequence[StageRecord], wanted: Sequence[str]) -> list[StageRecord]:
    """Return the stages that are `wanted` by name or number, in their order; all if none is.

    Raises:
        ValueError: there is no such stage.
    """
    named = {simplify(stage.name): stage.name for stage in found}
    numbers = {stage.number for stage in found}
    chosen: set[str | int] = set()
    for text in wanted:
        word = simplify(text)
        if word.isdecimal() and int(word) in numbers:
            chosen.add(int(word))
        elif word.isdecimal():
            raise ValueError(f"there is no stage {word}; those shown are {min(numbers)} to {max(numbers)}")
        elif (name := SHORT_NAMES.get(word, word)) in named:
            chosen.add(named[name])
        else:
            near = did_you_mean(word, [*named.values(), *SHORT_NAMES])
            raise ValueError(f"there is no stage {text!r}{near} (stages: {', '.join(named.values())})")
    return [stage for stage in found if not chosen or stage.name in chosen or stage.number in chosen]


def simplify(name: str) -> str:
    """Return the name of a stage without what people write in several ways."""
    return re.sub(r"[-_\s]+", " ", name.strip().lower())


def check_stages(
    model: Encoder, task: Task, inputs: Tensor, trace: ForwardTrace, view: View
) -> Iterator[tuple[float, bool, list[StageRecord]]]:
    """Yield of each stage how far it is off, whether rounding explains that, and its records if it is shown.

    One stage at a time, since each holds the tensors of all heads, in double precision too.
    """
    for number, (layer, stage) in enumerate(model.stages(inputs, trace), 1):
        deviation = measure_deviation(stage)
        records: list[StageRecord] = []
        if layer is None or (layer.loop in view.loops and layer.layer in view.layers):
            heads: Sequence[int | None] = view.heads if stage.kept.dim() == 3 else [None]
            made = [
                record_stage(model, task, inputs, layer, stage, number, deviation, head, view.rows)
                for head in heads
            ]
            records = [record for record in made if record.rows]
        if layer is not None and stage.name == SCORES and records:
            variances = measure_variances(layer, trace.at)
            records = [
                replace(record, shares=share_scores(model, layer.layer, record.head or 0, variances))
                for record in records
            ]
        yield deviation, deviation <= tolerance(stage), records


def record_stage(
    model: Encoder,
    task: Task,
    inputs: Tensor,
    layer: LayerTrace | None,
    stage: Stage,
    number: int,
    deviation: float,
    head: int | None,
    rows_shown: Sequence[int],
) -> StageRecord:
    """Return a stage, or what it is of a head, with the rows that are shown."""
    L = model.layout.sequence_length(len(inputs))
    values = stage.kept if head is None else stage.kept[head]
    of_positions = stage.rows == POSITION
    at_answers = of_positions and len(values) < L  # stages that are of the answers alone
    first = model.layout.first_answer(len(inputs)) if at_answers else 0
    wanted: Sequence[int] = range(L) if stage.name in EVERY_ROW else rows_shown
    wanted = wanted if of_positions else range(len(values))
    rows = [row for row in wanted if first <= row < first + len(values)]
    return StageRecord(
        number=number,
        name=stage.name,
        loop=None if layer is None else model.shown_loop(layer.loop),
        layer=None if layer is None else layer.layer,
        head=head,
        explanation=stage.explanation,
        formula=stage.formula,
        axes=("query" if stage.columns == KEY else stage.rows, stage.columns),
        shape=(values.shape[0], values.shape[1]),
        rows=rows,
        values=make_matrix(values[[row - first for row in rows]], gaps=True),
        facts=list(stage.facts),
        answer=read_off(model, task, inputs, stage),
        deviation=deviation,
        agrees=deviation <= tolerance(stage),
        scale=stage.scale,
    )


def read_off(model: Encoder, task: Task, inputs: Tensor, stage: Stage) -> list[str] | None:
    """Return the answer if the rest of the model were left out at a stage; None if none can be read there."""
    if stage.columns == SYMBOL:
        logits = stage.kept
    elif stage.is_stream:
        logits = model.read(model.norm(model.layout.answers(stage.kept[None], len(inputs))))[0]
    else:
        return None
    return make_answer(
        task, inputs, logits.argmax(-1), task.target(inputs[None].clone())[0], each=True
    ).prediction


def measure_deviation(stage: Stage) -> float:
    """Return the largest difference between what was recomputed and what was traced; masked scores agree."""
    difference = (stage.again - stage.kept).abs()
    return float(difference.masked_fill(stage.again == stage.kept, 0.0).max())


def tolerance(stage: Stage) -> float:
    """How much of a difference rounding explains."""
    finite = stage.kept[stage.kept.isfinite()]
    return TOLERANCE * max(1.0, float(finite.abs().max()) if len(finite) else 0.0)
