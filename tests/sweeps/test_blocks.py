"""What a file says of a sweep is read, and checked, with its place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfcli.commands.catalog import validate_source
from tfcli.config.files import find_entry
from tfcli.errors import ConfigError, UsageError
from tfcli.sweeps.blocks import axes_of_block
from tfcli.sweeps.searches import parse_search
from tfcli.sweeps.setup import Wanted, prepare


def test_a_file_may_say_what_is_varied(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "task: {name: reverse}\n"
        "sweep:\n"
        "  model.positions: [rotary, {name: alibi}, 'a, b']\n"
        "  train.seed: 0:2\n"
        "  train.steps: 10,20\n"
        "  train.batch_size: 8\n"
    )
    axes = {axis.key: list(axis.values()) for axis in axes_of_block(find_entry(str(file)))}
    assert axes == {
        "model.positions": ["rotary", "{name: alibi}", "'a, b'"],
        "train.seed": ["0", "1", "2"],
        "train.steps": ["10", "20"],
        "train.batch_size": ["8"],
    }


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("[1, 2]", "sweep must hold settings and their values"),
        ("{train.seed: []}", "sweep.train.seed: the list is empty"),
        ("{train: {seed: [1, 2]}}", "write the keys in full, as in train.KEY"),
        ("{train.seed: 2:1}", "the range goes backwards"),
        (
            "{method: random, parameters: {}}",
            "sweep.method: this holds settings and their values, as in model.",
        ),
    ],
)
def test_a_block_that_cannot_be_read_is_named(block: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"task: {{name: reverse}}\nsweep: {block}\n")
    with pytest.raises(UsageError) as raised:
        axes_of_block(find_entry(str(tmp_path / "mine.yaml")))
    assert problem in str(raised.value)
    column = 9 if ":" in block else 8  # that of the key, or of all of it
    assert str(raised.value).startswith(f"{tmp_path}/mine.yaml:2:{column}: ")


@pytest.mark.parametrize(
    ("block", "problems"),
    [
        ("{model.positons: [rotary, ends]}", ["unknown key model.positons; did you mean 'positions'?"]),
        ("{train.seed: 2:1}", ["the range goes backwards"]),
        ("{seed: [1, 2], lr: 1e-3}", ["write it as train.seed=1", "write it as train.learning_rate="]),
        ("{model.positions: [ends, rotry]}", ["did you mean 'rotary'?"]),
        ("{model.positions: [ends, rotry], train.seed: 0:999999999999}", ["did you mean 'rotary'?"]),
        ("{train.learning_rate: 1e-3:1e-1, model.d_model: [12, 13]}", ["sweep: model.d_model=13: "]),
        ("{model.d_model: [12, 24, 50], model.n_heads: [2, 3, 5]}", []),  # a search draws what goes together
        ("{model.d_model: [12, 24], model.n_heads: [3, 6]}", []),  # 3 doesn't go with what the file has
    ],
)
def test_a_block_is_validated_with_its_file(block: str, problems: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"task: {{name: reverse}}\nsweep: {block}\n")
    found = validate_source(str(tmp_path / "mine.yaml")).errors
    for error, problem in zip(found, problems, strict=True):
        assert error.startswith(f"{tmp_path}/mine.yaml:2:")
        assert problem in error


def test_several_seeds_a_run_are_validated_as_a_sweep_refuses_them(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("task: {name: reverse}\nsweep: {train.seeds: [2, 3]}\n")
    first, _ = validate_source(str(tmp_path / "mine.yaml")).errors
    assert first == "train.seeds = 2: a sweep has a run a seed, train.seed=0:1"


def test_what_a_sweep_refuses_of_a_block_has_its_place_in_the_file(folder: Path) -> None:
    (folder / "mine.yaml").write_text(
        "task: {name: reverse}\nsweep:\n  train.sed: 0:1\n  model.d_model: [12, wide]\n"
    )
    with pytest.raises(ConfigError, match=r"^mine.yaml:3:3: sweep: train.sed=0: unknown key train.sed"):
        prepare(Wanted(["mine.yaml"]))
    said = r"^mine.yaml:4:3: sweep: model.d_model=wide: model.d_model = \"wide\": must be a whole number"
    (folder / "mine.yaml").write_text(
        "task: {name: reverse}\nsweep:\n  train.seed: 0:1\n  model.d_model: [12, wide]\n"
    )
    with pytest.raises(ConfigError, match=said):
        prepare(Wanted(["mine.yaml"]))
    with pytest.raises(ConfigError, match=r"^override model.d_model=vast: "):
        prepare(Wanted(["mine.yaml", "model.d_model=12,vast"]))
    (folder / "mine.yaml").write_text("task: {name: reverse}\nsweep:\n  model.dropout: 5:9\n")
    with pytest.raises(ConfigError, match=r"mine.yaml:3:3: sweep: model.dropout="):
        prepare(Wanted(["mine.yaml"], search=parse_search("random:4")))
