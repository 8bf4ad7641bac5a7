"""Settings of parts, read off the keyword-only arguments of a class's `__init__`.

Those of built-in classes are read off their source, so that configurations are checked without torch.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from tfcli.config import fields


class NoSettings(BaseModel):
    """Those of a part that has none; to make a model for each would take a millisecond."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def settings_of_class(cls: type[Any]) -> type[BaseModel]:
    """Return the settings of a class: the keyword arguments of its `__init__`."""
    parameters = inspect.signature(cls.__init__, eval_str=True).parameters.values()
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    return make_settings(cls.__name__, {p.name: (p.annotation, p.default) for p in keywords})


def make_settings(name: str, arguments: dict[str, tuple[Any, Any]]) -> type[BaseModel]:
    """Return a model of settings from keyword arguments: their types and defaults."""
    strict = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        defer_build=True,  # until a setting is given: a millisecond saved for each part that is left as it is
    )
    definitions: dict[str, Any] = {
        key: (
            Any if annotation is inspect.Parameter.empty else annotation,
            ... if default is inspect.Parameter.empty else default,
        )
        for key, (annotation, default) in arguments.items()
    }
    return create_model(name, __config__=strict, **definitions)


@cache
def read_settings(where: str) -> type[BaseModel]:
    """Return the settings of a built-in class `package.module:Class`, read off its source without torch.

    Types must be those of `tfcli.config.fields`.
    """
    node = find_class(where)
    if node is None:
        return NoSettings
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            if not item.args.kwonlyargs:
                return NoSettings
            pairs = zip(item.args.kwonlyargs, item.args.kw_defaults, strict=True)
            arguments = {arg.arg: (evaluate(arg.annotation), evaluate(default)) for arg, default in pairs}
            return make_settings(node.name, arguments)
    base = next((base.id for base in node.bases if isinstance(base, ast.Name)), "")
    return read_settings(f"{find_module(base, where.partition(':')[0])}:{base}") if base else NoSettings


def find_class(where: str) -> ast.ClassDef | None:
    """Return the definition of `package.module:Class`, to where its `__init__` begins, without running it.

    To parse no more than that takes a tenth of the time.
    """
    module, _, class_name = where.partition(":")
    source = read_source(module)
    found = re.search(rf"^class {class_name}\b.*?(?=^\S|\Z)", source, re.MULTILINE | re.DOTALL)
    if found is None:
        return None
    head = re.match(r".*?^    def __init__\(.*?-> None:\n", found[0], re.MULTILINE | re.DOTALL)
    [node] = ast.parse(f"{head[0]}        pass" if head else found[0]).body
    return node if isinstance(node, ast.ClassDef) else None


def find_module(name: str, module: str) -> str:
    """Return the module from which a module imports a name; itself if it doesn't."""
    for item in ast.parse(read_source(module)).body:
        if isinstance(item, ast.ImportFrom) and name in {alias.name for alias in item.names}:
            return item.module or module
    return module


@cache
def read_source(module: str) -> str:
    """Return the source of a module; nothing where it has none."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return ""
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return ""
    return Path(spec.origin).read_text(encoding="utf-8")


def evaluate(node: ast.expr | None) -> Any:
    """Return the value of a type or of a default, with the names of `tfcli.config.fields`."""
    if node is None:
        return inspect.Parameter.empty
    return eval(compile(ast.Expression(node), "<settings>", "eval"), dict(vars(fields)))
