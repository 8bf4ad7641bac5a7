"""What people read, in their language. The code has the English; files here have what it is in others.

Texts are looked up by their English, in which {names} stand for values. So parts of the model explain
themselves in English, next to what they do, and know nothing of languages; what isn't in the catalogue, such
as the words of a part of the user's own, stays as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Literal

Code = Literal["en", "zh"]
LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set counts
SENTENCE = "sentence"  # a gap that holds what is in the catalogue itself


@dataclass(frozen=True)
class Language:
    """A language to say things in."""

    code: Code = "en"

    @property
    def sample(self) -> str:
        """Characters that a terminal must be able to show."""
        return {"en": "", "zh": "中，"}[self.code]

    def say(self, text: str, **values: object) -> str:
        """Return a text of the catalogue, with values in place of its {names}.

        Raises:
            KeyError: it isn't translated, which is a bug.
        """
        known = text if self.code == "en" else translations(self.code)[text]
        return known.format(**values)

    def translate(self, text: str) -> str:
        """Return finished English in this language, sentence by sentence; unknown ones stay as they are."""
        if self.code == "en":
            return text
        joined, was_known = "", False
        for sentence in split_sentences(text):
            known = self.find(sentence)
            # Chinese has no space after a full stop.
            joined += " " * bool(joined and not (was_known and known)) + (known or sentence)
            was_known = known is not None
        return joined

    def find(self, sentence: str) -> str | None:
        """Return a sentence or a name in this language, values and all; None if it is unknown."""
        if (known := translations(self.code).get(sentence)) is not None:
            return known
        for pattern, text in patterns(self.code):
            if (match := pattern.fullmatch(sentence)) is None:
                continue
            values = {name: self.find_value(name, value) for name, value in match.groupdict().items()}
            if None not in values.values():
                return self.say(text, **values)
        return None

    def find_value(self, name: str, value: str) -> str | None:
        """Return what stands in a gap: a sentence must be known, a name may be, a number is as it is."""
        if name == SENTENCE:
            return self.find(capitalize(value))
        return translations(self.code).get(value, value)

    def english_of(self, name: str) -> str:
        """Return the English name of a stage; what is the name of none as it is."""
        if self.code == "en":
            return name
        stages = read_catalogue(self.code, "stages.yaml")
        return next((text for text, translation in stages.items() if translation == name), name)


ENGLISH = Language()


def choose_language(asked: Code | None, environment: Mapping[str, str] = os.environ) -> Language:
    """Return the language that is asked for, else that of the locale as far as there is one, else English."""
    if asked is not None:
        return Language(asked)
    locale = next((environment[name] for name in LOCALE_VARIABLES if environment.get(name)), "")
    return Language("zh" if re.match(r"zh(_|\b)", locale) else "en")


@cache
def translations(code: Code) -> dict[str, str]:
    """Return the catalogue of a language, by the English."""
    found: dict[str, str] = {}
    for name in sorted(path.name for path in files(__name__).joinpath(code).iterdir()):
        found.update(read_catalogue(code, name))
    return found


@cache
def read_catalogue(code: Code, name: str) -> dict[str, str]:
    """Return one file of the catalogue."""
    import yaml  # which English can do without

    text = files(__name__).joinpath(code).joinpath(name).read_text(encoding="utf-8")
    found: dict[str, str] = yaml.safe_load(text)
    return found


@cache
def patterns(code: Code) -> list[tuple[re.Pattern[str], str]]:
    """Return what recognises finished English, and the text with gaps that it was made from."""
    found = []
    for text in translations(code):
        parts = list(Formatter().parse(text))
        if any(name for _, name, _, _ in parts):
            seen: set[str] = set()
            pattern = "".join(re.escape(before) + gap_pattern(name, seen) for before, name, _, _ in parts)
            found.append((re.compile(pattern), text, sum(len(part[0]) for part in parts)))
    # One that says more goes before one that would take anything.
    return [(pattern, text) for pattern, text, _ in sorted(found, key=lambda entry: -entry[2])]


def gap_pattern(name: str | None, seen: set[str]) -> str:
    """Return what a gap may hold: a word or a number, if it isn't a sentence; the same again if `seen`."""
    if name is None or name in seen:
        return "" if name is None else f"(?P={name})"
    seen.add(name)
    return f"(?P<{name}>{'.+' if name == SENTENCE else '[^ ]+'})"


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, each with its full stop."""
    return re.split(r"(?<=\.) ", text)


def capitalize(text: str) -> str:
    """Return a text as it stands at the head of a sentence."""
    return text[:1].upper() + text[1:]
