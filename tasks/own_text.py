"""A text of a user's own: each symbol is to be told from those before it.

Axes: B batch, T position of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .base import Batch, Task
from .copies import on_device
from .objectives import next_symbols
from .splitting import HELD_OUT_SHARE
from .symbols import SHOWN
from .typed import split_words

LINE_BREAK = SHOWN["\n"]
READ_AS = {symbol: character for character, symbol in SHOWN.items()}


class OwnText(Task):
    """Windows of a text. Its last tenth is held out, or another text.

    Args:
        are_characters: whether each character is a symbol, spaces included.
        load: returns the ids of the text, and of the other one if there is one, int64 [N], when they are
            first needed; None where they aren't `required` and can't be had.
    """

    predicts_next = True

    def __init__(
        self,
        symbols: Sequence[str],
        are_characters: bool,
        min_length: int,
        max_length: int,
        load: Callable[[bool], tuple[Tensor, Tensor | None] | None],
    ) -> None:
        super().__init__(None, min_length, max_length, symbols)
        self.are_characters = are_characters
        self.load = load
        self._shares: tuple[Tensor, Tensor] | None = None

    def shares(self, *, required: bool = True) -> tuple[Tensor, Tensor] | None:
        """Return what is trained on and what is held out; None where it needn't be had and can't.

        Raises:
            ValueError: a part is shorter than the sequences to train on.
        """
        if self._shares is None and (texts := self.load(required)):
            ids, test = texts
            cut = len(ids) - len(ids) // HELD_OUT_SHARE
            train, held_out = (ids[:cut], ids[cut:]) if test is None else (ids, test)
            if min(len(train), len(held_out)) < self.max_length + 1:
                raise ValueError(
                    f"its text is too short: {len(train):,} symbols to learn and {len(held_out):,} held out,"
                    f" of which a sequence has {self.max_length}; lower task.max_length"
                )
            self._shares = train, held_out
        return self._shares

    @property
    def train(self) -> Tensor:
        """What is trained on."""
        return self._known[0]

    @property
    def held_out(self) -> Tensor:
        """What is held out."""
        return self._known[1]

    @property
    def _known(self) -> tuple[Tensor, Tensor]:
        found = self.shares()
        if found is None:
            raise RuntimeError("a text that is required is there")
        return found

    def nearest_length(self, length: int) -> int:
        shares = self.shares(required=False)
        longest = length if shares is None else min(map(len, shares)) - 1
        return max(2, min(length, longest))

    def has_length(self, length: int) -> bool:
        return length >= 1

    def target(self, inputs: Tensor) -> Tensor:
        return next_symbols(inputs)

    def sample(self, batch_size: int, length: int, generator: torch.Generator) -> Batch:
        device, last = generator.device, len(self.train) - length
        start = torch.randint(last, (batch_size,), generator=generator, device=device)
        return self._windows(self.train, start, length)

    def sample_held_out(self, count: int, length: int, generator: torch.Generator) -> Batch:
        """Return windows that lie side by side, up to as many as there are."""
        length = self.nearest_length(length)
        there_are = (len(self.held_out) - 1) // length
        chosen = torch.randperm(there_are, generator=generator, device=generator.device)[:count]
        return self._windows(self.held_out, chosen * length, length)

    def is_held_out(self, inputs: Tensor) -> Tensor:
        """No window is: a place in the text is held out, not what stands there."""
        return torch.zeros(len(inputs), dtype=torch.bool, device=inputs.device)

    def n_held_out(self, length: int) -> int | None:
        return None

    def text_to_count(self, generator: torch.Generator) -> Tensor | None:
        return self.train[None].to(generator.device)

    def training_set(self, count: int | None, generator: torch.Generator) -> list[Batch] | None:
        """Return windows that lie side by side at the start of the text, or none where all of it is read."""
        if count is None:
            return None
        count = min(count, (len(self.train) - 1) // self.max_length)
        return [self._windows(self.train, torch.arange(count) * self.max_length, self.max_length)]

    def encode_prompt(self, text: str) -> list[int]:
        """Ids of a text as it is typed; of characters, each counts, spaces included."""
        if self.are_characters:
            text = " ".join(SHOWN.get(character, character) for character in text)
        return super().encode_prompt(text.replace("\n", f" {LINE_BREAK} "))

    def read_words(self, text: str) -> list[str]:
        """Return the words as they stand there: in a text, marks and spaces count."""
        return split_words(text, self._ids)

    def text_of(self, ids: Sequence[int]) -> str:
        """Return the text that ids stand for."""
        found = self.decode(ids)
        if self.are_characters:
            return "".join(READ_AS.get(symbol, symbol) for symbol in found)
        return "".join("\n" if symbol == LINE_BREAK else f"{symbol} " for symbol in found)

    @staticmethod
    def _windows(text: Tensor, start: Tensor, length: int) -> Batch:
        at = start[:, None] + torch.arange(length + 1, device=start.device)
        found = on_device(text, start.device)[at]
        return Batch(found[:, :-1], found[:, 1:])
