"""An attention record as JSON: what `--json` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from tfcli.internals import View


def render(views: Sequence[View]) -> str:
    """The record of the first view."""
    return json.dumps(asdict(views[0].record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
