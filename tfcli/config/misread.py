"""What was meant by a word that can't be read as an override."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from tfcli.config.meanings import find_meant
from tfcli.config.schema import SECTIONS
from tfcli.errors import did_you_mean

EXAMPLE = "model.n_layers=2"
KEY = r"[\w-]+(?:\.[\w-]+)+"
SEVERAL = re.compile(r"override [^=]+=([^\[\]{}\"',]+(,[^\[\]{}\"',]+)+|\d+:\d+(:\d+)?)")  # A,B and 0:4


def explain_override(words: Sequence[str], number: int, examples: Collection[str]) -> str:
    """Return what is wrong with the word of that number, and how it is written."""
    word = words[number]
    key, equals, value = word.partition("=")
    if spaced := without_spaces(words, number):
        return f"can't read the override {word!r}; write it without spaces, {spaced}"
    if not equals and key in examples:
        return f"one example at a time, not {key!r}, too; `tfcli bench` compares several"
    if not equals and ":" in key and find_meant(key.partition(":")[0]):
        name, _, value = key.partition(":")
        return f"can't read the override {word!r}; write it with =, {right_form(name, value)}"
    if key == "task" and equals:
        return f"can't read the override {word!r}; write it as task.name={value or 'TASK'}"
    if key in SECTIONS:
        example = {"train": "train.steps=500"}.get(key, EXAMPLE)
        return f"can't read the override {word!r}; write it as {example} or another {key}.KEY=VALUE"
    near = "" if equals else did_you_mean(key, examples)
    return f"can't read the override {word!r}; write it as {right_form(key, value)}" + near


def explain_several(said: str, problem: str) -> str:
    """Return which command takes several values, where a problem is of what was `said` so and names none."""
    if "`tfcli" in problem or "; write " in problem or not SEVERAL.fullmatch(said):
        return ""
    return "; `tfcli sweep` trains with each of several values"


def without_spaces(words: Sequence[str], number: int) -> str | None:
    """Return a setting that was written with spaces around its =, or in place of it, from that word on."""
    if number and re.fullmatch(f"{KEY}=", words[number - 1]):
        return right_form(words[number - 1][:-1], words[number])
    spaced = re.match(rf"({KEY}) (?:= ?)?([^\s=]+)(?: |$)", " ".join(words[number : number + 3]))
    return right_form(spaced[1], spaced[2]) if spaced else None


def right_form(key: str, value: str) -> str:
    """How a setting is written: with its section, and by its name here, if there is one that is meant."""
    meant = find_meant(key)
    return f"{meant}={value or 'VALUE'}" if meant and "." in meant else EXAMPLE
