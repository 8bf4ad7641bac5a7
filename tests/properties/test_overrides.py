"""`KEY=VALUE` of any text: another configuration, or a line that says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.configurations import SETTINGS, TRICKY, anything, as_yaml, wrong_values
from tests.properties.promises import examples, look

keys = (
    st.sampled_from(SETTINGS)
    | st.builds(
        "{}.{}".format, st.sampled_from(SETTINGS), st.sampled_from(["name", "size", "gate"]) | anything
    )
    | anything
)
values = (
    wrong_values.flatmap(as_yaml)
    | wrong_values.map(json.dumps)
    | st.sampled_from(
        [*TRICKY, "window:4", "window:x", "rank:[1", "{ends: 4, rank: 2}", "x.py:Mine", "~/x.py:M"]
    )
    | anything
)
overrides = st.builds("{}={}".format, keys, values) | anything


@given(st.lists(overrides, min_size=1, max_size=3), st.booleans())
@examples(150)
def test_any_override_is_taken_or_refused(folder: Path, words: list[str], as_json: bool) -> None:
    look(["train", "copy", "--dry-run", *(["--json"] if as_json else []), "--", *words], codes=(0, 2))
