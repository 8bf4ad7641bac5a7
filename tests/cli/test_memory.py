"""Long maps are written in little more memory than their numbers take."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import pytest

from tests.conftest import Cli
from tfcli.cli import app

TOKENS, HEADS = 300, 4
NUMBERS = HEADS * TOKENS**2 * 4  # bytes of the maps


@contextmanager
def traced() -> Iterator[list[int]]:
    """Give the peak of the memory that Python takes within, in bytes; tensors aren't counted."""
    found: list[int] = []
    tracemalloc.start()
    try:
        yield found
        found.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def attend(length: int, *words: str) -> None:
    """Run `attn` on a sequence, with a stdout that keeps nothing."""
    sequence = " ".join(str(i % 4) for i in range(length))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        app(["attn", "reverse", sequence, *words], prog_name="tfcli", standalone_mode=False)


# The page has q k and position bias beside the weights, and packs all into text that is there as a whole.
@pytest.mark.parametrize(("suffix", "most"), [("", 2), (".json", 2), (".csv", 2), (".md", 2), (".html", 12)])
def test_long_maps_are_written_in_pieces(run_cli: Cli, tmp_path: Path, suffix: str, most: int) -> None:
    words = ["--save", str(tmp_path / f"map{suffix}"), "--force"] if suffix else ["--json"]
    attend(3, *words)  # imports what it takes
    with traced() as peaks:
        attend(TOKENS, *words)
    assert peaks[0] < most * NUMBERS
