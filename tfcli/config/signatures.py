"""Settings of parts, read off the keyword-only arguments of a class's `__init__`.

Those of built-in classes are read off their source, so that configurations are checked without torch.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
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
    found = find_class(where)
    if found is None:
        return NoSettings
    node, tree = found
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            if not item.args.kwonlyargs:
                return NoSettings
            pairs = zip(item.args.kwonlyargs, item.args.kw_defaults, strict=True)
            arguments = {arg.arg: (evaluate(arg.annotation), evaluate(default)) for arg, default in pairs}
            return make_settings(node.name, arguments)
    package = where.partition(":")[0]
    base = next((base.id for base in node.bases if isinstance(base, ast.Name)), "")
    for item in tree.body:
        if isinstance(item, ast.ImportFrom) and base in {alias.name for alias in item.names}:
            package = item.module or package
    return read_settings(f"{package}:{base}") if base else NoSettings


def find_class(where: str) -> tuple[ast.ClassDef, ast.Module] | None:
    """Return the definition of `package.module:Class` and its module, without running either."""
    module, _, class_name = where.partition(":")
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    tree = parse(spec.origin)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return node, tree
    return None


@cache
def parse(path: str) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(Path(path).read_bytes())


def evaluate(node: ast.expr | None) -> Any:
    """Return the value of a type or of a default, with the names of `tfcli.config.fields`."""
    if node is None:
        return inspect.Parameter.empty
    return eval(compile(ast.Expression(node), "<settings>", "eval"), dict(vars(fields)))
