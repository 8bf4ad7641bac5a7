"""Configuration files of any text: a configuration, or a line that says what is wrong, and where."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.configurations import texts
from tests.properties.promises import comes_back, examples, look
from tfcli.config import files
from tfcli.errors import ConfigError, TfcliError

WITHOUT_PLACE = ("not UTF-8 text", "holds no configuration")


def as_bytes(text: str, encoding: str) -> bytes:
    return text.encode(encoding, "surrogatepass")


written = (
    st.builds(as_bytes, texts(), st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig"]))
    | st.builds(as_bytes, st.text(st.characters(codec=None)), st.just("utf-8"))
    | st.binary(max_size=200)
)


@given(written)
@examples(150)
def test_any_file_is_read_or_refused_with_its_places(folder: Path, data: bytes) -> None:
    (folder / "mine.yaml").write_bytes(data)
    try:
        with comes_back():
            for entry in files.read_file(Path("mine.yaml")).values():
                files.check(entry, [])
    except ConfigError as error:
        for problem in error.problems:
            assert "\n" not in problem
            assert problem.startswith("mine.yaml")
            assert re.match(r"mine\.yaml:\d+:\d+: ", problem) or any(
                word in problem for word in WITHOUT_PLACE
            )
    except TfcliError as error:
        raise AssertionError(f"{error} has no place") from error


@given(written)
@examples(80)
def test_any_file_is_validated(folder: Path, data: bytes) -> None:
    (folder / "mine.yaml").write_bytes(data)
    look(["validate", "mine.yaml"], codes=(0, 2))
    look(["validate", "mine.yaml:one", "--json"], codes=(0, 2))
    look(["show", "mine.yaml"], codes=(0, 2))
