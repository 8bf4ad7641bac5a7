"""Configurations: what may be written, what it means, and what is said when it's wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tfcli.config import files, yaml_reader
from tfcli.config.files import EXAMPLES, example_names, find_entry, load_config, to_yaml
from tfcli.config.meanings import NAMES
from tfcli.config.schema import SECTIONS, RunConfig
from tfcli.config.signatures import settings_of_class
from tfcli.errors import ConfigError, UsageError
from tfcli.registry import PARTS, Registry

REVERSE = "task: {name: reverse}\n"


def problems(path: Path, text: str, *overrides: str) -> list[str]:
    """Say what is said about a file with this text, with the folder's name left out."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(str(path), list(overrides))
    return [problem.replace(f"{path}:", "") for problem in caught.value.problems]


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


def test_numbers_name_symbols_and_quoted_text_does() -> None:
    assert load_config("copy", ["task.symbols=[1, 2, no]"]).task.symbols == ("1", "2", "no")


def test_characters_are_read_as_json_escapes_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps({"task": {"name": "copy", "symbols": ["\U0001f600", "\u6211", "a"]}}))
    assert "ud83d" in path.read_text()
    assert load_config(str(path)).task.symbols == ("\U0001f600", "\u6211", "a")
    assert load_config("copy", [r'task.symbols=["\ud83d\ude00", a]']).task.symbols == ("\U0001f600", "a")
    with pytest.raises(ConfigError, match=r"'\\ud83d' can't be typed"):
        load_config("copy", [r'task.symbols=["\ud83d", a]'])


NUMERALS = "[0x1F, +5, 007, 5, -0, 0o17, '1', 10]"


