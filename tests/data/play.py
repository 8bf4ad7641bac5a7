"""The text that ships with the tool: a play without end, made by a small grammar. Running this writes it."""

from __future__ import annotations

import random
from pathlib import Path

FILE = Path(__file__).parents[2] / "tfcli" / "data" / "texts" / "play.txt"
SPEECHES = 1000

WHO = ["KING", "QUEEN", "FOOL", "GUARD", "NURSE"]
PARTS = {
    "noun": [
        "night",
        "crown",
        "sword",
        "river",
        "garden",
        "letter",
        "candle",
        "raven",
        "winter",
        "mirror",
        "harbour",
        "promise",
    ],
    "being": ["brother", "stranger", "daughter", "soldier", "shepherd", "widow", "pilgrim", "neighbour"],
    "quality": ["silent", "golden", "bitter", "gentle", "broken", "distant", "faithful", "weary"],
    "does": ["keeps", "breaks", "fears", "follows", "forgets", "remembers", "carries", "hides"],
    "do": ["keep", "break", "fear", "follow", "forget", "remember", "carry", "hide"],
    "when": ["before the morning", "when the bells are still", "as winter comes", "while others sleep"],
    "where": ["beyond the hill", "beneath the tower", "upon the stair", "beside the fire"],
}
SENTENCES = [
    "the {quality} {noun} {does} the {being} {where}.",
    "who will {do} the {noun} {when}?",
    "I {do} the {noun}, and the {noun} {does} me.",
    "no {being} shall {do} my {quality} {noun}.",
    "come, {quality} {being}, and {do} the {noun} {where}.",
    "if I {do} the {being}, then the {being} {does} the {noun} {when}.",
    "my {being} is {quality}, but my {noun} is {quality}.",
    "{when} the {being} {does} the {noun}.",
]
ANSWERS = {
    "KING": ["So be it.", "Be still and listen."],
    "QUEEN": ["I have seen it.", "That was another year."],
    "FOOL": ["Ha, and the moon is made of bread!", "Ask the cat, she knows."],
    "GUARD": ["Somebody comes.", "The gate is shut."],
    "NURSE": ["Hush now, hush.", "Sleep, and forget it."],
}


def write(seed: int = 0) -> str:
    """Return the whole text."""
    draw = random.Random(seed)

    def sentence() -> str:
        text = draw.choice(SENTENCES)
        while "{" in text:
            name = text[text.index("{") + 1 : text.index("}")]
            text = text.replace("{" + name + "}", draw.choice(PARTS[name]), 1)
        return text[0].upper() + text[1:]

    speeches, speaker = [], ""
    for _ in range(SPEECHES):
        speaker = draw.choice([name for name in WHO if name != speaker])
        lines = [sentence() for _ in range(draw.randint(1, 3))]
        if draw.random() < 0.5:
            lines.append(draw.choice(ANSWERS[speaker]))
        speeches.append(f"{speaker}.\n" + "\n".join(lines) + "\n")
    return "\n".join(speeches)


if __name__ == "__main__":
    FILE.write_text(write(), encoding="utf-8")
