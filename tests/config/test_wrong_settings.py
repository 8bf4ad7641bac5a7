"""What is said about a configuration that is wrong: the place, the rule and the fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tfcli.config.files import load_config
from tfcli.config.meanings import NAMES
from tfcli.config.schema import SECTIONS
from tfcli.errors import ConfigError, UsageError

REVERSE = "task: {name: reverse}\n"


def problems(path: Path, text: str, *overrides: str) -> list[str]:
    """Say what is said about a file with this text, with the folder's name left out."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(str(path), list(overrides))
    return [problem.replace(f"{path}:", "") for problem in caught.value.problems]


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
    ("{name: [copy]}", '1:14: task.name = ["copy"]: must be text'),
    ("{name: null}", "1:14: task.name = null: must be text"),
    ("copy", '1:7: task = "copy": must hold keys and values, as in {name: copy}'),
    ("3", "1:7: task = 3: must hold keys and values"),
    ("[copy]", '1:7: task = ["copy"]: must hold keys and values'),
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


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("tokens: [1]", "task.tokens = [1]: must be one of words, characters"),
        ("answer_tokens: {a: 1}", 'task.answer_tokens = {"a": 1}: must be one of words, characters'),
        ("symbols: 5", "task.symbols = 5: must be a list"),
        ("symbols: abcd", 'task.symbols = "abcd": must be a list'),
        ("symbols: [a, [b]]", 'task.symbols.1 = ["b"]: must be text'),
        ("answers: [b, d, {e: 1}]", 'task.answers.2 = {"e": 1}: must be text'),
        ("test: [x]", 'task.test = ["x"]: must be text'),
        ("max_length: [1]", "task.max_length = [1]: must be a whole number"),
        ("answer_lengths: 3", "task.answer_lengths = 3: must be a list"),
        ("answers: [1]", "none of the 1 symbols that are known"),
    ],
)
def test_a_wrong_setting_beside_a_file_of_data_is_named(setting: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("a\tb\nc\td\n")
    task = f"task: {{data: {tmp_path}/pairs.tsv, {setting}}}\n"
    assert message in problems(tmp_path / "mine.yaml", task)[0]


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
        (b"\xff\x00", "not UTF-8 text"),
        (b"\xff\xfe\x41", "not UTF-8 text"),  # half a character of UTF-16
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
