"""Files are whole, whatever happens while they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tfcli.runs import writing


def test_what_a_process_that_was_killed_left_is_removed(folder: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    others = [f".x.json.{os.getppid()}", ".x.json.old", ".y.json.1", f".x.json.{2**70}"]
    for name in (f".x.json.{ended.pid}", *others):
        (folder / name).write_text("half")
    writing.write_atomically(folder / "x.json", b"{}")
    assert sorted(path.name for path in folder.iterdir()) == sorted([*others, "x.json"])
