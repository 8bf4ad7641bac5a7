"""Optimizers, which work on all parameters as one long vector.

So a step is a handful of operations however many layers there are. (To make a `torch.optim` optimizer imports
torch's compiler: a second at every start.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tfcli.config.fields import Annotated, Betas, Field, Positive, Share
from tfcli.model.attention import Attention

NUMBERS = {int: torch.int64, float: torch.float64, bool: torch.bool}


class Optimizer:
    """The base class of all optimizers, which have a method `move`.

    Biases of keys that do nothing stay as they are: their gradient is but rounding, of which Adam makes whole
    steps. Only the matrices of linear layers are decayed. To pull embeddings, position tables, biases and
    norms towards zero makes a model weaker, not simpler.

    The parameters of `model` become views of one vector, and so do their gradients: keep them, and call
    `zero_gradients` before each backward pass.

    What steps depend on beside the parameters are attributes that are tensors or numbers: `state` saves
    these, so that a training can be left and taken up again. An optimizer that keeps anything else extends
    `state` and `load_state`.

    Args:
        weight_decay: of the matrices of linear layers.
        clip_norm: the largest norm of the gradient.
    """

    def __init__(self, model: nn.Module, weight_decay: float, clip_norm: float) -> None:
        parameters = list(model.parameters())
        matrices = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
        self.clip_norm = clip_norm
        self.values = torch.cat([p.detach().flatten() for p in parameters])
        self.gradients = torch.zeros_like(self.values)
        self.decay = torch.cat(
            [torch.full_like(p, weight_decay * (id(p) in matrices)).flatten() for p in parameters]
        )
        self.steps = 0
        self.idle = find_idle(model)
        self.bind(parameters)

    def bind(self, parameters: Sequence[nn.Parameter]) -> None:
        """Make the parameters views of `values`, and their gradients views of `gradients`."""
        sizes = [p.numel() for p in parameters]
        for p, value, gradient in zip(
            parameters, torch.split(self.values, sizes), torch.split(self.gradients, sizes), strict=True
        ):
            p.data, p.grad = value.view_as(p), gradient.view_as(p)

    def zero_gradients(self) -> None:
        """Forget the gradients of the last step."""
        self.gradients.zero_()

    def state(self) -> dict[str, Tensor]:
        """Return what steps depend on beside the parameters, by name."""
        known = ("values", "gradients", "decay")
        kept = {name: value for name, value in vars(self).items() if name not in known}
        numbers = {
            name: torch.tensor(value, dtype=NUMBERS[type(value)])
            for name, value in kept.items()
            if type(value) in NUMBERS
        }
        return numbers | {name: value for name, value in kept.items() if isinstance(value, Tensor)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` returned."""
        for name, tensor in state.items():
            own = getattr(self, name, None)
            if type(own) in NUMBERS:
                setattr(self, name, tensor.item())
            elif isinstance(own, Tensor) and own.shape == tensor.shape:
                own.copy_(tensor)
            else:  # it comes into being, or grows, while one trains
                setattr(self, name, tensor.to(self.values.device))

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move the parameters along their gradients, clipped to `clip_norm` in length."""
        self.steps += 1
        for part in self.idle:
            self.gradients[..., part] = 0.0
        norm = torch.linalg.vector_norm(self.gradients, dim=-1, keepdim=True)  # of each model of a stack
        factor = (self.clip_norm / (norm + 1e-6)).clamp(max=1.0)
        self.move(self.gradients.mul_(factor), learning_rate)

    def move(self, gradient: Tensor, learning_rate: float) -> None:
        """Change `values` by a step along the clipped `gradient`; both are vectors of all parameters."""
        raise NotImplementedError(f"{type(self).__name__} needs a method move(gradient, learning_rate)")


def find_idle(model: nn.Module) -> list[slice]:
    """Return where in the vector of all parameters those are that do nothing."""
    ends = torch.tensor([0, *(p.numel() for p in model.parameters())]).cumsum(0).tolist()
    starts = {id(p): start for p, start in zip(model.parameters(), ends, strict=False)}
    found = []
    for module in model.modules():
        if isinstance(module, Attention) and module.has_idle_biases:
            start, count = starts[id(module.qkv.bias)], len(module.qkv.bias) // 3
            found.append(slice(start + count, start + 2 * count))  # those of keys come after those of queries
    return found


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017, 1711.05101, algorithm 2)."""

    def __init__(
        self,
        model: nn.Module,
        weight_decay: float,
        clip_norm: float,
        *,
        betas: Betas = (0.9, 0.98),
        epsilon: Annotated[Positive, Field(description="added to the root of the mean square")] = 1e-8,
    ) -> None:
        super().__init__(model, weight_decay, clip_norm)
        self.betas, self.epsilon = betas, epsilon
        self.mean = torch.zeros_like(self.values)
        self.square = torch.zeros_like(self.values)

    def move(self, gradient: Tensor, learning_rate: float) -> None:
        self.values.addcmul_(self.values, self.decay, value=-learning_rate)
        self.move_adaptively(gradient, learning_rate)

    def move_adaptively(self, gradient: Tensor, learning_rate: float) -> None:
        """Each parameter by its mean gradient over the root of its mean square, both without their bias."""
        self.mean.lerp_(gradient, 1 - self.betas[0])
        self.square.mul_(self.betas[1]).addcmul_(gradient, gradient, value=1 - self.betas[1])
        unbiased_mean = 1 - self.betas[0] ** self.steps
        unbiased_square = 1 - self.betas[1] ** self.steps
        spread = (self.square / unbiased_square).sqrt_().add_(self.epsilon)
        self.values.addcdiv_(self.mean, spread, value=-learning_rate / unbiased_mean)


