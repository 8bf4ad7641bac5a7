"""The tables in the documentation that are made from the code.

    python tests/docs/generate.py

writes them into the README and `tfcli/docs/`, between `<!-- NAME -->` and `<!-- end -->`. A test fails where
a file differs from what this makes.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from tfcli import api, registry
from tfcli.cli import app
from tfcli.commands.catalog import list_catalog
from tfcli.config.schema import SECTIONS, part_of
from tfcli.config.signatures import find_class
from tfcli.docs import TOPICS
from tfcli.records import bench, comparison, doctor, events, inspection, keeping, results, sweep, tour
from tfcli.registry import PARTS, TASKS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "tfcli" / "docs"
BLOCK = re.compile(r"(<!-- ([a-z][\w. -]*) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
RECORDS: dict[str, type[Any]] = {
    "train": results.TrainReport,
    "eval": results.EvalReport,
    "predict": results.Answer,
    "generate": results.Generated,
    "attn": inspection.AttentionRecord,
    "attn --over-time": inspection.OverTimeRecord,
    "trace": inspection.TraceRecord,
    "patch": inspection.PatchRecord,
    "tour": tour.TourRecord,
    "inspect": results.RunDetails,
    "inspect --heads": inspection.HeadsReport,
    "bench": bench.BenchReport,
    "sweep": sweep.SweepReport,
    "sweep --dry-run": sweep.SweepPlan,
    "ls": results.Catalog,
    "compare": comparison.Comparison,
    "mv": keeping.MoveReport,
    "rm": keeping.RemovalReport,
    "show": results.Example,
    "validate": results.Validation,
    "doctor": doctor.DoctorReport,
    "import": results.ImportReport,
    "export": results.ExportReport,
}


def documents() -> list[Path]:
    """Return all documents, the README first."""
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def fill(text: str) -> str:
    """Return a document with its generated blocks made anew."""
    return BLOCK.sub(lambda match: match[1] + "\n".join(make(match[2])) + "\n" + match[4], text)


def make(name: str) -> Iterator[str]:
    """Yield the lines of a block by its name, such as `settings model`."""
    kind, _, of = name.partition(" ")
    makers: dict[str, Callable[..., Iterator[str]]] = {
        "commands": list_commands,
        "topics": list_topics,
        "examples": list_examples,
        "tasks": list_tasks,
        "reference": describe_commands,
        "settings": list_settings,
        "parts": list_parts,
        "json": list_keys,
        "events": list_events,
        "api": describe_api,
    }
    yield from makers[kind](*[of] * bool(of))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a Markdown table."""
    for row in (headings, ["---"] * len(headings), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def code(text: str) -> str:
    """Return text as code, nothing for nothing."""
    return f"`{text}`" if text else ""


# --- commands ---


def commands() -> dict[str, Any]:
    """Return the commands by name."""
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def list_commands() -> Iterator[str]:
    """Yield each command with its arguments and what it does."""
    rows = []
    for name, command in commands().items():
        words = [write(param) for param in command.params if param.param_type_name == "argument"]
        rows.append([code(" ".join(["tfcli", name, *words])), command.help.partition("\n")[0]])
    yield from table(["command", "what it does"], rows)


def write(param: Any) -> str:
    """Return an argument or option as it is typed."""
    if param.param_type_name != "argument":
        return ", ".join([*param.opts, *param.secondary_opts])
    word = str(param.metavar)
    word = word if param.required or word.startswith("[") else f"[{word}]"
    return word + "..." * (param.nargs == -1 and not word.endswith("..."))


def describe_commands() -> Iterator[str]:
    """Yield a section for each command: what its help says, and its arguments and options."""
    group: Any = typer.main.get_command(app)
    yield from ("## tfcli", "", "Before the command.", "", *describe_options(group), "")
    for name, command in commands().items():
        yield from (f"## tfcli {name}", "")
        for paragraph in inspect.cleandoc(command.help).split("\n\n"):
            example = paragraph.removeprefix("Example: ")
            yield from (" ".join(paragraph.split()) if example == paragraph else f"Example: `{example}`", "")
        yield from (*describe_options(command), "")


def describe_options(command: Any) -> Iterator[str]:
    """Yield a table of the arguments and options of a command."""
    rows = []
    for param in command.params:
        default = "" if param.default in (None, False, True) else f" Default: {param.default}."
        rows.append([code(write(param)), (param.help or "") + default])
    yield from table(["option", "meaning"], rows)


# --- topics, examples, tasks ---


def list_topics() -> Iterator[str]:
    """Yield the topics of the documentation."""
    rows = [[f"[{topic}](tfcli/docs/{topic}.md)", what] for topic, what in TOPICS.items()]
    yield from table(["topic", "what is in it"], rows)


def list_examples() -> Iterator[str]:
    """Yield the shipped examples with the first line about each."""
    rows = [[code(name), line] for name, line in list_catalog().examples.items()]
    yield from table(["example", "what it shows"], rows)


def list_tasks() -> Iterator[str]:
    """Yield the tasks with an input, its answer and what it is."""
    rows = []
    for name, where in TASKS.built_in.items():
        found = find_class(f"{TASKS.package}.{where}")
        assert found is not None
        text = " ".join((ast.get_docstring(found) or "").partition("\n\n")[0].split())
        inputs, _, rest = text.partition(" -> ")
        answer, _, what = rest.partition(". ")
        rows.append([code(name), code(inputs), code(answer), what.replace(" (2207.02098)", "")])
    yield from table(["task", "input", "answer", "what it is"], rows)


# --- settings and parts ---


def list_settings(of: str) -> Iterator[str]:
    """Yield the settings of a section, and those of its parts below each."""
    rows = []
    for key, field in SECTIONS[of].model_fields.items():
        part = part_of(of, key)
        values = " ".join(map(code, part.registry.built_in)) if part else describe_values(field)
        rows.append([code(f"{of}.{key}"), describe_default(field), values, field.description or ""])
        if part:
            rows += list(part_settings(part.registry))
    yield from table(["setting", "default", "values", "meaning"], rows)


def part_settings(of: registry.Registry) -> Iterator[list[str]]:
    """Yield a row for each setting that a part of this kind has, with the parts that have it."""
    found: dict[str, list[tuple[str, FieldInfo]]] = {}
    for name in of.built_in:
        known = of.settings_of(name)
        for key, field in known.model_fields.items() if known else ():
            found.setdefault(key, []).append((name, field))
    for key, owners in found.items():
        by_default: dict[str, list[str]] = {}
        for name, field in owners:
            by_default.setdefault(describe_default(field), []).append(name)
        every = len(by_default) == 1
        default = ", ".join(
            value if every else f"{value} ({', '.join(names)})" for value, names in by_default.items()
        )
        names = ", ".join(code(name) for name, _ in owners)
        meaning = f"of {names}: {owners[0][1].description or ''}".rstrip(": ")
        rows = [code(f"{of.setting}.{key}"), default, describe_values(owners[0][1]), meaning]
        yield rows


def describe_default(field: FieldInfo) -> str:
    """Return the default of a setting as a file has it."""
    if field.default_factory is not None or field.default is None or field.is_required():
        return ""
    value = field.default
    text = str(value).lower() if isinstance(value, bool) else value
    return code(str(list(value) if isinstance(value, tuple) else text))


def describe_values(field: FieldInfo) -> str:
    """Return the values that a setting may have: its choices, or its type with its bounds."""
    annotation, metadata = field.annotation, list(field.metadata)
    inner = [arg for arg in get_args(annotation) if arg is not NoneType]
    if get_origin(annotation) in (Union, UnionType):
        annotation = inner[0]
        metadata += list(getattr(annotation, "__metadata__", ()))
        annotation = get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
    if get_origin(annotation) is Literal:
        return " ".join(map(code, get_args(annotation)))
    if get_origin(annotation) is tuple:
        return "list" if Ellipsis in get_args(annotation) else "two numbers"
    names: dict[Any, str] = {bool: "`true` `false`", int: "integer", float: "number", str: "text"}
    return " ".join([names[annotation], *describe_bounds(metadata)])


def describe_bounds(metadata: Sequence[Any]) -> Iterator[str]:
    """Yield the bounds that a number has; an upper one only where somebody may meet it."""
    for bound in metadata:
        for inner in getattr(bound, "metadata", [bound]):
            if isinstance(inner, Ge | Gt):
                yield f">= {inner.ge}" if isinstance(inner, Ge) else f"> {inner.gt}"
            if isinstance(inner, Le | Lt):
                limit: Any = inner.le if isinstance(inner, Le) else inner.lt
                if limit <= 2:
                    yield f"{'<=' if isinstance(inner, Le) else '<'} {limit}"


def list_parts(of: str) -> Iterator[str]:
    """Yield the built-in parts of a kind, with the first line about each."""
    parts = PARTS[of]
    yield from table(
        [code(of), "what it is"], [[code(name), parts.describe(name)] for name in parts.built_in]
    )


# --- JSON ---


def list_keys() -> Iterator[str]:
    """Yield a section for each command: the keys of its JSON with their types and meanings."""
    for command, record in RECORDS.items():
        rows = [[code(path), kind, meaning] for path, kind, meaning in keys(record)]
        yield from (f"## {command}", "", *table(["key", "type", "meaning"], rows), "")


def list_events() -> Iterator[str]:
    """Yield each event of a log with its keys."""
    rows = []
    for event in events.EVENTS:
        rows.append([code(event.name()), "", "", inspect.cleandoc(event.__doc__ or "")])
        rows += [["", code(path), kind, meaning] for path, kind, meaning in keys(event)]
    yield from table(["event", "key", "type", "meaning"], rows)


def keys(record: type[Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the path of each key of a record, its type and its meaning; those of records in it follow."""
    hints = get_type_hints(record)
    for field in fields(record):
        path = f"{prefix}{field.name}"
        kind, inner, suffix = describe_type(hints[field.name])
        yield path, kind, find_comment(record, field.name)
        if inner is not None:
            yield from keys(inner, f"{path}{suffix}.")


def describe_type(annotation: Any) -> tuple[str, type[Any] | None, str]:
    """Return the words for a type, the record in it if there is one, and how a path goes on into it."""
    names = {str: "text", int: "integer", float: "number", bool: "true or false", Any: "any"}
    if annotation in names:
        return names[annotation], None, ""
    if is_dataclass(annotation):
        return "object", annotation if isinstance(annotation, type) else None, ""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        described = [describe_type(arg) for arg in args if arg is not NoneType]
        words = " or ".join([kind for kind, _, _ in described] + ["null"] * (NoneType in args))
        return words, *described[0][1:]
    if origin is Literal:
        return "text", None, ""
    if origin is dict:
        kind, inner, suffix = describe_type(args[1])
        return "object" if args[1] is Any else f"object of {plural(kind)}", inner, f".*{suffix}"
    if origin is tuple:
        kinds = [describe_type(arg)[0] for arg in args]
        same = len(set(kinds)) == 1
        return f"list of {len(kinds)} {plural(kinds[0])}" if same else f"list: {', '.join(kinds)}", None, ""
    kind, inner, suffix = describe_type(args[0])
    return f"list of {plural(kind)}", inner, f"[]{suffix}"


def plural(kind: str) -> str:
    """Return the word for several of a type."""
    first, _, rest = kind.partition(" ")
    if first in ("text", "any") or rest.startswith("or null"):
        return {"text": "texts", "any": "values"}.get(first, f"{first}s") + f" {rest}".rstrip()
    return f"{first.rstrip(':')}s {rest}".rstrip() if first != "true" else "booleans"


# --- Python ---


def describe_api() -> Iterator[str]:
    """Yield what brings runs, and each public method of a run, with its signature and what it does."""
    functions = {"tfcli.load": api.load, "tfcli.train": api.train}
    methods = {f"run.{name}": method for name, method in vars(api.Run).items() if not name.startswith("_")}
    rows = []
    for name, function in {**functions, **methods}.items():
        parameters = list(inspect.signature(function).parameters.values())[name.startswith("run.") :]
        shown = ", ".join(str(p.replace(annotation=p.empty)) for p in parameters)
        shown = re.sub(r"'(\w+)'", r'"\1"', shown)
        returned = inspect.signature(function).return_annotation
        what = " ".join((inspect.getdoc(function) or "").partition("Raises:")[0].split())
        rows.append([code(f"{name}({shown})"), code(returned), what])
    yield from table(["call", "returns", "what it does"], rows)


def find_comment(record: type[Any], name: str) -> str:
    """Return what the source says of a field: the comment beside it, or the one above it."""
    for cls in record.__mro__:
        if not is_dataclass(cls) or name not in cls.__annotations__:
            continue
        lines = inspect.getsource(cls).splitlines()
        i = next(i for i, line in enumerate(lines) if re.match(rf"\s+{name}:", line))
        _, mark, beside = lines[i].partition("  # ")
        if mark:
            return beside
        above = lines[i - 1].strip()
        return above[2:] if above.startswith("# ") else ""
    raise KeyError(name)


def main() -> None:
    """Write every document anew that differs."""
    for path in documents():
        text = path.read_text(encoding="utf-8")
        if (filled := fill(text)) != text:
            path.write_text(filled, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
