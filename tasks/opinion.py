"""Opinion: answer whether somebody likes something, said in Chinese words."""

import itertools
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from .base import Task, positions
from .forms import Forms, make_forms

WORDS: dict[str, tuple[str, ...]] = {
    "WHO": ("我", "你", "他", "我们"),
    "VERY": ("非常", "真的"),
    "NOT": ("不", "从不", "并非", "毫不"),
    "LIKE": ("喜欢", "爱", "欣赏"),
    "DISLIKE": ("讨厌", "怕", "恨"),
    "ACT": ("吃", "买"),
    "THING": ("苹果", "香蕉", "米饭", "面条", "饺子", "蛋糕"),
}
SYMBOLS = tuple(itertools.chain(*WORDS.values()))
IDS = {name: range(SYMBOLS.index(words[0]), SYMBOLS.index(words[-1]) + 1) for name, words in WORDS.items()}
NEGATING = ("NOT", "DISLIKE")  # each turns the opinion around


class Opinion(Task):
    """我 不 喜欢 苹果 -> 负. One answer: 正 if somebody likes something, 负 if not.

    不 and its like turn around what is said: 我 不 讨厌 吃 苹果 is 正. The thing may stand first:
    苹果 我 不 喜欢. All forms of a length are equally likely, and all words of a form.
    """

    SYMBOLS = SYMBOLS
    ANSWERS = ("负", "正")
    SHORTEST = 3

    def answer_length(self, length: int) -> int:
        return 1

    def nearest_length(self, length: int) -> int:
        return min(max(length, self.SHORTEST), max(forms_by_length()))

    def valid(self, inputs: Tensor) -> Tensor:
        return forms_of_length(inputs.shape[1], inputs.device).match(inputs).any(1)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        forms = forms_of_length(length, generator.device)
        which = torch.randint(len(forms.lowest), (count,), generator=generator, device=generator.device)
        return forms.fill(which, generator)

    def likelihood(self, inputs: Tensor) -> Tensor:
        forms = forms_of_length(inputs.shape[1], inputs.device)
        return (forms.match(inputs) / forms.sizes()).sum(1)

    def target(self, inputs: Tensor) -> Tensor:
        turns = torch.stack([is_of(inputs, name) for name in NEGATING]).any(0)
        return 1 - turns.sum(1, keepdim=True) % 2

    def source(self, inputs: Tensor) -> Tensor:
        """Return where the word that likes or dislikes stands."""
        found = is_of(inputs, "LIKE") | is_of(inputs, "DISLIKE")
        return positions(inputs).masked_fill(~found, -1).amax(1, keepdim=True)


def is_of(inputs: Tensor, name: str) -> Tensor:
    """Which of `inputs` [B, T] are words of that name, as bool [B, T]."""
    ids = IDS[name]
    return (inputs >= ids.start) & (inputs < ids.stop)


@lru_cache(maxsize=64)
def forms_of_length(length: int, device: torch.device) -> Forms:
    """Return the forms of that many words, as ranges of ids."""
    rows = [[IDS[name] for name in form.split()] for form in forms_by_length()[length]]
    return make_forms(rows, device)


@lru_cache(maxsize=1)
def forms_by_length() -> dict[int, list[str]]:
    """Return all forms by their length."""
    found: dict[int, list[str]] = {}
    for form in all_forms():
        found.setdefault(len(form.split()), []).append(form)
    return found


def all_forms() -> Iterator[str]:
    """Yield somebody's opinion with the thing after it, and before it."""
    choices = (("", "VERY "), ("", "NOT "), ("LIKE", "DISLIKE"), ("", "ACT "))
    for very, negation, verb, act in itertools.product(*choices):
        opinion = f"WHO {very}{negation}{verb}"
        yield from (f"{opinion} {act}THING", f"{act}THING {opinion}")
