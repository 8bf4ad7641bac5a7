"""Text in the subwords of a tokenizer. No sequences of it are drawn, and nobody knows the right answers.

Axes: B batch, T position of the input, M position of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .base import IGNORE, Task

BETWEEN = "|||"  # stands between the two segments of a text


class Subwords(Task):
    """Texts that are read in pieces, for a model that others have trained: no task to train on.

    Args:
        symbols: how the pieces are shown, by their ids.
        read: a text, or two segments of one, -> the ids of its pieces.
        write: ids -> the text that they stand for.
        labels: the classes of a classifier, which answers once for a text; None where each piece is answered.
        mask: the id of the piece that a model fills in; then all others are shown as they are.
        predicts_next: whether each piece is answered with the one that comes next.
    """

    DRAWS = False

    def __init__(
        self,
        symbols: Sequence[str],
        read: Callable[[str, str | None], list[int]],
        write: Callable[[Sequence[int]], str],
        max_length: int,
        labels: Sequence[str] | None = None,
        mask: int | None = None,
        *,
        predicts_next: bool = False,
    ) -> None:
        if labels is not None:
            self.ANSWERS = tuple(labels)
        self.predicts_next = predicts_next
        self.labels, self.mask, self.read, self.write = labels, mask, read, write
        super().__init__(min_length=1, max_length=max_length, symbols=symbols)

    def target(self, inputs: Tensor) -> Tensor:
        M = self.answer_length(inputs.shape[1])
        return torch.full((len(inputs), M), IGNORE, device=inputs.device)

    def answer_length(self, length: int) -> int:
        return length if self.labels is None else 1

    def fill(self, inputs: Tensor, answer: Tensor) -> Tensor:
        if self.mask is None or not bool((inputs == self.mask).any()) or len(answer) != len(inputs):
            return answer
        return answer.where(inputs == self.mask, inputs)

    def text_of(self, ids: Sequence[int]) -> str:
        return self.write(ids)

    def encode_prompt(self, text: str) -> list[int]:
        """Ids of the pieces of a text; `|||` stands between the segments of one that has two.

        Raises:
            ValueError: it is empty, has more segments, or a piece that the model doesn't know.
        """
        first, *others = text.split(BETWEEN)
        if len(others) > 1:
            raise ValueError(f"a text has two segments at most, and {BETWEEN} between them")
        if not all(part.strip() for part in (first, *others)):
            raise ValueError(
                "the sequence is empty" if not others else f"nothing stands on one side of {BETWEEN}"
            )
        ids = self.read(first.strip(), others[0].strip() if others else None)
        unknown = [i for i in ids if not 0 <= i < self.vocab_size]
        if unknown:
            raise ValueError(
                f"its tokenizer makes piece {unknown[0]} of it, and the model has {self.vocab_size}"
            )
        if not ids:
            raise ValueError("the sequence is empty")
        return ids
