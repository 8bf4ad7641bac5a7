"""The tokenizer of an exported run: its own file, or one made of the symbols of its task."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tfcli import registry
from tfcli.building.texts import import_tokenizers

# Special pieces by their use, as vocabularies call them.
SPECIAL = {
    "unk_token": ("[UNK]", "<unk>"),
    "pad_token": ("[PAD]", "<pad>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "mask_token": ("[MASK]", "<mask>"),
    "eos_token": ("<|endoftext|>",),
}


def make_tokenizer(symbols: Sequence[str], *, is_text: bool, are_characters: bool) -> Any:
    """Return a tokenizer that reads what the task of these symbols does, one symbol a word or a character.

    Args:
        is_text: whether line breaks are symbols, too.

    Raises:
        UsageError: the library that makes one isn't installed.
    """
    library, rules = import_tokenizers(), registry.import_task_module("symbols")
    replace = library.normalizers.Replace
    ids = {rules.normalize(symbol): number for number, symbol in enumerate(symbols)}
    tokenizer = library.Tokenizer(
        library.models.WordLevel(ids, unk_token="[UNK]")
    )  # what it has not is refused
    if is_text and are_characters:
        shown = [replace(character, symbol) for character, symbol in rules.SHOWN.items()]
        back = [library.decoders.Replace(symbol, character) for character, symbol in rules.SHOWN.items()]
        tokenizer.normalizer = library.normalizers.Sequence(shown)
        tokenizer.pre_tokenizer = library.pre_tokenizers.Split(library.Regex(r"[\s\S]"), "isolated")
        tokenizer.decoder = library.decoders.Sequence([*back, library.decoders.Fuse()])
        return tokenizer
    breaks = [replace("\n", f" {rules.SHOWN[chr(10)]} ")] if is_text else []
    tokenizer.normalizer = library.normalizers.Sequence([library.normalizers.NFC(), *breaks])
    tokenizer.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    return tokenizer


def find_padding(pieces: dict[str, int]) -> int:
    """Return the id of the padding in a vocabulary; 1, as RoBERTa has it, if there is none."""
    return next((pieces[name] for name in SPECIAL["pad_token"] if name in pieces), 1)


def describe_tokenizer(pieces: dict[str, int], *, has_types: bool, longest: int) -> bytes:
    """Return the tokenizer_config.json with which transformers reads a tokenizer.json as it stands."""
    special = {use: name for use, names in SPECIAL.items() for name in names if name in pieces}
    said = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": longest,
        "model_input_names": ["input_ids", *["token_type_ids"] * has_types, "attention_mask"],
        **special,
    }
    return json.dumps(said, indent=2, ensure_ascii=False).encode()