class Adam(AdamW):
    """Adam (Kingma & Ba 2014, 1412.6980, algorithm 1), with weight decay as a part of the gradient."""

    def move(self, gradient: Tensor, learning_rate: float) -> None:
        self.move_adaptively(gradient.addcmul(self.values, self.decay), learning_rate)


class SGD(Optimizer):
    """Gradient descent with momentum, and weight decay as a part of the gradient."""

    def __init__(
        self,
        model: nn.Module,
        weight_decay: float,
        clip_norm: float,
        *,
        momentum: Annotated[Share, Field(description="share of the last step that is kept")] = 0.9,
    ) -> None:
        super().__init__(model, weight_decay, clip_norm)
        self.momentum = momentum
        self.velocity = torch.zeros_like(self.values)

    def move(self, gradient: Tensor, learning_rate: float) -> None:
        self.velocity.mul_(self.momentum).add_(gradient).addcmul_(self.values, self.decay)
        self.values.add_(self.velocity, alpha=-learning_rate)


class Muon(AdamW):
    """Momentum made orthogonal, for the matrices of the blocks' linear layers; AdamW for all else.

    Jordan et al. 2024, with the scale of Liu et al. 2025 (2502.16982, eq. 4), by which one learning rate
    suits both: a matrix moves by 0.2 sqrt(its longer side) times the orthogonal matrix nearest to its
    momentum.

    Raises:
        ValueError: there is no such matrix.
    """

    COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 5  # of the Newton-Schulz iteration, as released

    def __init__(
        self,
        model: nn.Module,
        weight_decay: float,
        clip_norm: float,
        *,
        momentum: Annotated[Share, Field(description="share of the last step that is kept")] = 0.95,
        betas: Betas = (0.9, 0.98),
        epsilon: Annotated[Positive, Field(description="added to the root of the mean square")] = 1e-8,
    ) -> None:
        super().__init__(model, weight_decay, clip_norm, betas=betas, epsilon=epsilon)
        self.momentum = momentum
        blocks = dict(model.named_modules()).get("blocks", nn.Module())
        matrices = {id(module.weight) for module in blocks.modules() if isinstance(module, nn.Linear)}
        if not matrices:
            raise ValueError("muon moves the matrices of linear layers in blocks, and this model has none")
        parameters = list(model.parameters())
        ends = torch.tensor([p.numel() for p in parameters]).cumsum(0).tolist()
        self.matrices = [
            (slice(end - p.numel(), end), p.shape)
            for p, end in zip(parameters, ends, strict=True)
            if id(p) in matrices
        ]
        self.velocity = torch.zeros_like(self.values)

    def move(self, gradient: Tensor, learning_rate: float) -> None:
        self.velocity.lerp_(gradient, 1 - self.momentum)
        before = self.values.clone()
        super().move(gradient, learning_rate)
        ahead = gradient.lerp(self.velocity, self.momentum)  # as Nesterov's
        for part, shape in self.matrices:
            update = orthogonalize(ahead[part].view(shape), self.COEFFICIENTS, self.ITERATIONS)
            moved = 0.2 * max(shape) ** 0.5 * update.flatten() + self.decay[part] * before[part]
            self.values[part] = before[part] - learning_rate * moved


def orthogonalize(matrix: Tensor, coefficients: tuple[float, float, float], iterations: int) -> Tensor:
    """About the orthogonal matrix nearest to `matrix`: its singular values brought to between 0.7 and 1.2."""
    a, b, c = coefficients
    x = matrix / (matrix.norm() + 1e-7)
    wide = x if x.shape[0] <= x.shape[1] else x.T
    for _ in range(iterations):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    nearest: Tensor = wide if x.shape[0] <= x.shape[1] else wide.T
    return nearest
