"""What a model reads and where it answers: tokens in segments, each with positions of its own.

Axes: B batch, T position of the input, M position of the answer, L position of all that is read, D d_model.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tfcli.model import BEGIN, BLANK
from tfcli.model.coordinates import Coordinates, is_checked
from tfcli.model.masks import Mask


class Layout:
    """How a task is laid out for a model.

    Aligned, a model reads the input and answers at each of its tokens. Appended, it reads the input and a
    blank token for each symbol of the answer, and answers there (Delétang et al. 2022, 2207.02098); positions
    start anew with the blanks. A begin token may come before both. Where each token predicts the next, a
    model reads the input, and answers at each of its tokens without knowing how many will come. Read first,
    it answers once, at the first of all tokens, as classifiers do (Devlin et al. 2018, 1810.04805).

    Args:
        n_symbols: different symbols of the input.
        n_answers: different symbols of the answer; as many if left out.
        n_features: P, the numbers that each token of the input is made of; None where tokens are symbols.
        answer_length: M for an input of T symbols.
        open_ended: whether each token predicts the next.
        reads_first: whether the first token answers for all.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int | None = None,
        answer_length: Callable[[int], int] = lambda length: length,
        *,
        appended: bool = False,
        begin: bool = False,
        open_ended: bool = False,
        reads_first: bool = False,
        n_features: int | None = None,
    ) -> None:
        self.n_symbols = n_symbols
        self.n_features = n_features
        self.n_answers = n_answers or n_symbols
        self.answer_length = answer_length
        self.appended = appended
        self.begin = begin
        self.open_ended = open_ended
        self.reads_first = reads_first
        self.n_segments = 1 + appended + begin
        self.n_tokens = n_symbols + appended + begin  # blank comes after the symbols, begin last

    def segments(self, length: int) -> list[tuple[int, int]]:
        """Return the number and the length of each segment, in the order in which they stand."""
        found = [(0, length)]
        if self.appended:
            found.append((1, self.answer_length(length)))
        if self.begin:
            found.insert(0, (self.n_segments - 1, 1))
        return found

    def sequence_length(self, length: int) -> int:
        """L, how many tokens are read for an input of that length."""
        return sum(count for _, count in self.segments(length))

    def longest(self, length: int) -> int:
        """Return the length of the longest segment for an input of that length."""
        return max(count for _, count in self.segments(length))

    def length(self, inputs: Tensor) -> int:
        """T of `inputs` [B, T], or [B, T, P] where tokens are made of numbers."""
        return inputs.shape[-1 if self.n_features is None else -2]

    def rows(self, inputs: Tensor) -> torch.Size:
        """Return how many sequences `inputs` are, [B]; or [S, B] for several models."""
        return inputs.shape[: -1 if self.n_features is None else -2]

    def tokens(self, inputs: Tensor) -> Tensor:
        """Return the tokens that are read, [B, L], for `inputs` [B, T]; all that are numbers are token 0."""
        symbols = inputs if self.n_features is None else torch.zeros_like(inputs[..., 0], dtype=torch.int64)
        parts, rows = [symbols], self.rows(inputs)
        if self.appended:
            parts.append(symbols.new_full((*rows, self.answer_length(self.length(inputs))), self.n_symbols))
        if self.begin:
            parts.insert(0, symbols.new_full((*rows, 1), self.n_tokens - 1))
        return torch.cat(parts, dim=-1) if len(parts) > 1 else symbols

    def numbers(self, inputs: Tensor) -> Tensor | None:
        """Return the numbers [B, L, P] of what is read for `inputs` [B, T, P]; None where it is symbols."""
        if self.n_features is None:
            return None
        after = self.answer_length(self.length(inputs)) if self.appended else 0
        return F.pad(inputs, (0, 0, int(self.begin), after))

    def labels(self, symbols: list[str]) -> list[str]:
        """How what is read is shown for an input of these symbols."""
        blanks = [BLANK] * self.answer_length(len(symbols)) if self.appended else []
        return [BEGIN] * self.begin + symbols + blanks

    def first_answer(self, length: int) -> int:
        """Return the place of the first answer among the tokens; the others follow it."""
        if self.reads_first:
            return 0
        return self.sequence_length(length) - self.segments(length)[-1][1]

    def answer_lengths(self, lengths: Tensor, longest: int) -> Tensor:
        """How many symbols the answers to inputs of these `lengths` have, of which none is over `longest`."""
        known = torch.tensor([self.answer_length(n) for n in range(1, longest + 1)], device=lengths.device)
        return known[lengths - 1]

    def answers(self, x: Tensor, length: int) -> Tensor:
        """Where the answers are read: [B, M, D] of `x` [B, L, D]."""
        if self.reads_first:
            return x[..., : self.answer_length(length), :]
        return x[..., self.first_answer(length) :, :]

    def coordinates(
        self, inputs: Tensor, may_attend: Tensor | None = None, mask: Mask | None = None
    ) -> Coordinates:
        """Return the coordinates of all tokens; padding, where `may_attend` [B, T] is False, isn't counted.

        Raises:
            ValueError: a sequence is nothing but padding, or `may_attend` isn't bool of the shape of
                `inputs`.
        """
        segments, device = self.segments(self.length(inputs)), inputs.device
        number = None
        if len(segments) > 1:
            number = torch.cat([torch.full((length,), which, device=device) for which, length in segments])
        longest, mask = max(length for _, length in segments), mask or Mask()
        if may_attend is not None:
            real = self.real_tokens(inputs, may_attend)
            start = torch.cat([(part.cumsum(-1) - 1).clamp(min=0) for part in real], dim=-1)
            end = torch.cat([(part.sum(-1, keepdim=True) - part.cumsum(-1)) for part in real], dim=-1)
            together = torch.cat(real, dim=-1)
            return Coordinates(start, self._closed(end), longest, together, number, mask)
        start = torch.cat([torch.arange(length, device=device) for _, length in segments])
        end = torch.cat([torch.arange(length - 1, -1, -1, device=device) for _, length in segments])
        for _ in self.rows(inputs):  # all are alike
            start, end = start[None], end[None]
        return Coordinates(start, self._closed(end), longest, None, number, mask)

    def _closed(self, end: Tensor) -> Tensor | None:
        return None if self.open_ended else end

    def real_tokens(self, inputs: Tensor, may_attend: Tensor) -> list[Tensor]:
        """Return which tokens of each segment aren't padding, where `may_attend` [B, T] tells of the input.

        A sequence of a batch has as many blanks as if it stood alone; those beyond are padding. A single row
        of `may_attend` tells of all sequences alike.

        Raises:
            ValueError: a sequence is nothing but padding, or `may_attend` isn't bool of the shape of
                `inputs`.
        """
        *models, B, T = *self.rows(inputs), self.length(inputs)
        if may_attend.shape not in ((*models, B, T), (*models, 1, T)) or may_attend.dtype != torch.bool:
            found = f"{str(may_attend.dtype).removeprefix('torch.')} {list(may_attend.shape)}"
            raise ValueError(f"may_attend must be bool {[*models, B, T]}, as the inputs, not {found}")
        if is_checked() and not bool(may_attend.any(-1).all()):
            raise ValueError("a sequence of the batch is all padding: each row of may_attend needs a True")
        if self.reads_first and not self.begin and is_checked() and not bool(may_attend[..., 0].all()):
            raise ValueError("the answer is read at the first token, which may not be padding")
        real = [may_attend]
        if self.appended:
            count = self.answer_lengths(may_attend.sum(-1, keepdim=True), T)  # [B, 1]
            real.append(torch.arange(self.answer_length(T), device=inputs.device) < count)
        if self.begin:
            real.insert(0, may_attend.new_ones(*may_attend.shape[:-1], 1))  # `len` would fix it when exported
        return real
