"""Which part of a model first gives a value that isn't a finite number: by hooks, which change no value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from tfcli.model.attention_scale import AttentionScale
from tfcli.model.attention_weights import Softmax
from tfcli.model.blocks import Block
from tfcli.model.encoder import Encoder
from tfcli.model.positions.base import Positions

Tell = Callable[[str, Tensor], None]
SEES_SCORES = (AttentionScale, Softmax, Positions)  # which may be -inf, where a key is masked
METHODS = ("embed", "rotate", "bias")  # by which positional encodings act, in place of a forward pass


def is_finite(values: Tensor) -> bool:
    """Whether all the values are finite numbers. Waits for the device.

    What isn't a number is both the lowest and the highest: so these two tell, in a twentieth of the time.
    """
    if not values.is_floating_point() or values.numel() == 0:
        return True
    return all(bool(extreme.isfinite()) for extreme in values.aminmax())


def find_fault(model: Encoder, inputs: Tensor) -> str | None:
    """Return what first isn't finite where `model` reads `inputs` [B, T], and None if all is."""
    found: list[str] = []
    with watching(model, lambda what, values: found.append(what)):
        model(inputs)
    return found[0] if found else None


@contextmanager
def watching(model: Encoder, tell: Tell, see: Tell = lambda what, values: None) -> Iterator[None]:
    """Watch what goes into each part of a model and what comes out, in the order in which it is computed.

    Args:
        tell: is told of values that aren't finite, and what they are.
        see: is shown the values that a part gives, whatever they are.
    """
    watch = Watch(model, tell, see)
    with ExitStack() as stack:
        for name, module in model.named_modules():
            watch.hook(stack, name, module)
        yield


class Watch:
    """What `watching` does at each part."""

    def __init__(self, model: Encoder, tell: Tell, see: Tell) -> None:
        self.loops, self.tell, self.see = model.loops, tell, see
        self.loop: int | None = None  # that is on, where there are several

    def hook(self, stack: ExitStack, name: str, module: nn.Module) -> None:
        """Watch a part until the stack is closed."""
        before, after = partial(self.before, name), partial(self.after, name)
        stack.callback(module.register_forward_pre_hook(before).remove)
        stack.callback(module.register_forward_hook(after).remove)
        if isinstance(module, Positions):
            for method in METHODS:
                if getattr(type(module), method) is not getattr(Positions, method):
                    setattr(module, method, self.watched(name, module, method))
                    stack.callback(delattr, module, method)

    def before(self, name: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Look at what goes into a part: it may come from arithmetic between two parts."""
        if not name:
            self.loop = None
        if isinstance(module, Block) and self.loops > 1:
            self.loop = inputs[1].loop
        for values in tensors_of(inputs):
            self.look(f"the input of {self.describe(name, module)}", module, values)

    def after(self, name: str, module: nn.Module, inputs: object, output: Any) -> None:
        """Look at what comes out of a part."""
        what = f"the output of {self.describe(name, module)}" if name else "the logits"
        for values in tensors_of(output):
            self.look(what, module, values)
            self.see(what, values)

    def watched(self, name: str, module: nn.Module, method: str) -> Callable[..., Any]:
        """Return a method of a positional encoding that shows what it gives."""
        act, path = getattr(module, method), f"{name}.{method}"

        def act_and_look(*words: Any, **options: Any) -> Any:
            output = act(*words, **options)
            self.after(path, module, words, output)
            return output

        return act_and_look

    def look(self, what: str, module: nn.Module, values: Tensor) -> None:
        """Tell of values that aren't finite."""
        if not values.is_floating_point() or is_finite(values):
            return
        if isinstance(module, SEES_SCORES) and not bool((values.isnan() | values.isposinf()).any()):
            return
        self.tell(what, values)

    def describe(self, name: str, module: nn.Module) -> str:
        """Return the name of a part with its class, and the loop."""
        loop = "" if self.loop is None or not name.startswith("blocks.") else f" in loop {self.loop}"
        return f"{name} ({type(module).__name__}){loop}"


def tensors_of(values: Any) -> Iterator[Tensor]:
    """Yield the tensors among what a part was given, or gave."""
    for value in values if isinstance(values, tuple) else (values,):
        if isinstance(value, Tensor):
            yield value
