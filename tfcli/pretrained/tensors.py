"""The tensors of a folder, held against what the model that config.json describes is made from."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from tfcli.errors import UsageError, did_you_mean
from tfcli.pretrained.folder import CONFIG
from tfcli.pretrained.names import Names
from tfcli.pretrained.sources import Target, list_sources
from tfcli.pretrained.weights import WeightFiles


class Tensors:
    """The tensors of a folder by the names that they have without a head.

    Raises:
        UsageError: they can't be read, or two have the same name.
    """

    def __init__(self, folder: Path, names: Names) -> None:
        self.folder, self.names = folder, names
        self.files = WeightFiles(folder)
        self.full = {name.removeprefix(names.prefix): name for name in self.files.entries}
        if len(self.full) < len(self.files.entries):
            raise UsageError(f"{folder}: has tensors with and without {names.prefix!r}; save the model again")

    def has(self, name: str) -> bool:
        """Whether there is a tensor of that name."""
        return name in self.full

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return self.files.entries[self.full[name]].shape

    def read(self, name: str) -> Tensor:
        """Return a tensor."""
        return self.files.read(self.full[name])

    def make(self, target: Target) -> dict[str, Tensor]:
        """Return our tensors, once theirs are known to be there, of the right shapes, and no others.

        Raises:
            UsageError: they aren't.
        """
        sources = dict(list_sources(target))
        wanted = {name: shape for source in sources.values() for name, shape in source.parts.items()}
        for name, shape in wanted.items():
            self.check(name, shape)
        self.check_rest(target, set(wanted))
        return {ours: source.make(*map(self.read, source.parts)) for ours, source in sources.items()}

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Hold a tensor against the shape that config.json gives it.

        Raises:
            UsageError: it isn't there, or has another one.
        """
        if not self.has(name):
            near = did_you_mean(name, self.full)
            raise UsageError(
                f"{self.folder}: has no tensor {name}, which its {CONFIG} asks for"
                + (near or "; fetch all its files")
            )
        if self.shape(name) != shape:
            entry = self.files.entries[self.full[name]]
            raise UsageError(
                f"{entry.file}: {name} is {list(entry.shape)}, and {CONFIG} makes it {list(shape)}; "
                "take both from the same model"
            )

    def check_rest(self, target: Target, used: set[str]) -> None:
        """Look through the tensors that nothing is made from.

        Raises:
            UsageError: one isn't known to be left out without a loss.
        """
        twins = dict(twins_of(target))
        for name in sorted(self.full.keys() - used):
            if name in twins:
                self.check(name, self.shape(twins[name]))
                if not torch.equal(self.read(name), self.read(twins[name])):
                    raise UsageError(
                        f"{self.folder}: {name} isn't {twins[name]}, and {CONFIG} ties them; set "
                        "tie_word_embeddings to what the model was trained with"
                    )
            elif not re.fullmatch(self.names.unused, name):
                raise UsageError(
                    f"{self.folder}: the tensor {name} has no place in the model that {CONFIG} describes; "
                    "take both from the same model"
                )


def twins_of(target: Target) -> list[tuple[str, str]]:
    """Return tensors that some files hold a second time, with what they are the same as."""
    head = target.head
    if head is None or target.n_classes:
        return []
    tokens = f"{target.names.tokens}.weight"
    found = [(f"{head.logits}.weight", tokens)] if target.is_tied else []
    if head.bias is not None:
        found.append((f"{head.logits}.bias", head.bias))
    return found
