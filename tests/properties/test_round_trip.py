"""A configuration that is written reads back as the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.properties.configurations import right_sections
from tests.properties.promises import examples
from tfcli.commands.catalog import find_example
from tfcli.config import files
from tfcli.config.labels import find_ambiguity
from tfcli.config.schema import RunConfig
from tfcli.config.writing import to_yaml


@given(right_sections(), st.booleans())
@examples(150)
def test_what_is_written_reads_back(folder: Path, sections: dict[str, Any], described: bool) -> None:
    try:
        config = RunConfig.model_validate(sections)
    except ValidationError:
        assume(False)
    assume(find_ambiguity(config) is None)
    (folder / "mine.yaml").write_text(to_yaml(config, described=described), encoding="utf-8")
    assert files.load_config("mine.yaml") == config
    assert find_example("mine.yaml").config == config.model_dump(mode="json")
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
