"""Models of the same parts that go through their forward pass as one, each with weights of its own.

Axes: S model, B batch, T position of the input, M position of the answer, V symbols, P all parameters of a
model, one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tfcli.model.encoder import Encoder
from tfcli.model.stacking import stacking, takes_several


class Stacked:
    """Models of the same parts. What they hold are rows of a matrix, and buffers with a row for each.

    Where all parts are written for several models, `base` has these weights, and goes through for all.
    Otherwise torch's `vmap` brings it through.

    Args:
        model: one of them.
    """

    def __init__(self, model: Encoder) -> None:
        self.base = deepcopy(model).train()
        self.by_vmap = not all(map(takes_several, (model.mask, *model.modules())))
        self.kinds = [(name, p.shape, p.requires_grad) for name, p in model.named_parameters()]
        self.parameters: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}

    def hold(self, values: Tensor, buffers: Mapping[str, Tensor]) -> None:
        """Have these weights [S, P], not a copy of them, and these buffers [S, ...] by name."""
        columns = torch.split(values, [shape.numel() for _, shape, _ in self.kinds], dim=1)
        self.parameters = {
            name: nn.Parameter(rows.view(-1, *shape), requires_grad=is_learned)
            for (name, shape, is_learned), rows in zip(self.kinds, columns, strict=True)
        }
        self.buffers = dict(buffers)
        if not self.by_vmap:
            for name, tensor in {**self.parameters, **self.buffers}.items():
                part, _, of_part = name.rpartition(".")
                setattr(self.base.get_submodule(part), of_part, tensor)

    def run(self, inputs: Tensor, may_attend: Tensor | None, *, same: bool = False) -> Tensor:
        """Logits [S, B, M, V] for `inputs` [S, B, T] of each model, or the `same` [B, T] of all."""
        with stacking():
            if self.by_vmap:
                axis = None if same else 0
                call = torch.vmap(self.call_one, (0, 0, axis, None if may_attend is None else axis))
                logits: Tensor = call(self.parameters, self.buffers, inputs, may_attend)
            else:
                if same:
                    inputs, may_attend = inputs[None], None if may_attend is None else may_attend[None]
                logits = self.base(inputs, may_attend)
        return logits

    def call_one(
        self,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        inputs: Tensor,
        may_attend: Tensor | None,
    ) -> Tensor:
        """Logits [B, M, V] by the weights of one model."""
        logits: Tensor = functional_call(self.base, (parameters, buffers), (inputs, may_attend))
        return logits

    def differentiate(self, loss: Tensor, gradients: Tensor) -> None:
        """Write the gradients of the sum of all losses [] to a matrix [S, P]."""
        learned = [p for p in self.parameters.values() if p.requires_grad]
        found = iter(torch.autograd.grad(loss, learned, allow_unused=True, materialize_grads=True))
        parts = [next(found) if p.requires_grad else torch.zeros_like(p) for p in self.parameters.values()]
        torch.cat([part.flatten(1) for part in parts], dim=1, out=gradients)