@pytest.mark.parametrize(
    "form", ["task: {name: copy, symbols: %s}", "a: {task: {name: copy, symbols: &s %s}}"]
)
def test_symbols_are_spelled_as_they_are_written(form: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(form % NUMERALS)
    written = ("0x1F", "+5", "007", "5", "-0", "0o17", "1", "10")
    config = load_config(str(path))
    assert config.task.symbols == written
    assert load_config("copy", [f"task.symbols={NUMERALS}"]).task.symbols == written
    for described in (False, True):
        path.write_text(to_yaml(config, described=described), encoding="utf-8")
        assert load_config(str(path)) == config


def test_other_numbers_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("task: {name: copy, vocab_size: 0x1F, max_length: +5}")
    assert load_config(str(path)).task.vocab_size == 31
    assert load_config(str(path), ["task.max_length=0x1F"]).task.max_length == 31


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


SCALARS = [
    ("1e-3", 0.001),
    ("1E5", 100_000.0),
    ("017", 17),
    ("0o17", 15),
    ("0x1F", 31),
    ("1:30", "1:30"),
    ("no", "no"),
    ("on", "on"),
    ("true", True),
    ("~", None),
    ("null", None),
    ("2001-01-01", "2001-01-01"),
    ("1_000", "1_000"),
    (".5", 0.5),
    ("+3", 3),
    ("'3'", "3"),
    ("-.inf", float("-inf")),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = yaml_reader.read(f"key: {text}", "file").value["key"]
    assert read == value
    assert type(read) is type(value)


LAUGHS = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcde", "bcdef", strict=True)
)
TRAPS = [
    ("a: 1\na: 2", "2:1: the key 'a' stands here a second time"),
    ("a: &x [*x]", "1:4: an alias stands inside what it names"),
    ("[" * 2000, "nested more than 20 deep"),
    (LAUGHS, "more than 20000 values"),
    ("a: !!python/object:os.system x", "isn't"),
    ("a: !!int x", "1:4: 'x' isn't int"),
    ("a: !!set {b}", "the tag tag:yaml.org,2002:set isn't known"),
    ("? [a]\n: 1", "1:3: a key must be a word"),
    ("a: *b", "undefined alias"),
    ("a: b: c", "1:5: mapping values are not allowed here"),
    ("a: " + "9" * 5000, "1:4: the number is too long"),
    ("a: 1\n---\nb: 2", "another document"),
    ("a: 1\nb: \x1f", r"2:4: not YAML text: '\\x1f' can't stand in YAML; write it as an escape"),
    ("a: [1", "2:1:|1:7:|expected"),
    ("a: 'x", "quoted scalar"),
]


@pytest.mark.parametrize(("text", "message"), TRAPS)
def test_yaml_traps_are_errors_with_a_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        yaml_reader.read(text, "file")


WRONG = [
    ("modle: {}\n", "2:1: unknown key modle; did you mean 'model'? (known: task, model, train)"),
    ("model: {n_head: 2}", "2:9: unknown key model.n_head; did you mean 'n_heads'?"),
    (
        "model: {n_heads: 3}",
        "2:18: model.n_heads = 3: must divide d_model = 64, so one of 1, 2, 4, 8, 16, 32, 64",
    ),
    ("model: {n_heads: true}", "2:18: model.n_heads = true: must be a whole number"),
    ("model: {n_layers: 2.0}", "2:19: model.n_layers = 2.0: must be a whole number; write 2"),
    ("model: {n_layers: 0}", "model.n_layers = 0: must be greater than or equal to 1"),
    ("model: {d_model: 6, n_heads: 2, positions: rotary}", "rotary needs an even d_model / n_heads, not 3"),
    (
        "model: {positions: rank, indices: randomized}",
        "positions are computed; leave indices",
    ),
    (
        "model: {positions: {name: rank, gate: [1, 2, 3]}}",
        "2:39: model.positions.gate = [1, 2, 3]: must be two numbers above 0, such as [0.1, 10]",
    ),
    ("model: {positions: {name: level, slope: 3}}", "model.positions.slope = 3: must be two numbers above 0"),
    (
        "model: {positions: {name: level, gate: [1, 2]}}",
        "2:34: unknown key model.positions.gate: it is a setting of rank and landmark; level has slope",
    ),
    (
        "model: {positions: {name: rank, slop: [1, 2]}}",
        "unknown key model.positions.slop: rank has gate, slope; did you mean 'slope'?",
    ),
    ("model: {positions: {name: 3}}", "must be a name, such as none, or {name: none, SETTING: VALUE}"),
    ("model: {positions: {ends: 2, rank: 1}}", "the heads add up to 3, and n_heads is 4"),
    (
        "model: {positions: {ends: 0, rank: 4}}",
        "ends needs a number of heads from 1 on, as in {ends: 2, ...}",
    ),
    ("model: {positions: {ends: 2, rnak: 2}}", "did you mean 'rank'?"),
    ("model: {mask: window:0}", "model.mask.size = 0: must be greater than or equal to 1"),
    ("model: {mask: window:x}", 'model.mask.size = "x": must be a whole number'),
    ("model: {mask: causal:3}", "causal has no settings; leave :3 out"),
    ("model: {mask: casual}", "did you mean 'causal'?"),
    ("model: {loops: 0}", "model.loops = 0: must be greater than or equal to 1"),
    ("model: {norm: post}", "where norms stand is model.norm_placement"),
    ("model: {norm: rsm}", "did you mean 'rms'?"),
    ("model: {feed_forward: {name: mlp, activation: silo}}", "did you mean 'silu'?"),
    (
        "model: {normalizer: softmax}",
        "unknown key model.normalizer: it is called model.attention_weights now",
    ),
    *(
        (f"model: {{{name}: 4}}", f"2:9: unknown key model.{name}; did you mean '{meant}'?")
        for name, meant in {
            "num_layers": "model.n_layers",
            "num_heads": "model.n_heads",
            "hidden_size": "model.d_model",
            "feedforward_dim": "model.d_ff",
            "dim_feedforward": "model.d_ff",
            "seed": "train.seed",
            "learning_rate": "train.learning_rate",
            "vocab_size": "task.vocab_size",
        }.items()
    ),
    ("encoder: {n_layers: 2}", "2:1: unknown key encoder; did you mean 'model'?"),
    ("training: {steps: 2}", "2:1: unknown key training; did you mean 'train'?"),
    ("seed: 3", "2:1: unknown key seed; did you mean 'train.seed'?"),
    ("lr: 3", "2:1: unknown key lr; did you mean 'train.learning_rate'?"),
    ("train: {lr: 3}", "2:9: unknown key train.lr; did you mean 'train.learning_rate'?"),
    ("train: {epochs: 3}", "2:9: unknown key train.epochs; did you mean 'train.steps'?"),
    ("train: {gate: [1, 2]}", "unknown key train.gate: it is called model.positions.gate now"),
    ("train: {optimizer: adm}", "did you mean 'adam'?"),
    ("train: {optimizer: {name: sgd, momentum: 1.0}}", "train.optimizer.momentum = 1.0: must be less than 1"),
    ("train: {optimizer: {name: adamw, betas: [0.9]}}", "train.optimizer.betas"),
    ("model: {positions: nowhere.py:Mine}", "can't read nowhere.py: No such file"),
    ("model: {positions: nowhere.py}", "name its class, too: nowhere.py:ClassName"),
    ("model: {positions: rotory}", 'model.positions = "rotory": must be one of none, learned'),
    ("model: {positions: rotory}", "did you mean 'rotary'?"),
    ("model: {dropout: 1.0}", "model.dropout = 1.0: must be less than 1"),
    ("model: []", "2:8: model = []: must hold keys and values"),
    ("train: {learning_rate: .nan}", "train.learning_rate = NaN: must be a finite number"),
    ("train: {learning_rate: fast}", 'train.learning_rate = "fast": must be a number'),
    ("train: {stop_when_solved: no}", 'train.stop_when_solved = "no": must be true or false'),
    ("train: {device: gpu}", 'train.device = "gpu": must be auto, cpu, cuda, cuda:N or mps'),
    ("train: {steps: 1e3}", "train.steps = 1000.0: must be a whole number; write 1000"),
    ("train: {seed: -1}", "train.seed = -1: must be greater than or equal to 0"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong_settings_are_named_with_place_and_rule(text: str, message: str, tmp_path: Path) -> None:
    [problem] = problems(tmp_path / "mine.yaml", REVERSE + text)
    assert message in problem


WRONG_TASKS = [
    ("{name: revers}", "task.name = \"revers\": no such task; did you mean 'reverse'?"),
    ("{name: 3}", "task.name = 3: must be text; put it in quotes"),
    ("{}", "1:7: task.name is missing"),
    ("{name: copy, max_length: 0}", "task.max_length = 0"),
    ("{name: copy, min_length: 5, max_length: 4}", "max_length must be at least min_length, 5"),
    ("{name: copy, vocab_size: 1}", "task.vocab_size = 1: must be greater than or equal to 2"),
    ("{name: copy, symbols: [a, b], vocab_size: 10}", "there are 2 symbols; leave vocab_size out"),
    ("{name: copy, symbols: [a]}", "must hold at least two"),
    ("{name: copy, symbols: ab}", "must be a list"),
    ("{name: copy, symbols: [a, a]}", "each symbol may stand there once, a stands there more often"),
    ("{name: copy, symbols: [a, 'b c']}", "can't be typed"),
    ("{name: copy, symbols: [a, '']}", "can't be typed"),
    ('{name: copy, symbols: [a, "\\x1b"]}', "can't be typed"),
    ("{name: copy, symbols: [a, true]}", "task.symbols.1 = true: must be text; put it in quotes"),
    ("{name: copy, symbols: [a, _], layout: appended}", "1:29: task.symbols: _ stands for the blank tokens"),
    ("{name: missing.py:Task}", "can't read missing.py: No such file"),
]


@pytest.mark.parametrize(("task", "message"), WRONG_TASKS)
def test_wrong_tasks_are_named_with_place_and_rule(task: str, message: str, tmp_path: Path) -> None:
    [problem] = problems(tmp_path / "mine.yaml", f"task: {task}\n")
    assert message in problem


def test_a_symbol_isn_t_shown_as_another_token_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    both = "task: {name: copy, symbols: [_, ^], layout: %s}\nmodel: {begin_token: %s}\n"
    for layout, begin, message in (
        ("appended", "false", "1:29: task.symbols: _ stands for the blank tokens of task.layout=appended"),
        ("aligned", "true", "1:29: task.symbols: ^ stands for the token of model.begin_token; rename"),
    ):
        [problem] = problems(path, both % (layout, begin))
        assert problem.startswith(message)
    path.write_text(both % ("aligned", "false"))
    assert load_config(str(path)).task.symbols == ("_", "^")


def test_all_problems_of_a_file_are_said_at_once(tmp_path: Path) -> None:
    text = "task: {name: revers, max_lenght: 3}\nmodel: {n_heads: 3}\ntrain: {steps: x}\n"
    said = problems(tmp_path / "mine.yaml", text, "model.dropout=2", "train.sed=1")
    assert [problem.partition(": ")[0] for problem in said] == [
        "1:14",
        "1:22",
        "2:18",
        "override model.dropout=2",
        "3:16",
        "override train.sed=1",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "not UTF-8 text"),
        (b"", "holds no configuration"),
        (b"3", "holds no configuration"),
        (b"[1]", "holds no configuration"),
        (b"a: 3", "must hold keys and values"),
        (b"model: {}", "task is missing"),
    ],
)
def test_files_that_hold_no_configuration(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load_config(str(path))


@pytest.mark.parametrize(
    "override",
    [
        "n_layers=2",
        "model.n_layers",
        "modl.n_layers=2",
        "model.a.b=2",
        "model.positions.a.b=2",
        "=",
        "model=2",
    ],
)
def test_an_unreadable_override_shows_the_right_form(override: str) -> None:
    with pytest.raises(UsageError, match=r"write it as model\.n_layers="):
        load_config("reverse", [override])


@pytest.mark.parametrize(
    ("override", "form"),
    [
        ("num_layers=3", "model.n_layers=3"),
        ("lr=0.1", "train.learning_rate=0.1"),
        ("seed=3", "train.seed=3"),
        ("encoder.num_heads=2", "model.n_heads=2"),
        ("training.steps=9", "train.steps=9"),
    ],
)
def test_an_override_by_another_name_shows_the_one_here(override: str, form: str) -> None:
    with pytest.raises(UsageError, match=f"write it as {re.escape(form)}"):
        load_config("reverse", [override])


def test_names_of_other_tools_mean_settings_that_there_are() -> None:
    names = " ".join(NAMES.values()).split()
    assert len(set(names)) == len(names)
    own = {key for section in SECTIONS.values() for key in section.model_fields}
    assert not own & set(names), "these would never be looked up"
    for setting in NAMES:
        section, _, key = setting.partition(".")
        assert key in ("", *SECTIONS[section].model_fields)


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
