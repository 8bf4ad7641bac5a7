"""The JSON Schema of configuration files knows what files may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Cli
from tfcli.config.files import EXAMPLES, read_file
from tfcli.config.schema import SECTIONS
from tfcli.registry import PARTS


@pytest.fixture
def schema(cli: Cli) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("show", "--schema").stdout)
    return found


def test_each_setting_is_described_with_its_default(schema: dict[str, Any]) -> None:
    for name, section in SECTIONS.items():
        properties = schema["$defs"][section.__name__]["properties"]
        assert list(properties) == list(section.model_fields)
        for key, field in section.model_fields.items():
            assert properties[key]["description"] == field.description, f"{name}.{key}"
    assert schema["$defs"]["ModelConfig"]["properties"]["n_layers"]["default"] == 2


@pytest.mark.parametrize("setting", PARTS)
def test_each_part_may_be_a_name_or_have_its_settings(setting: str, schema: dict[str, Any]) -> None:
    section, _, key = setting.partition(".")
    forms = schema["$defs"][SECTIONS[section].__name__]["properties"][key]["anyOf"]
    registry = PARTS[setting]
    assert forms[0]["enum"] == list(registry.built_in)
    by_name = {form["title"]: form["properties"] for form in forms if "properties" in form}
    for name in registry.built_in:
        known = registry.settings_of(name)
        assert known is not None
        assert set(by_name[name]) == {"name", *known.model_fields}


def test_the_shipped_examples_have_no_other_keys(schema: dict[str, Any]) -> None:
    for entry in read_file(EXAMPLES).values():
        for section, values in entry.values.items():
            assert set(values) <= set(schema["$defs"][SECTIONS[section].__name__]["properties"])


def test_it_is_of_no_example(cli: Cli) -> None:
    assert "leave sort out" in cli("show", "sort", "--schema", expect=2).stderr
    assert "name an example or a file" in cli("show", expect=2).stderr
