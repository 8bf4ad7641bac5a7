"""A trace as one HTML page in which one walks through the forward pass. Its pieces are in `web/forward/`."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tfcli.records.inspection import StageRecord, TraceRecord
from tfcli.render.page import assemble, read_pieces
from tfcli.render.units import RULES, Units, count_bytes, deflate, encode, predict_shifted, to_units
from tfcli.texts import ENGLISH, Code, Language, translations

MAX_NUMBERS = 2**22  # about 8 MB
MOST_BYTES = 400_000  # of a page; to keep to it the learned matrices are left out, and the third decimal
MANY_NUMBERS = 2**20  # of more, no page would be that small
MANY_SYMBOLS = 256  # of more, the columns of the highest logits are kept


@dataclass(frozen=True)
class Stage:
    """A stage in all its heads, and how its numbers follow from those of earlier stages, if they do."""

    heads: Sequence[StageRecord]  # one without a number, where it isn't of a head
    columns: Sequence[int]  # that are kept
    units: Sequence[Units]  # of each of the heads
    unit: int  # units of a number of 1
    rule: str | None = None  # in `RULES`
    of: Sequence[int | None] = ()  # the stages that it takes

    @property
    def record(self) -> StageRecord:
        """What is the same in all heads."""
        return self.heads[0]

    @property
    def is_matrix(self) -> bool:
        """Whether it is one that the model has learned."""
        return self.record.axes[0] == "channel"


def render(record: TraceRecord, words: Language = ENGLISH) -> str:
    """Return an HTML document that walks through a trace. It makes no request and works offline.

    It opens in the language of `words`, and can change to the others.

    Raises:
        ValueError: there are more numbers than a browser holds with ease.
    """
    parts = [list(heads) for _, heads in groupby(record.stages, key=lambda stage: stage.number)]
    without = [part for part in parts if part[0].axes[0] != "channel"]
    numbers = sum(map(count_numbers, without))
    if numbers > MAX_NUMBERS:
        raise ValueError(
            f"{numbers} numbers are too many for a page (at most {MAX_NUMBERS}); choose --layer and --head"
        )
    if sum(map(count_numbers, parts)) <= MANY_NUMBERS:
        for kept, unit in ((parts, 1000), (without, 1000), (without, 100)):
            page = make_page(record, lay_out(kept, unit), words)
            if len(page.encode()) <= MOST_BYTES:
                return page
    return make_page(record, lay_out(without, 1000), words)


def make_page(record: TraceRecord, stages: Sequence[Stage], words: Language) -> str:
    """Return the page of these stages."""
    title = f"{record.run}: {words.say('the forward pass')}"
    return assemble("forward", title, trace_data(record, stages), lang=words.code)


def count_numbers(heads: Sequence[StageRecord]) -> int:
    """Return how many numbers a stage has in all its heads."""
    return sum(len(stage.rows) * len(keep_columns(stage)) for stage in heads)


def keep_columns(stage: StageRecord) -> Sequence[int]:
    """Return the columns that a page shows: of many symbols those that are among a row's highest."""
    columns = range(stage.shape[1])
    if stage.axes[1] != "symbol" or len(columns) <= MANY_SYMBOLS:
        return columns
    highest = max(1, MANY_SYMBOLS // len(stage.rows))
    return sorted(
        {i for row in stage.values for i in sorted(columns, key=lambda i: -(row[i] or 0))[:highest]}
    )


def lay_out(parts: Sequence[list[StageRecord]], unit: int) -> list[Stage]:
    """Return the stages with their numbers, and how these follow from earlier ones."""
    laid: list[Stage] = []
    for heads in parts:
        columns = keep_columns(heads[0])
        units = [to_units(([row[i] for i in columns] for row in stage.values), unit) for stage in heads]
        rule, of = find_rule(laid, heads)
        laid.append(Stage(heads, columns, units, unit, rule, of))
    return laid


def find_rule(before: Sequence[Stage], heads: Sequence[StageRecord]) -> tuple[str | None, list[int | None]]:
    """Return how a stage follows from those before it, and from which: None where it doesn't."""
    stage = heads[0]
    here = {
        other.record.name: i
        for i, other in enumerate(before)
        if (other.record.loop, other.record.layer) == (stage.loop, stage.layer)
    }
    found: dict[str, tuple[str, list[int | None]]] = {
        "scores": ("scores", [here.get("queries"), here.get("keys"), here.get("position bias")]),
        "attention weights": ("weights", [here.get("scores")]),
        "weighted sum": ("mixture", [here.get("attention weights"), here.get("values")]),
        "concatenated heads": ("joined", [here.get("weighted sum")]),
        "residual": ("sum", [last_stream(before), len(before) - 1]),
    }
    rule, of = found.get(stage.name, (None, []))
    needed = of[:2] if rule == "scores" else of
    if rule is None or None in needed or not fits(rule, [before[i] for i in of if i is not None], stage):
        return None, []
    return rule, of


def last_stream(before: Sequence[Stage]) -> int | None:
    """Return which stage had the residual stream last."""
    return next((i for i, stage in reversed([*enumerate(before)]) if stage.record.answer is not None), None)


def fits(rule: str, of: Sequence[Stage], stage: StageRecord) -> bool:
    """Whether a rule makes of those stages one of that shape."""
    if rule == "joined":
        return sum(head.shape[1] for head in of[0].heads) == stage.shape[1]
    if rule == "scores":
        return stage.scale is not None and of[0].record.rows == of[1].record.rows
    return all(other.record.rows == stage.rows for other in of) and (
        rule != "sum" or all(other.record.shape == stage.shape for other in of)
    )


def encode_stage(laid: Sequence[Stage], stage: Stage) -> tuple[list[list[int]], int | None]:
    """Return the codes of each head, and how far numbers are shifted that are predicted by those above."""
    if stage.rule is not None:
        return [encode(units, predict(laid, stage, head)) for head, units in enumerate(stage.units)], None
    plain = [encode(units) for units in stage.units]
    if stage.record.axes[1] != "key":
        return plain, None
    ways: list[tuple[list[list[int]], int | None]] = [(plain, None)]
    ways += [  # for scores that depend on the key, or on the offset
        ([encode(units, predict_shifted(units, step)) for units in stage.units], step) for step in (0, 1)
    ]
    return min(ways, key=lambda way: len(deflate(way[0])))


def predict(laid: Sequence[Stage], stage: Stage, head: int) -> Iterator[list[int]]:
    """Yield the rows of a head as they follow from earlier stages."""
    if stage.rule == "joined":
        return RULES["joined"](stage.unit, *laid[stage.of[0] or 0].units)
    given = [None if i is None else laid[i].units[min(head, len(laid[i].units) - 1)] for i in stage.of]
    more = {"scale": stage.record.scale} if stage.rule == "scores" else {}
    return RULES[stage.rule or ""](stage.unit, *given, **more)


def trace_data(record: TraceRecord, stages: Sequence[Stage]) -> dict[str, object]:
    """Return what the page needs of a trace."""
    encoded = [encode_stage(stages, stage) for stage in stages]
    told = [stage_data(record, stage, *way) for stage, way in zip(stages, encoded, strict=True)]
    return {
        "run": record.run,
        "task": record.task,
        "tokens": record.tokens,
        "first_answer": record.first_answer,
        "prediction": record.prediction,
        "target": record.target,
        "picture": None if record.picture is None else picture_data(record, record.picture),
        "texts": {"zh": translate_texts(record, "zh")},
        "unit": stages[0].unit,
        "stages": pack(zlib.compress(json.dumps(told).encode(), 9)),
        "numbers": pack(deflate(codes for heads, _ in encoded for codes in heads)),
    }


def pack(deflated: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(deflated).decode()


def translate_texts(record: TraceRecord, code: Code) -> dict[str, str]:
    """Return, by their English, the texts of the page and of the stages in another language."""
    pieces, words = read_pieces("forward"), Language(code)
    own = {
        text: known
        for text, known in translations(code).items()
        if f'"{text}"' in pieces or f">{text}<" in pieces
    }
    told = {text for stage in record.stages for text in (stage.name, stage.explanation, *stage.facts)}
    return own | {text: words.translate(text) for text in sorted(told)}


def picture_data(record: TraceRecord, pixels: Sequence[Sequence[float]]) -> dict[str, object]:
    """Return the pixels of a picture, and which tokens its patches are."""
    return {
        "pixels": [[round(ink, 3) for ink in row] for row in pixels],
        "first": record.tokens.index(record.input[0]),
        "across": round(len(record.input) ** 0.5),
    }


def stage_data(
    record: TraceRecord, stage: Stage, codes: list[list[int]], step: int | None
) -> dict[str, object]:
    """Return what is told of a stage; its numbers stand with those of all others."""
    first = stage.record
    return {
        "number": first.number,
        "name": first.name,
        "loop": first.loop,
        "layer": first.layer,
        "heads": [head.head for head in stage.heads],
        "explanation": first.explanation,
        "formula": first.formula,
        "axes": first.axes,
        "rows": first.rows,
        "width": len(stage.columns),
        "of": first.shape[1],
        "symbols": [record.symbols[i] for i in stage.columns] if first.axes[1] == "symbol" else None,
        "facts": first.facts,
        "answer": first.answer,
        "deviation": first.deviation,
        "agrees": first.agrees,
        "scale": first.scale,
        "shares": [head.shares and [head.shares.content, head.shares.untold] for head in stage.heads],
        "rule": stage.rule,
        "from": stage.of,
        "step": step,
        "bytes": list(map(count_bytes, codes)),
    }
