"""Configurations: what may be written, what it means, and what is said when it's wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfcli.config import files
from tfcli.config.files import EXAMPLES, example_names, find_entry, load_config
from tfcli.config.schema import SECTIONS, RunConfig
from tfcli.config.signatures import settings_of_class
from tfcli.config.writing import to_yaml
from tfcli.errors import ConfigError, UsageError
from tfcli.registry import PARTS, Registry

REVERSE = "task: {name: reverse}\n"


@pytest.mark.parametrize("name", example_names())
def test_every_example_is_valid_and_says_what_to_look_for(name: str) -> None:
    load_config(name)
    assert "Look at" in " ".join(find_entry(name).comment)


@pytest.mark.parametrize("name", example_names())
@pytest.mark.parametrize("described", [False, True])
def test_what_is_saved_reads_back_the_same(name: str, described: bool, tmp_path: Path) -> None:
    config = load_config(name)
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(config, described=described), encoding="utf-8")
    assert load_config(str(path)) == config


SYMBOLS = [
    "1e-3",
    "no",
    "017",
    "1:30",
    "~",
    "null",
    "a,b",
    "{",
    "#",
    "'",
    '"',
    "我",
    "</script>",
    "😀",
    ".nan",
]


def test_any_symbols_survive_a_round_trip(tmp_path: Path) -> None:
    config = RunConfig.model_validate({"task": {"name": "copy", "symbols": SYMBOLS}})
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    assert load_config(str(path)).task.symbols == tuple(SYMBOLS)


PARTS_OF = [
    ("rank", {"name": "rank", "gate": [0.1, 10.0], "slope": [0.1, 3.0]}),
    ({"name": "rank", "gate": [1, 30]}, {"name": "rank", "gate": [1.0, 30.0], "slope": [0.1, 3.0]}),
    ("ends", "ends"),
    (
        {"ends": 2, "level": 2},
        {"ends": 2, "level": {"heads": 2, "slope": [0.1, 3.0], "largest_step": 1}},
    ),
    (
        {"ends": 3, "level": {"heads": 1, "slope": [1, 2], "largest_step": 4}},
        {"ends": 3, "level": {"heads": 1, "slope": [1.0, 2.0], "largest_step": 4}},
    ),
]


@pytest.mark.parametrize(("written", "read"), PARTS_OF)
def test_a_part_is_a_name_or_has_settings_of_its_own(written: object, read: object, tmp_path: Path) -> None:
    config = RunConfig.model_validate({"task": {"name": "copy"}, "model": {"positions": written}})
    assert config.model_dump(mode="json")["model"]["positions"] == read
    for described in (False, True):
        path = tmp_path / "config.yaml"
        path.write_text(to_yaml(config, described=described), encoding="utf-8")
        assert load_config(str(path)) == config


OVERRIDES = [
    (["model.positions=rank", "model.positions.gate=[1, 30]"], {"gate": [1.0, 30.0], "slope": [0.1, 3.0]}),
    (
        ["model.positions.name=level", "model.positions.slope=[1, 2]"],
        {"slope": [1.0, 2.0], "largest_step": 1},
    ),
    (
        ["model.positions={name: level, largest_step: 2}"],
        {"slope": [0.1, 3.0], "largest_step": 2},
    ),
]


@pytest.mark.parametrize(("overrides", "settings"), OVERRIDES)
def test_settings_of_a_part_can_be_overridden(overrides: list[str], settings: dict[str, object]) -> None:
    dumped = load_config("reverse", overrides).model_dump(mode="json")["model"]["positions"]
    assert {key: value for key, value in dumped.items() if key != "name"} == settings


def test_a_wrong_setting_of_a_part_is_found_where_it_was_written() -> None:
    with pytest.raises(
        ConfigError, match=r"override model\.positions\.gate=\[1\]: model\.positions\.gate = \[1\]"
    ):
        load_config("sort", ["model.positions.gate=[1]"])


@pytest.mark.parametrize("registry", PARTS.values(), ids=list(PARTS))
def test_settings_are_read_off_the_source_as_they_are(registry: Registry) -> None:
    """Without torch, and to the same types, defaults and descriptions."""
    for name in registry.names():
        read, real = registry.settings_of(name), settings_of_class(registry.load(name))
        assert read is not None
        assert (
            read.model_json_schema()["properties" if read.model_fields else "type"]
            == (real.model_json_schema()["properties" if read.model_fields else "type"])
        )
        for key, field in read.model_fields.items():
            assert field.description, (name, key)


def test_every_setting_says_what_it_is() -> None:
    for section in SECTIONS.values():
        for name, field in section.model_fields.items():
            assert field.description, name


def test_defaults_below_file_below_overrides(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(REVERSE + "model: {d_model: 32}\n")
    config = load_config(str(path), ["model.n_heads=2"])
    assert (config.model.n_layers, config.model.d_model, config.model.n_heads) == (2, 32, 2)
    assert load_config(str(path), ["model.d_model=16"]).model.d_model == 16


def test_derived_defaults_follow_what_they_are_derived_from() -> None:
    config = load_config("reverse", ["model.d_model=32", "task.symbols=[a, b, c]"])
    assert config.model.d_ff == 128
    assert config.task.vocab_size is None  # counted from the symbols


def test_a_file_of_entries_is_read_by_name(tmp_path: Path) -> None:
    path = tmp_path / "two.yml"
    path.write_text("a:\n  task: {name: copy}\nb:\n  task: {name: sort}\n")
    assert load_config(f"{path}:b").task.name == "sort"
    with pytest.raises(UsageError, match=r"several configurations, write .*two\.yml:NAME \(names: a, b"):
        load_config(str(path))
    with pytest.raises(UsageError, match="no entry 'c'"):
        load_config(f"{path}:c")


def test_an_entry_knows_the_comment_above_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("# no\n\n# one\n# two\na:\n  task: {name: copy}\n")
    assert find_entry(str(path)).comment == ["one", "two"]


def test_the_examples_lie_beside_the_package() -> None:
    assert EXAMPLES.name == "examples.yaml"
    assert files.read_file(EXAMPLES).keys() >= {
        "copy",
        "reverse",
        "sort",
        "chinese",
        "original",
        "shared",
    }
