"""Settings as people may write them: right ones, wrong ones, and texts of YAML around them."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from tasks.symbols import is_printable, normalize
from tfcli import registry
from tfcli.config.schema import SECTIONS, part_of

KEYS = [key for section in SECTIONS.values() for key in section.model_fields]
SETTINGS = [f"{name}.{key}" for name, section in SECTIONS.items() for key in section.model_fields]
TRICKY = ["~", "no", "1e-3", "017", "0x1F", "0o17", "1:30", ".inf", "-.nan", "1_000", "2001-01-01", "<<", "="]
NUMBERS = [0, -1, 1, 2, 3, 64, 1000, 65_536, 2**31, 2**63, 10**30, 0.0, -0.5, 0.5, 1e30, 1e308, 1e-320]

anything = st.text(st.characters(codec=None), max_size=12)  # halves of characters, too
typed = st.text(st.characters(codec="utf-8"), max_size=12)


def numbers(least: float, most: float, *, whole: bool) -> st.SearchStrategy[Any]:
    """Numbers between two bounds, mostly small ones."""
    if whole:
        return st.integers(int(least), int(min(most, least + 100))) | st.integers(int(least), int(most))
    return st.floats(least, most) | st.floats(least, min(most, least + 1))


def right_values(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Return values that a setting may have, as far as its type and its bounds say."""
    annotation = field.annotation
    inner = [kind for kind in get_args(annotation) if kind is not type(None)]
    metadata = field.metadata
    if type(None) in get_args(annotation) and inner:
        annotation, metadata = inner[0], [*metadata, *getattr(inner[0], "__metadata__", ())]
        while get_origin(annotation) not in (None, tuple, Literal):
            metadata, annotation = [*metadata, *annotation.__metadata__], get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is tuple:
        return st.lists(st.floats(0.01, 0.99), min_size=2, max_size=2)
    if annotation is bool:
        return st.booleans()
    bounds = {key: value for rule in metadata for key, value in bounds_of(rule).items()}
    least, most = bounds.get("least", 0), bounds.get("most", 1000)
    return numbers(least, most, whole=annotation is int) | (
        st.none() if field.default is None else st.nothing()
    )


def bounds_of(rule: Any) -> dict[str, float]:
    """Return the bounds that a rule of pydantic sets, inclusive."""
    if isinstance(rule, FieldInfo):
        return {key: value for inner in rule.metadata for key, value in bounds_of(inner).items()}
    found: dict[str, float] = {}
    if hasattr(rule, "ge"):
        found["least"] = rule.ge
    if hasattr(rule, "gt"):
        found["least"] = rule.gt + 1e-6
    if hasattr(rule, "le"):
        found["most"] = rule.le
    if hasattr(rule, "lt"):
        found["most"] = rule.lt - 1 if isinstance(rule.lt, int) else rule.lt - 1e-6
    return found


@st.composite
def parts(draw: st.DrawFn, found: registry.Registry) -> Any:
    """A part of a registry, by its name, or with some of its settings."""
    name = draw(st.sampled_from(list(found.built_in)))
    known = found.settings_of(name)
    fields = known.model_fields if known else {}
    keys = draw(st.lists(st.sampled_from(list(fields)), unique=True)) if fields else []
    needed = [key for key, field in fields.items() if field.is_required()]
    chosen = {key: draw(right_values(fields[key])) for key in dict.fromkeys([*needed, *keys])}
    return {"name": name, **chosen} if chosen else name


symbols = st.lists(
    typed.filter(is_printable).map(normalize).filter(is_printable), min_size=2, max_size=5, unique=True
)


@st.composite
def right_sections(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Return the sections of a configuration, most of which go together."""
    sections: dict[str, dict[str, Any]] = {}
    for name, section in SECTIONS.items():
        sections[name] = {}
        for key in draw(st.lists(st.sampled_from(list(section.model_fields)), unique=True, max_size=5)):
            part = part_of(name, key)
            special, field = SPECIAL.get(f"{name}.{key}"), section.model_fields[key]
            values = right_values(field) if special is None else special
            sections[name][key] = draw(parts(part.registry) if part else values)
    sections["task"].setdefault("name", "copy")
    return sections


SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "task.name": st.sampled_from(list(registry.TASKS.built_in)),
    "task.symbols": symbols | st.none(),
    **{
        f"task.{key}": st.none()
        for key in (
            "data",
            "test",
            "tokens",
            "answer_tokens",
            "answers",
            "end_symbol",
            "answer_lengths",
            "digest",
        )
    },
    "task.min_length": st.integers(1, 20),
    "task.max_length": st.integers(20, 100_000),
    "model.d_model": st.integers(1, 500).map(lambda n: 8 * n),
    "model.n_heads": st.sampled_from([1, 2, 4]),
    "model.d_ff": st.integers(1, 1_048_576),
    "train.device": st.sampled_from(["auto", "cpu", "cuda", "cuda:7", "mps"]),
}

wrong_values = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(NUMBERS)
    | st.floats()
    | anything
    | st.sampled_from([*TRICKY, *KEYS, *registry.POSITIONS.built_in]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYS, "name", "heads", "size"]) | anything, inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def sections(draw: st.DrawFn) -> Any:
    """Return something like a configuration: right, but for what has been put in."""
    found: dict[Any, Any] = draw(right_sections())
    for _ in range(draw(st.integers(0, 3))):
        value, key = draw(wrong_values), draw(st.sampled_from(SETTINGS) | anything)
        section, _, inner = key.partition(".")
        if inner and isinstance(found.get(section), dict):
            found[section][inner] = value
        else:
            found[section] = value
    return found if draw(st.booleans()) else {draw(st.sampled_from(["one", "two"]) | anything): found}


@st.composite
def as_yaml(draw: st.DrawFn, value: Any) -> str:
    """Write a value as YAML in one of many ways, with what people put around values."""
    before = draw(
        st.sampled_from([""] * 24 + ["&a ", "!!str ", "!!int ", "!!map ", "!mine ", "!!binary ", "*a #"])
    )
    after = draw(st.sampled_from([""] * 6 + ["  # a note\n", "\n"]))
    if isinstance(value, dict):
        pairs = [f"{draw(as_yaml(key))}: {draw(as_yaml(inner))}" for key, inner in value.items()]
        text = "{" + ", ".join(pairs) + "}"
    elif isinstance(value, list):
        text = f"[{', '.join(draw(as_yaml(inner)) for inner in value)}]"
    elif isinstance(value, str):
        plain = st.just(value) if value.isidentifier() or draw(st.integers(0, 9)) == 0 else st.nothing()
        text = draw(st.just(json.dumps(value)) | st.just(json.dumps(value, ensure_ascii=False)) | plain)
    else:
        text = json.dumps(value)
    return before + text + after


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return the text of a configuration file, or something like one."""
    found = draw(sections())
    lines = [f"{draw(as_yaml(key))}: {draw(as_yaml(value))}\n" for key, value in found.items()]
    text = draw(st.sampled_from(["", "", "# a comment\n", "--- \n", "%YAML 1.1\n---\n", "\ufeff"])) + "".join(
        lines
    )
    for _ in range(draw(st.integers(0, 2)) * draw(st.integers(0, 1))):
        position = draw(st.integers(0, len(text)))
        text = text[:position] + draw(anything) + text[position + draw(st.integers(0, 3)) :]
    return text
