"""What scores come from, in words: content or position."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.text import Text

from tfcli.records.inspection import HeadRecord, LayerRecord, ScoreShares, name_layer
from tfcli.render.terminal import print_lines, print_wrapped
from tfcli.texts import ENGLISH, Language


def name_shares(shares: ScoreShares, words: Language = ENGLISH) -> str:
    """`content 0.10 / position 0.90`, or why that can't be told."""
    if shares.content is None:
        reason = words.translate(shares.untold or "")
        return words.say("content / position untold: {reason}", reason=reason)
    content = f"{shares.content:.2f}"
    return words.say(
        "content {content} / position {position}", content=content, position=f"{1 - float(content):.2f}"
    )


def print_shares(console: Console, layer: LayerRecord) -> None:
    """Print what the scores of each head of a layer come from; heads of which the same is said in one."""
    single = [head for head in layer.heads if head.shares is not None]
    if not single:
        return
    print_lines(console)
    title = f"scores of {name_layer(layer.loop, layer.layer)}: "
    said = [
        f"{name_heads(list(heads), len(layer.heads))}{text}" for text, heads in groupby(single, key=said_of)
    ]
    print_wrapped(console, Text.assemble((title, "bold"), "; ".join(said)), indent=2)


def said_of(head: HeadRecord) -> str:
    """Return what is said of a head's scores."""
    return "" if head.shares is None else name_shares(head.shares)


def name_heads(heads: list[HeadRecord], of: int) -> str:
    """`head 0 `, `heads 0, 1 `; `each head ` where it is all of them."""
    if len(heads) == of > 1:
        return "each head "
    return f"head{'s' * (len(heads) > 1)} {', '.join(str(head.head) for head in heads)} "
