"""Problems as lines: what is wrong, then a colon and what to do. No line names the user."""

from __future__ import annotations

import os
import re

from tfcli.records.doctor import Problem


def make_problem(line: str, *, stops_work: bool = False) -> Problem:
    """Return a problem; what others wrote into it is brought to one line, and the home folder to ~."""
    return Problem(hide_home(" ".join(line.split())), stops_work)


def hide_home(text: str) -> str:
    """Return a text with ~ for the home folder, whose name is mostly that of its user."""
    home = os.path.expanduser("~")
    for folder in {home, os.path.realpath(home)} - {"~", "/"}:
        text = re.sub(rf"(?<![\w.-]){re.escape(folder)}(?![\w.-])", "~", text)
    return text
