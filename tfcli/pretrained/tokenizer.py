"""The tokenizer of a folder: tokenizer.json, or a WordPiece vocabulary of which one is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfcli.building.texts import import_tokenizers, load_tokenizer
from tfcli.config.reading import read_bytes
from tfcli.errors import UsageError
from tfcli.pretrained.folder import read_json

TOKENIZER, VOCABULARY, SETTINGS = "tokenizer.json", "vocab.txt", "tokenizer_config.json"
BEGIN, SEPARATOR, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
SPECIAL = ("[PAD]", UNKNOWN, BEGIN, SEPARATOR, "[MASK]")
MOST = 10_000_000  # bytes of a vocabulary


def read_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a folder.

    Raises:
        UsageError: there is none, it can't be read, or the library that reads it isn't installed.
    """
    if (folder / TOKENIZER).exists():
        return load_tokenizer(folder / TOKENIZER)
    if (folder / VOCABULARY).exists():
        return make_word_piece(folder)
    raise UsageError(
        f"{folder}: no tokenizer; it needs {TOKENIZER}, which AutoTokenizer.from_pretrained(FOLDER)"
        f".save_pretrained(FOLDER) writes, or BERT's {VOCABULARY}"
    )


def make_word_piece(folder: Path) -> Any:
    """Return BERT's tokenizer with the pieces of vocab.txt, one a line (Devlin et al. 2018, 1810.04805).

    Raises:
        UsageError: the vocabulary can't be read, or lacks what BERT needs.
    """
    path = folder / VOCABULARY
    library = import_tokenizers()
    try:
        lines = read_bytes(path, MOST).decode().splitlines()
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start}); fetch it again") from error
    pieces = {line.strip(): number for number, line in enumerate(lines)}
    if missing := [name for name in (UNKNOWN, BEGIN, SEPARATOR) if name not in pieces]:
        raise UsageError(
            f"{path}: has no {missing[0]}, which BERT's vocabulary has; fetch {TOKENIZER} instead"
        )
    lowercase, accents, chinese = normalization(folder)
    tokenizer = library.Tokenizer(library.models.WordPiece(pieces, unk_token=UNKNOWN))
    tokenizer.normalizer = library.normalizers.BertNormalizer(
        lowercase=lowercase, strip_accents=accents, handle_chinese_chars=chinese
    )
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = library.processors.TemplateProcessing(
        single=f"{BEGIN} $A {SEPARATOR}",
        pair=f"{BEGIN} $A {SEPARATOR} $B:1 {SEPARATOR}:1",
        special_tokens=[(name, pieces[name]) for name in (BEGIN, SEPARATOR)],
    )
    tokenizer.add_special_tokens([name for name in SPECIAL if name in pieces])
    return tokenizer


def normalization(folder: Path) -> tuple[bool, bool | None, bool]:
    """Whether letters become small, accents are taken off, and Chinese characters stand alone.

    Raises:
        UsageError: the settings of the tokenizer can't be read.
    """
    path = folder / SETTINGS
    said = read_json(path) if path.exists() else {}
    found = []
    for key, default in (("do_lower_case", True), ("strip_accents", None), ("tokenize_chinese_chars", True)):
        value = said.get(key, default)
        if not (isinstance(value, bool) or value is default):
            raise UsageError(f"{path}: {key} must be true or false")
        found.append(value)
    lowercase, accents, chinese = found
    return bool(lowercase), accents, bool(chinese)
