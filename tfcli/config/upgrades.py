"""Runs of earlier versions: what their configurations and tensors are called now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

T = TypeVar("T")

PER_LAYER = ("from_start", "from_end", "end_from_start", "end_from_end", "table", "tau")  # one row a layer
ON_INPUT = ("learned", "fractional")  # encodings whose tensors are those of the input
ANY = 10**9  # levels: there was no bound
WITH_SLOPE, WITH_GATE = ("rank", "level", "landmark"), ("rank", "landmark")


class Upgrade:
    """None: the run was saved in today's format."""

    has_digests = True  # of its header and of its tensors

    def rename_settings(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the configuration as it would be written today."""
        return config

    def rename_tensors(self, tensors: dict[str, T], n_layers: int) -> dict[str, T]:
        """Return the tensors by the names that they have today."""
        return tensors


class UpgradeFrom01(Upgrade):
    """From the format of version 0.1, in which one encoding held the tables of all layers."""

    has_digests = False

    def __init__(self) -> None:
        self.positions = "ends"
        self.placement = "pre"

    def rename_settings(self, config: dict[str, Any]) -> dict[str, Any]:
        model, train = dict(config.get("model", {})), dict(config.get("train", {}))
        positions = str(model.get("positions", "ends"))
        gate, slope = train.pop("gate", [0.1, 10.0]), train.pop("slope", [0.1, 3.0])
        if positions in WITH_SLOPE:
            settings: dict[str, Any] = {"gate": gate} if positions in WITH_GATE else {}
            if positions == "level":
                settings["largest_step"] = ANY
            model["positions"] = {"name": positions, **settings, "slope": slope}
        model["attention_weights"] = model.pop("normalizer", "softmax")
        model["feed_forward"] = {"name": "mlp", "activation": model.pop("activation", "gelu")}
        model["norm_placement"] = model.pop("norm", "pre")
        self.positions, self.placement = positions, model["norm_placement"]
        return {**config, "model": model, "train": train}

    def rename_tensors(self, tensors: dict[str, T], n_layers: int) -> dict[str, T]:
        renamed: dict[str, T] = {}
        for name, tensor in tensors.items():
            if name.startswith("positions.") and self.positions not in ON_INPUT:
                renamed |= dict(self._of_layers(name.removeprefix("positions."), tensor, n_layers))
            else:
                slot = "before" if self.placement == "pre" else "after"
                renamed[re.sub(r"\.(norm_\w+)\.", rf".\1.{slot}.", name)] = tensor
        return renamed

    def _of_layers(self, name: str, tensor: T, n_layers: int) -> Iterator[tuple[str, T]]:
        """Return a tensor of the one encoding as those of each layer's own."""
        layers = range(n_layers)
        if self.positions == "landmark":  # the first layer numbers tokens, the others have tables
            layers = range(1, n_layers) if name in PER_LAYER else range(1)
        if match := re.fullmatch(r"(compare|step)\.(\d+)\.(\w+)", name):
            yield f"blocks.{match[2]}.attention.positions.{match[1]}.{match[3]}", tensor
            return
        rows: Any = tensor
        has_rows = name in PER_LAYER or (name == "between" and self.positions != "landmark")
        inner = f"scores.{name}" if name in ("slope", "between") else name
        for row, layer in enumerate(layers):
            yield f"blocks.{layer}.attention.positions.{inner}", rows[row] if has_rows else rows


UPGRADES: dict[str, type[Upgrade]] = {"tfcli-1": UpgradeFrom01, "tfcli-2": Upgrade}
