"""Stack manipulation: answer what is on a stack after some actions."""

import torch
from torch import Tensor

from .base import IGNORE, Task

POP, PUSH_0 = 2, 3


class StackManipulation(Task):
    """0 1 1 pop push0 -> 0 1 0 end. The final stack from its top, then its end (2207.02098).

    The input is a stack from its bottom, at least one symbol, then actions, at least one unless the input is
    one symbol. A pop of an empty stack does nothing. As in the released generator, each height of the first
    stack is equally likely, and so is each symbol and each action.
    """

    SYMBOLS = ("0", "1", "pop", "push0", "push1")
    ANSWERS = ("0", "1", "end")
    END = 2

    def answer_length(self, length: int) -> int:
        return length + 1

    def valid(self, inputs: Tensor) -> Tensor:
        acting = inputs >= POP
        ordered = ~acting[:, 0] & (acting.int().diff(dim=1) >= 0).all(1)
        return ordered & acting[:, -1] if inputs.shape[1] > 1 else ordered

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        symbols = torch.randint(POP, (count, length), generator=generator, device=device)
        actions = torch.randint(POP, len(self.SYMBOLS), (count, length), generator=generator, device=device)
        high = torch.randint(1, max(2, length), (count, 1), generator=generator, device=device)
        return torch.where(torch.arange(length, device=device) < high, symbols, actions)

    def likelihood(self, inputs: Tensor) -> Tensor:
        # There are 2 ** high * 3 ** (T - high) sequences whose first stack is so high.
        return ((len(self.SYMBOLS) - POP) / POP) ** (inputs < POP).sum(1)

    def target(self, inputs: Tensor) -> Tensor:
        B, T = inputs.shape
        row, stack = torch.arange(B, device=inputs.device), inputs.new_zeros(B, T)
        high = inputs.new_zeros(B)  # of each stack
        for symbol in inputs.T:
            pushes = symbol != POP
            value = torch.where(symbol >= PUSH_0, symbol - PUSH_0, symbol)
            at = high.clamp(max=T - 1)
            stack[row, at] = torch.where(pushes, value, stack[row, at])
            high = torch.where(pushes, high + 1, (high - 1).clamp(min=0))
        place = torch.arange(T + 1, device=inputs.device) - high[:, None]  # 0 at the end
        found = stack.gather(1, (-place - 1).clamp(min=0, max=T - 1))
        found = torch.where(place < 0, found, self.END)
        return found.masked_fill(place > 0, IGNORE)
