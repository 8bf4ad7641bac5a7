"""The catalogue of texts has a translation for all that people read, and nothing that nobody reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
import torch
import yaml

from tests.models import ALL, make, tokens
from tfcli.building.models import build_for_training
from tfcli.config.files import check, example_names, find_entry
from tfcli.inspection.roles import CAUSAL_PATTERNS, PATTERNS
from tfcli.model import POSITIONS
from tfcli.model.attention_weights import Softmax
from tfcli.model.embedding import make_embedding
from tfcli.model.encoder import Encoder
from tfcli.model.stages import Stage
from tfcli.model.trace import ForwardTrace
from tfcli.texts import Language, patterns, split_sentences, translations

SOURCE = Path(__file__).parents[2] / "tfcli"
CHINESE = Language("zh")
FILES = sorted((SOURCE / "texts/zh").glob("*.yaml"))
SAMPLE = {"digits", "find-digit", "spell"}  # examples that need an extra; what they say others say, too
ROLES = ["source", "source symbol", "uniform", *PATTERNS, *CAUSAL_PATTERNS]


def stages_of(model: Encoder, inputs: torch.Tensor) -> Iterator[Stage]:
    """Return all stages of one sequence."""
    trace = ForwardTrace()
    with torch.inference_mode():
        model.eval()(inputs[None], trace=trace)
        yield from (stage for _, stage in model.stages(inputs, trace))


def texts_of(stages: Iterable[Stage]) -> Iterator[str]:
    """Yield all that people read of stages: names, sentences and facts."""
    for stage in stages:
        yield from (stage.name, stage.columns, stage.rows)
        for text in (stage.explanation, *stage.facts):
            yield from split_sentences(text)


@cache
def said_by_parts() -> set[str]:
    """Return what all the parts of the model say: every choice of every kind."""
    said = set(split_sentences(make_embedding(4, 8, n_features=2).explained[0]))
    together = [{"positions": {name: 1, "ends": 1}} for name in POSITIONS if name != "ends"]
    seen: set[tuple[str, str]] = set()
    for options in (*ALL, *together, {"positions": {"ends": 2, "learned": 2}, "n_heads": 4}):
        choices = {(key, str(value)) for key, value in options.items()}
        if choices - seen:  # a part is made with each setting once
            said |= set(texts_of(stages_of(make(**options), tokens(1, 6)[0])))
        seen |= choices
    return said


@cache
def said_by_examples() -> set[str]:
    """Return what the shipped examples say, before any training."""
    said = set()
    for name in example_names():
        if name in SAMPLE:
            continue
        task, model = build_for_training(check(find_entry(name), []))
        length = task.nearest_length(5)
        inputs = task.sample(1, length, torch.Generator().manual_seed(0)).inputs[0]
        said |= set(texts_of(stages_of(model, inputs)))
    return said


def named(text: str) -> str:
    """Return a text with its gaps unnamed."""
    return "".join(before + "{}" * (name is not None) for before, name, _, _ in Formatter().parse(text))


def literals(node: ast.AST) -> Iterator[str]:
    """Yield the texts of a piece of code; what is filled in stands as {}."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
        if isinstance(part, ast.JoinedStr):
            pieces = [value.value if isinstance(value, ast.Constant) else "{}" for value in part.values]
            yield "".join(map(str, pieces))


@cache
def said_by_code() -> set[str]:
    """Return the texts that the code asks the catalogue for by name."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "say"
            ):
                is_plain = not any(isinstance(part, ast.JoinedStr) for part in ast.walk(node.args[0]))
                found |= set(literals(node.args[0])) if is_plain else set()
    return found


@cache
def said_by_pages() -> set[str]:
    """Return the texts that the pieces of pages ask for."""
    found: set[str] = set()
    for folder in ("shell", "forward"):
        for path in (SOURCE / "render/web" / folder).iterdir():
            piece = path.read_text(encoding="utf-8")
            if path.suffix == ".html":
                found |= set(re.findall(r"data-said>([^<]+)<", piece))
                found |= set(re.findall(r'data-label="([^"]+)"', piece))
            for call in re.finditer(r"\b(?:say|said)\(", piece):
                found |= set(first_argument(piece[call.end() :]))
    return found


def first_argument(call: str) -> list[str]:
    """Return the literals of the first argument of a call, whose opening bracket was just before."""
    depth, found = 0, []
    for part in re.finditer(r'"((?:[^"\\]|\\.)*)"|[(\[{]|[)\]}]|,', call):
        if part[0][0] == '"':
            found.append(part[1])
        elif part[0] == "," and not depth:
            break
        elif part[0] != ",":
            depth += 1 if part[0] in "([{" else -1
            if depth < 0:
                break
    return found


def unknown(texts: Iterable[str]) -> list[str]:
    return sorted(text for text in texts if CHINESE.find(text) is None)


def test_whatever_a_part_says_is_translated() -> None:
    assert not unknown(said_by_parts())


def test_whatever_an_example_says_is_translated() -> None:
    assert not unknown(said_by_examples())


def test_the_roles_of_heads_are_translated() -> None:
    assert not unknown(ROLES)


def test_whatever_the_code_asks_for_is_translated() -> None:
    assert len(said_by_code()) > 30
    assert not said_by_code() - set(translations("zh"))


def test_whatever_pages_ask_for_is_translated() -> None:
    asked = said_by_pages() - {"dark"}  # a theme that is compared with
    assert {"keyboard", "the forward pass", "the answer is right", "content: q k, scaled"} <= asked
    assert not asked - set(translations("zh"))


def test_a_new_sentence_without_a_translation_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Softmax, "explained", Softmax.explained._replace(sentence="It is new. It is 3 wide."))
    said = set(texts_of(stages_of(make(), tokens(1, 6)[0])))
    assert unknown(said) == ["It is 3 wide.", "It is new."]


def test_there_is_nothing_that_nobody_says() -> None:
    said = said_by_parts() | said_by_examples() | said_by_pages()
    read = {
        template
        for path in SOURCE.rglob("*.py")
        for text in literals(ast.parse(path.read_text(encoding="utf-8")))
        for template in (text, *split_sentences(text))
    }
    patterns_used = {text for pattern, text in patterns("zh") if any(map(pattern.fullmatch, said))}
    for text in translations("zh"):
        counted = re.fullmatch(r"\{count\} (\w+)", text)
        assert named(text) in read | said or text in read | patterns_used or counted, text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_translations_have_the_gaps_of_what_they_translate(path: Path) -> None:
    for text, translation in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        assert gaps(translation) == gaps(text), text


def gaps(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text)} - {None}


def test_no_text_stands_there_twice() -> None:
    nodes = [yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader) for path in FILES]
    keys = [key.value for node in nodes if isinstance(node, yaml.MappingNode) for key, _ in node.value]
    assert len(keys) > 100
    assert len(keys) == len(set(keys))


def test_chinese_has_chinese_punctuation() -> None:
    for translation in translations("zh").values():
        assert not re.search(r"[\u4e00-\u9fff][,;:!?(]|[,;:!?)][\u4e00-\u9fff]", translation), translation
