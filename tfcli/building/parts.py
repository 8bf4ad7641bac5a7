"""Parts, by the names and settings of a configuration: each is loaded, made, and tried if it isn't ours."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import ValidationError

from tfcli.config.class_files import describe_error, is_file
from tfcli.config.messages import explain
from tfcli.config.parts import Part
from tfcli.config.signatures import settings_of_class
from tfcli.errors import TfcliError, UsageError, did_you_mean
from tfcli.model.contracts import CHECKS
from tfcli.model.sizes import Sizes
from tfcli.registry import Registry


def make(of: Registry, part: Part, *words: Any) -> Any:
    """Return a part, made with its settings."""
    return call(of, part, load(of, part), *words, **part.settings)


def load(of: Registry, part: Part) -> type[Any]:
    """Return the class of a part; the settings of one that comes from a file are checked now.

    Raises:
        UsageError: there is no such class, or no such setting.
    """
    cls = of.load(part.name)
    if is_file(part.name):
        known = settings_of_class(cls)
        for key in part.settings.keys() - known.model_fields.keys():
            has = f"it has {', '.join(known.model_fields)}" if known.model_fields else "it has no settings"
            near = did_you_mean(key, known.model_fields)
            raise UsageError(f"{of.setting}.{key}: {part.name} has no such setting{near} ({has})")
        try:
            known.model_validate(part.settings)
        except ValidationError as error:
            raise UsageError(f"{of.setting}: {part.name}: {explain(error.errors()[0])}") from error
    return cls


def call(of: Registry, part: Part, function: Any, *words: Any, **settings: Any) -> Any:
    """Call what makes a part. What somebody else's class raises, or returns wrongly, is theirs to mend.

    Raises:
        UsageError: it can't be made, or isn't what its base class asks for.
    """
    foreign = part.name not in of.built_in
    try:
        made = function(*words, **settings)
        if foreign and of.setting in CHECKS:
            sizes = next((word for word in words if isinstance(word, Sizes)), None)
            try_out(of, made, sizes)
    except TfcliError:
        raise
    except Exception as error:
        if not foreign and not isinstance(error, ValueError):
            raise
        problem = str(error) if isinstance(error, ValueError) else describe_error(error)
        where = f"{of.setting}: {part.name}" if foreign else of.setting
        raise UsageError(f"{where}: {problem}") from error
    return made


def try_out(of: Registry, made: Any, sizes: Sizes | None) -> None:
    """Hold a part, or those of all layers, against what its base class asks for; no random number is used."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for part in made if isinstance(made, list) else [made]:
            CHECKS[of.setting](part, sizes or Sizes(0, 0, 0, 0, 0, 0))
