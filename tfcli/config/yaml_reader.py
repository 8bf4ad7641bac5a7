"""YAML as people expect it: YAML 1.2 scalars, the place of every value, and no traps.

`1e-3` is a number, `no` is text, `017` is 17, `1:30` is text. Duplicate keys, unknown tags, deep nesting and
aliases that contain themselves or grow without bound are errors with a line and a column.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import yaml
from yaml.composer import Composer
from yaml.reader import ReaderError

from tfcli.errors import ConfigError

MAX_DEPTH = 20
MAX_VALUES = 20_000
MAX_DIGITS = 1_000  # of a whole number; Python doesn't print one of more than 4,300

Path = tuple[str | int, ...]

# The core schema of YAML 1.2 (section 10.3.2), in the order in which they are tried.
SCALARS: list[tuple[str, str, str, Callable[[str], Any]]] = [
    ("null", r"~|null|Null|NULL|", "~nN", lambda text: None),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF", lambda text: text.lower() == "true"),
    ("int", r"[-+]?[0-9]+", "-+0123456789", lambda text: to_integer(text, 10)),
    ("int", r"0o[0-7]+", "0", lambda text: to_integer(text[2:], 8)),
    ("int", r"0x[0-9a-fA-F]+", "0", lambda text: to_integer(text[2:], 16)),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789", float),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+.", lambda text: float(text.replace(".", ""))),
]
SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
TAG = "tag:yaml.org,2002:"


class Document(NamedTuple):
    """A YAML document: its value, and where each part of it stands, as `name:line:column`.

    `numerals` has each whole number as it was written, such as 0x1F or +5.
    """

    value: Any
    marks: dict[Path, str]
    key_marks: dict[Path, str]
    lines: list[str]
    numerals: dict[Path, str]

    def with_numerals(self, path: Path, values: Any) -> Any:
        """Return the list that stands at `path`, with its whole numbers as they were written."""
        if not isinstance(values, list):
            return values
        return [self.numerals.get((*path, i), value) for i, value in enumerate(values)]


class ShallowComposer(Composer):
    """Composes nodes up to a depth that the stack bears."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise trap(f"nested more than {MAX_DEPTH} deep", parent)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class Loader(ShallowComposer, yaml.SafeLoader):
    """Reads YAML with scalars of YAML 1.2."""


LOADERS: list[Any] = [Loader]
if yaml.__with_libyaml__:

    class FastLoader(ShallowComposer, yaml.CSafeLoader):
        """Reads the same with libyaml, in a seventh of the time."""

        def __init__(self, text: str) -> None:
            yaml.CSafeLoader.__init__(self, text)
            Composer.__init__(self)

    LOADERS.insert(0, FastLoader)


class Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or YAML 1.2 would read as something else."""


for _loader in LOADERS:
    _loader.yaml_implicit_resolvers = {}  # YAML 1.1 has other ideas of what a scalar is
for _tag, _pattern, _first, _ in SCALARS:
    for _class in (*LOADERS, Dumper):
        _class.add_implicit_resolver(TAG + _tag, re.compile(f"^(?:{_pattern})$"), [*_first, ""])


def read(text: str, name: str) -> Document:
    """Return the one document in `text`; `name` is what errors call it.

    Raises:
        ConfigError: it is no YAML, or has one of the traps named above.
    """
    try:
        return _Builder(name, text).document(compose(text))
    except yaml.MarkedYAMLError as error:
        problem = " ".join(filter(None, (error.context, error.problem)))
        raise ConfigError([f"{format_mark(name, error.problem_mark)}: {problem}"]) from error
    except ReaderError as error:
        before = text[: error.position]
        place = f"{name}:{before.count(chr(10)) + 1}:{len(before.rpartition(chr(10))[2]) + 1}"
        problem = f"{chr(error.character)!a} can't stand in YAML; write it as an escape, in double quotes"
        if 0xDC80 <= error.character <= 0xDCFF:  # how Python keeps what it can't read of a command line
            problem = f"the byte {error.character - 0xDC00:#x} isn't UTF-8"
        raise ConfigError([f"{place}: not YAML text: {problem}"]) from error


def compose(text: str) -> yaml.Node | None:
    """Return the node of the one document in `text`; None if it is empty.

    Raises:
        yaml.YAMLError: it is no YAML.
    """
    *fast, exact = LOADERS
    node: yaml.Node | None
    for loader in fast:
        with contextlib.suppress(yaml.YAMLError, UnicodeEncodeError):  # the messages of the other are better
            node = loader(text).get_single_node()
            return node
    node = exact(text).get_single_node()
    return node


def dump(key: str, value: Any) -> str:
    """`key: value` on one line, which `read` reads back unchanged."""
    if value is None or isinstance(value, bool | int | float | str):
        return dump_scalar(key, value, repr(value))
    return dump_pair({key: value})


@lru_cache(maxsize=1000)
def dump_scalar(key: str, value: Any, written: str) -> str:
    """Return the same of a scalar, by how it is written: 1, 1.0 and true are equal, but not the same."""
    return dump_pair({key: value})


def dump_pair(pair: dict[str, Any]) -> str:
    """Return the same of a pair."""
    text: str = yaml.dump(
        pair,
        Dumper=Dumper,
        allow_unicode=True,
        default_flow_style=True,
        sort_keys=False,
        width=float("inf"),
    )
    return text.strip().removeprefix("{").removesuffix("}")


class _Builder:
    """Turns nodes into plain values and notes where each one stands."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.marks: dict[Path, str] = {}
        self.key_marks: dict[Path, str] = {}
        self.numerals: dict[Path, str] = {}

    def document(self, node: yaml.Node | None) -> Document:
        value = None if node is None else self.build(node, (), [])
        return Document(value, self.marks, self.key_marks, self.text.splitlines(), self.numerals)

    def build(self, node: yaml.Node, path: Path, parents: list[yaml.Node]) -> Any:
        if node in parents:
            raise trap("an alias stands inside what it names", node)
        if len(self.marks) >= MAX_VALUES:
            raise trap(f"more than {MAX_VALUES} values, aliases written out", node)
        self.marks[path] = format_mark(self.name, node.start_mark)
        if isinstance(node, yaml.MappingNode) and node.tag == TAG + "map":
            return self.mapping(node, path, parents)
        if isinstance(node, yaml.SequenceNode) and node.tag == TAG + "seq":
            return [self.build(item, (*path, i), [*parents, node]) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            if node.tag == TAG + "int":
                self.numerals[path] = node.value
            return scalar(node)
        raise trap(f"the tag {node.tag} isn't known here", node)

    def mapping(self, node: yaml.MappingNode, path: Path, parents: list[yaml.Node]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str):
                raise trap("a key must be a word", key_node)
            if key in result:
                raise trap(f"the key {key!r} stands here a second time", key_node)
            self.key_marks[(*path, key)] = format_mark(self.name, key_node.start_mark)
            result[key] = self.build(value_node, (*path, key), [*parents, node])
        return result


def scalar(node: yaml.ScalarNode) -> Any:
    """Return the value of a scalar node. Its tag is what the text looks like, or what the author wrote."""
    if node.tag == TAG + "str":
        return SURROGATES.sub(join_surrogates, node.value)
    for tag, pattern, _, convert in SCALARS:
        if node.tag == TAG + tag and re.fullmatch(pattern, node.value):
            try:
                return convert(node.value)
            except ValueError as error:
                raise trap(str(error), node) from error
    raise trap(f"{node.value!r} isn't {node.tag.removeprefix(TAG)}", node)


def to_integer(digits: str, base: int) -> int:
    """Return a whole number. Raises ValueError where nobody can have meant it."""
    if len(digits) > MAX_DIGITS:
        raise ValueError("the number is too long")
    return int(digits, base)


def join_surrogates(pair: re.Match[str]) -> str:
    r"""Return the character that JSON writes as two escapes, such as "\ud83d\ude00"."""
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")


def trap(problem: str, node: yaml.Node | None) -> yaml.MarkedYAMLError:
    """Return an error that points at `node`."""
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark if node else None)


def format_mark(name: str, mark: Any) -> str:
    """Return where something stands in a text: `name:line:column`, from 1."""
    return f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
