"""Collocation: answer which word each word goes with."""

import torch
from torch import Tensor

from .base import Task, positions

KINDS, THINGS = 4, 4  # acts, and things that each of them is done to


class Collocation(Task):
    """I like eating apples -> I like apples eating. An act answers with its thing, a thing with its act.

    What goes with no other word answers itself. Words stand in any order, so what belongs together is told by
    what it is: apples are eaten, and tea is drunk. Any different acts, at most one thing of each kind, and
    other words are drawn.
    """

    # The acts, the things of each, then the words that go with none.
    SYMBOLS: tuple[str, ...] | None = (
        *("eating", "drinking", "reading", "wearing"),
        *("apples", "bread", "rice", "noodles"),
        *("tea", "water", "milk", "coffee"),
        *("books", "letters", "poems", "novels"),
        *("hats", "shoes", "coats", "gloves"),
        *("I", "you", "we", "they", "like", "love"),
    )

    def nearest_length(self, length: int) -> int:
        return min(length, self.vocab_size - KINDS * THINGS + KINDS)

    def valid(self, inputs: Tensor) -> Tensor:
        slot = slots(inputs)
        return ((slot[:, :, None] == slot[:, None, :]).sum(-1) == 1).all(1)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        n_slots = self.vocab_size - KINDS * THINGS + KINDS
        order = torch.rand(count, n_slots, generator=generator, device=device).argsort(dim=1)[:, :length]
        which = torch.randint(THINGS, order.shape, generator=generator, device=device)
        thing = KINDS + (order - KINDS) * THINGS + which
        other = order + KINDS * (THINGS - 1)
        return torch.where(order < KINDS, order, torch.where(order < 2 * KINDS, thing, other))

    def likelihood(self, inputs: Tensor) -> Tensor:
        slot = slots(inputs)
        things = ((slot >= KINDS) & (slot < 2 * KINDS)).sum(1)
        return THINGS ** -things.double()  # which thing it is, of those of its kind

    def target(self, inputs: Tensor) -> Tensor:
        return inputs.gather(1, self.source(inputs))

    def source(self, inputs: Tensor) -> Tensor:
        slot = slots(inputs)
        partner = torch.where(slot < KINDS, slot + KINDS, torch.where(slot < 2 * KINDS, slot - KINDS, slot))
        found = partner[:, :, None] == slot[:, None, :]
        return torch.where(found.any(-1), found.int().argmax(-1), positions(inputs))


class ChineseCollocation(Collocation):
    """我 喜欢 吃 苹果 -> 我 喜欢 苹果 吃. The same in Chinese words."""

    SYMBOLS = (
        *("吃", "喝", "读", "穿"),
        *("苹果", "面包", "米饭", "面条"),
        *("茶", "水", "牛奶", "咖啡"),
        *("书", "信", "诗", "小说"),
        *("帽子", "鞋", "大衣", "手套"),
        *("我", "你", "我们", "他们", "喜欢", "爱"),
    )


def slots(inputs: Tensor) -> Tensor:
    """Return for `inputs` [B, T] what at most one word may be: an act, a thing of a kind, another word."""
    thing = KINDS + (inputs - KINDS) // THINGS
    other = inputs - KINDS * (THINGS - 1)
    is_thing = (inputs >= KINDS) & (inputs < KINDS + KINDS * THINGS)
    return torch.where(inputs < KINDS, inputs, torch.where(is_thing, thing, other))
