"""Where a training first comes upon a value that isn't a finite number, for whoever looks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from torch import Tensor, nn

from tfcli.errors import DivergedError
from tfcli.model.encoder import Encoder
from tfcli.model.faults import is_finite, watching


@contextmanager
def locating_faults(model: Encoder, step: Callable[[], int]) -> Iterator[None]:
    """Let a DivergedError that comes out of here say which value first wasn't finite, and at which step.

    The training is the same to the bit. But each part of each step waits for the device, so that it takes
    longer: a small model several times as long.

    Args:
        step: returns the last step that was taken.

    Raises:
        DivergedError: as before, and longer.
    """
    finder = FaultFinder(model, step)
    with ExitStack() as stack:
        stack.enter_context(watching(model, finder.suspect_values, finder.see))
        stack.callback(model.register_forward_pre_hook(finder.begin).remove)
        stack.callback(model.register_forward_hook(finder.end).remove)
        for name, parameter in model.named_parameters():
            look = partial(finder.look_at_gradient, name)
            hook = parameter.register_post_accumulate_grad_hook(look)  # type: ignore[no-untyped-call]  # untyped
            stack.callback(hook.remove)
        try:
            yield
        except DivergedError as error:
            raise DivergedError(f"{error}; first non-finite value: {finder.find()}") from error


class FaultFinder:
    """Suspects the first value of each step that isn't finite, until the weights or the logits aren't either.

    What comes to neither is harmless, and forgotten at the next step.
    """

    def __init__(self, model: Encoder, step: Callable[[], int]) -> None:
        self.model, self.step = model, step
        self.suspect: str | None = None
        self.is_sure = False

    def find(self) -> str:
        """Return the first value that wasn't finite, and when."""
        self.look_at_weights()
        return self.suspect or "the loss itself"

    def begin(self, model: nn.Module, inputs: object) -> None:
        """Look at what the last step made of the weights."""
        self.look_at_weights()

    def end(self, model: nn.Module, inputs: object, logits: Tensor) -> None:
        """Be sure where the logits aren't finite, so that the loss isn't."""
        if model.training and not is_finite(logits):
            self.is_sure = True

    def suspect_values(self, what: str, values: object = None) -> None:
        """Suspect a value of the step that is on, unless another came before. Evaluations don't count."""
        if self.model.training and self.suspect is None:
            self.suspect = f"{what}, at step {self.step() + 1:,}"

    def see(self, what: str, values: Tensor) -> None:
        """Look at the gradient of what a part gives, as soon as it is there."""
        if self.model.training and values.requires_grad and self.suspect is None:
            look = partial(self.look_at, f"the gradient of {what}")
            values.register_hook(look)  # type: ignore[no-untyped-call]  # torch leaves it so

    def look_at_gradient(self, name: str, parameter: Tensor) -> None:
        """Look at the gradient of a parameter, before it is clipped."""
        if parameter.grad is not None:
            self.look_at(f"the gradient of {name}", parameter.grad)

    def look_at(self, what: str, values: Tensor) -> None:
        """Suspect a gradient that isn't finite."""
        if self.suspect is None and not is_finite(values):
            self.suspect_values(what)

    def look_at_weights(self) -> None:
        """Be sure where weights aren't finite after a step; else whatever it was has come to nothing."""
        if self.is_sure:
            return
        faulty = (name for name, values in self.model.state_dict().items() if not is_finite(values))
        name = next(faulty, None)
        if name is None:
            self.suspect = None
        else:
            self.suspect = self.suspect or f"the weights {name}, after step {self.step():,}"
            self.is_sure = True
