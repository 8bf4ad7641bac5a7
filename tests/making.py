"""What takes seconds to train and several files of tests look at: whoever needs it first trains it."""

from __future__ import annotations

import pickle
from pathlib import Path

from tests.conftest import invoke_in, make_once
from tfcli.commands.tour import make_tour
from tfcli.records.tour import TourRecord


def make_tour_once(shared: Path, language: str) -> TourRecord:
    """Return the tour in a language."""
    folder = make_once(
        shared / f"tour-{language}",
        lambda part: (part / "record").write_bytes(pickle.dumps(make_tour(language))),
    )
    found: TourRecord = pickle.loads((folder / "record").read_bytes())
    return found


def train_once(shared: Path, example: str) -> Path:
    """Return a folder with a shipped example, trained until it is solved, and what `--json` tells of that."""
    words = ["train", example, "train.stop_when_solved=true", "train.threads=1", "--quiet", "--json"]
    return make_once(
        shared / f"example-{example}",
        lambda part: (part / "report.json").write_text(invoke_in(part, *words).stdout, encoding="utf-8"),
    )
