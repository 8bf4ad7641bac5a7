"""The task that an example has made up, for a file to take it from here."""

from __future__ import annotations

from tasks.base import Task

CHOSEN: list[type[Task]] = []
FILE = "import sys\nOdd = sys.modules['tests.properties.odd_tasks'].CHOSEN[-1]\n"
