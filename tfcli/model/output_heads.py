"""Output heads: what comes between the last norm and the logits.

Axes: M position of the answer, D d_model.
"""

from __future__ import annotations

from copy import deepcopy

from torch import Tensor, nn

from tfcli.config.fields import Activation, Annotated, Field
from tfcli.model.feed_forward import ACTIVATIONS
from tfcli.model.linear import Linear
from tfcli.model.norms import Norm
from tfcli.model.sizes import Sizes
from tfcli.model.stages import Stage, has_bias, multiply


class OutputHead(nn.Module):
    """Nothing: logits are linear in the stream. The base class of all others.

    A head has a `forward(x)` of vectors [..., D], which returns as many; logits are read off these.
    `explanation`, `formula` and `recompute` are what `tfcli trace` shows; a head without them is described by
    its docstring, and computed again by a copy of itself in double precision.

    Args:
        norm: one of the model's kind, for a head that has one.
    """

    explanation = ""
    formula = ""

    def __init__(self, sizes: Sizes, norm: Norm) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x

    def recompute(self, x: Tensor) -> Tensor:
        """Return what it makes of `x` [M, D] in double precision."""
        again: Tensor = deepcopy(self).double()(x)
        return again

    def stage(self, x: Tensor, out: Tensor) -> Stage | None:
        """Return the stage from `x` to `out`, both [M, D]; None where there is no head."""
        if type(self) is OutputHead:
            return None
        name = type(self).__name__
        explanation = self.explanation or (type(self).__doc__ or f"The head {name}.").partition("\n")[0]
        formula = self.formula or f"{name}(x)"
        return Stage("output head", explanation, formula, out, self.recompute(x.double()))


class DenseHead(OutputHead):
    """A linear layer with an activation, then the model's norm, before the logits.

    With `gelu` this is the head by which BERT fills masks, with `tanh` and no norm its pooler (Devlin et al.
    2018, 1810.04805).
    """

    def __init__(
        self,
        sizes: Sizes,
        norm: Norm,
        *,
        activation: Activation = "gelu",
        norm_after: Annotated[bool, Field(description="whether a norm of the model's kind follows")] = True,
    ) -> None:
        super().__init__(sizes, norm)
        self.dense = Linear(sizes.d_model, sizes.d_model, sizes.bias)
        self.activation = ACTIVATIONS[activation]
        self.norm = norm if norm_after else Norm(sizes)
        is_normed = type(self.norm) is not Norm
        product = f"{activation}(x W{' + b' if has_bias(self.dense) else ''})"
        self.formula = f"{self.norm.name or 'norm'}({product})" if is_normed else product
        self.explanation = "One more layer works on each vector that an answer is read off" + (
            ", and a norm." if is_normed else "."
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.activation(self.dense(x)))
        return out

    def recompute(self, x: Tensor) -> Tensor:
        made = self.activation(multiply(x, self.dense))
        return made if type(self.norm) is Norm else self.norm.recompute(made)
