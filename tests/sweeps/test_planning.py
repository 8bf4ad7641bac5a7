"""The runs of a sweep are checked, named and told apart before anything starts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import tfcli
from tests.sweeps.inline import plan
from tfcli.config.files import load_config
from tfcli.errors import ConfigError, UsageError
from tfcli.sweeps.axes import Axis, Span
from tfcli.sweeps.identity import Identifier
from tfcli.sweeps.planning import label_of, slug_of
from tfcli.sweeps.points import Point, draw, draw_several, grid
from tfcli.sweeps.searches import parse_search
from tfcli.sweeps.setup import Wanted, prepare

OWN = "import tfcli\n\nclass Mine(tfcli.Positions):\n    pass\n"


def identify(*settings: str) -> str:
    return Identifier().identify(load_config("reverse", list(settings)))


def test_seeds_turn_the_fastest_wherever_they_stand(folder: Path) -> None:
    trials = plan("train.seed=0:1", "model.positions=rotary,ends").strategy.trials()
    assert [(trial.point["model.positions"], trial.seed) for trial in trials] == [
        ("rotary", 0),
        ("rotary", 1),
        ("ends", 0),
        ("ends", 1),
    ]
    assert trials[0].label == "rotary, seed 0"
    assert trials[0].folder == Path("runs/reverse-sweep") / f"rotary-0-{trials[0].id}"


def test_an_id_depends_on_every_setting_and_on_nothing_else(folder: Path) -> None:
    assert identify() == identify("train.seed=0")
    assert len({identify(), identify("train.seed=1"), identify("train.eval_every=24")}) == 3
    assert identify() == identify("train.log=[tensorboard]")


def test_an_id_depends_on_what_stands_in_a_file_and_not_on_where_it_lies(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "mine.py").write_text(OWN)
    before = identify("model.positions=a/mine.py:Mine")
    assert before == identify("model.positions=b/mine.py:Mine")
    (folder / "a/mine.py").write_text(OWN + "# changed\n")
    assert before != identify("model.positions=a/mine.py:Mine")


def test_an_id_depends_on_the_data(folder: Path) -> None:
    ids = set()
    for lines in ("1 2\t2 1\n3 4\t4 3\n" * 20, "1 2\t2 1\n3 4\t4 3\n" * 20 + "4 1\t1 4\n"):
        (folder / "pairs.tsv").write_text(lines)
        ids.add(Identifier().identify(load_config("pairs.tsv")))
    assert len(ids) == 2


def test_an_id_depends_on_the_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identify()
    monkeypatch.setattr(tfcli, "__version__", "99")
    assert identify() != before


def test_an_id_depends_on_the_weights_of_the_start(folder: Path, trained: Path) -> None:
    start = f"train.start={trained}/runs/reverse"
    assert identify(start) != identify()
    assert identify(start) == identify(start)


def test_a_start_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"train.start: can't read nowhere"):
        identify("train.start=nowhere")


def test_all_combinations_that_are_refused_are_told(folder: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        plan("model.d_model=10,12,33", "model.n_heads=2,5", "train.seed=0:9")
    assert [problem.partition(":")[0] for problem in raised.value.problems] == [
        "model.d_model=12 model.n_heads=5",
        "model.d_model=33 model.n_heads=2",
        "model.d_model=33 model.n_heads=5",
    ]


def test_refusals_without_end_are_counted(folder: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        plan("train.batch_size=-50:-1", "model.n_layers=1,2")
    assert raised.value.problems[-1] == "... and 80 more"


@pytest.mark.parametrize("key", ["model.n_layer", "modle.n_layers", "n_layers"])
def test_a_setting_that_is_not_there_is_told_once(key: str, folder: Path) -> None:
    with pytest.raises(UsageError) as raised:
        plan(f"{key}=1:9")
    assert key in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_values_that_mean_the_same_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError) as raised:
        plan("train.learning_rate=1e-3,0.001")
    assert str(raised.value) == (
        "train.learning_rate=1e-3 and train.learning_rate=0.001 are the same setting"
    )


def test_a_grid_cannot_take_a_range_of_other_numbers(folder: Path) -> None:
    with pytest.raises(UsageError, match="a grid needs a list of values"):
        plan("train.learning_rate=1e-4:1e-2")


def test_many_runs_are_asked_for_twice(folder: Path) -> None:
    with pytest.raises(
        UsageError, match=r"1,002 runs: model.n_layers 2 x train.seed 501; add --yes .* random:50$"
    ):
        plan("train.seed=0:500", "model.n_layers=1,2")
    with pytest.raises(UsageError, match=r"1,500 runs: 300 settings x train.seed 5; add --yes .*, or fewer$"):
        plan("train.seed=0:4", "model.n_layers=1,2", search=parse_search("random:300"))
    with pytest.raises(UsageError, match=r"1,001 runs: train.seed 1,001; add --yes .*, or fewer$"):
        plan("train.seed=0:1000")
    assert len(plan("train.seed=0:1000", is_sure=True).strategy.trials()) == 1001


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "nothing varies"),
        (["=1"], "can't read the override '=1'"),
        (["model.positions=[]"], "override model.positions=[]: model.positions = []: must be a name"),
        (["train.seed=a:b"], 'train.seed = "a:b": must be a whole number'),
        (["train.seed=0:1", "model.n_layers"], "write it as model.n_layers=VALUE"),
        (["model.n_layers", "=", "1,2"], "write it without spaces, model.n_layers=1,2"),
        (["model.positions={name:", "rotary,", "base:", "100},ends"], "there is no } at its end"),
        (["copy", "train.seed=0:1"], "one example at a time, not 'copy', too"),
        (["train.seeds=4", "model.n_heads=1,2"], "a sweep has a run a seed, train.seed=0:3"),
        (["train.seeds=4"], "a sweep has a run a seed, train.seed=0:3"),
    ],
)
def test_what_is_no_sweep_is_refused(words: list[str], problem: str, folder: Path) -> None:
    with pytest.raises(UsageError) as raised:
        plan(*words)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("against", "problem"),
    [
        (["ends"], "--against ends: write KEY=VALUE"),
        (["train.seed=0"], "differences are over the seeds"),
        (["model.n_layers=1"], "the sweep doesn't vary model.n_layers, but model.positions, model.n_heads"),
        (["model.positions=none"], "of model.positions the sweep has rotary, ends"),
        (["model.n_heads=5"], "of model.n_heads the sweep has 1 to 4"),
        (["model.n_heads="], "of model.n_heads the sweep has 1 to 4"),
        (["model.n_heads=01"], "of model.n_heads the sweep has 1 to 4"),
        (["model.n_heads=1", "model.n_heads=2"], "model.n_heads stands there twice"),
    ],
)
def test_a_baseline_is_a_value_that_the_sweep_has(against: list[str], problem: str, folder: Path) -> None:
    words = ["model.positions=rotary,ends", "model.n_heads=1:4", "train.seed=0:1"]
    with pytest.raises(UsageError) as raised:
        plan(*words, search=parse_search("random:2"), against=against)
    assert problem in str(raised.value)


def test_a_baseline_is_some_values(folder: Path) -> None:
    words = ["model.positions=rotary,ends", "model.n_layers=1:2", "train.seed=0:1"]
    assert plan(*words).against == {}
    found = plan(*words, against=["model.n_layers=2", "model.positions=ends"]).against
    assert list(found.items()) == [("model.positions", "ends"), ("model.n_layers", "2")]  # as labels have it


@pytest.mark.parametrize("key", ["train.steps", "train.eval_every"])
def test_halving_needs_the_same_steps_for_all(key: str, folder: Path) -> None:
    with pytest.raises(UsageError, match=f"--halving judges settings after equally many steps; {key}"):
        plan("model.positions=rotary,ends", f"{key}=30,60", halving=True)


@pytest.mark.parametrize("words", [["train.seed=0,00"], ["train.seed=1,+1"], ["train.seed=0:4:2,1:3"]])
def test_a_seed_that_comes_twice_in_a_search_is_told(words: list[str], folder: Path) -> None:
    with pytest.raises(ConfigError, match="are the same setting"):
        plan(*words, "model.n_layers=1,2", search=parse_search("random:2"))


def test_what_is_varied_may_be_what_makes_the_rest_fit(folder: Path) -> None:
    found = plan("model.d_model=48,96", "model.n_heads=6", "train.seed=0:1").strategy.trials()
    assert len(found) == 4
    with pytest.raises(ConfigError, match="n_heads = 7: must divide d_model"):
        plan("model.d_model=48,96", "model.n_heads=7")
    with pytest.raises(ConfigError) as raised:
        plan("model.positions=rotary,ends", "model.n_layers=1,2", "model.n_head=7")
    assert len(raised.value.problems) == 1


def test_several_own_files_of_a_setting_all_count_and_so_does_their_order(folder: Path) -> None:
    for name in "ab":
        (folder / f"{name}.py").write_text(OWN)

    def identify_shares(*shares: str) -> str:
        return identify("model.positions={" + ", ".join(f"{part}.py:Mine: 2" for part in shares) + "}")

    before = identify_shares("a", "b")
    assert identify_shares("b", "a") != before
    (folder / "a.py").write_text(OWN + "# changed\n")
    changed = identify_shares("a", "b")
    (folder / "b.py").write_text(OWN + "# changed\n")
    assert len({before, changed, identify_shares("a", "b")}) == 3


def test_a_folder_with_a_hyphen_is_no_run_and_a_copy_does_not_take_over(folder: Path) -> None:
    run = plan("train.seed=0:1").strategy.trials()[0].folder
    run.mkdir(parents=True)
    (run.parent / "my-notes").mkdir()
    (run.parent / f"zz-{run.name.rpartition('-')[2]}").mkdir()
    prepared = plan("train.seed=0:1")
    assert len(prepared.planner.known) == 1
    assert prepared.strategy.trials()[0].folder == run
    run.rename(run.parent / f"other-{run.name.rpartition('-')[2]}")
    assert plan("train.seed=0:1").strategy.trials()[0].folder.name.startswith("zz-")


def test_stdin_is_no_source_for_a_sweep() -> None:
    with pytest.raises(UsageError, match="a sweep reads its data more than once"):
        prepare(Wanted(["-", "train.seed=0:1"]))


def test_data_may_be_varied_with_what_follows_from_each_file(folder: Path) -> None:
    for name, symbols in (("a", "1 2\t2 1\n"), ("b", "3 4 5\t5 4 3\n")):
        (folder / f"{name}.tsv").write_text(symbols * 30)
    planner = prepare(Wanted(["a.tsv", "task.data=a.tsv,b.tsv"])).planner
    found = [planner.configure({"task.data": f"{name}.tsv"}).task for name in "ab"]
    assert [(task.symbols, task.max_length) for task in found] == [(("1", "2"), 2), (("3", "4", "5"), 3)]


def test_runs_on_data_are_those_that_train_makes(folder: Path) -> None:
    (folder / "a.tsv").write_text("1 2\t2 1\n1 2 2\t2 2 1\n" * 30)
    (folder / "b.yaml").write_text("task: {data: a.tsv}\nmodel: {n_heads: 2, feed_forward: {name: mlp}}\n")
    for source, words in (("a.tsv", ["train.steps=4", "task.max_length=3"]), ("b.yaml", [])):
        prepared = prepare(Wanted([source, "model.d_model=16,32", "train.seed=0:1", *words]))
        for trial in prepared.strategy.trials():
            said = [f"{key}={value}" for key, value in trial.point.items()]
            alone = load_config(source, [*words, *said, "train.threads=1"])
            assert prepared.planner.configure(trial.point) == alone
            assert trial.id == Identifier().identify(alone)
    with pytest.raises(ConfigError, match=r"b.yaml:2:18: model.n_heads = 2: must divide d_model = 33"):
        prepare(Wanted(["b.yaml", "model.d_model=16,33"]))


def test_runs_have_one_thread_unless_they_are_to_have_more(folder: Path) -> None:
    prepared = plan("train.seed=0:1")
    assert prepared.planner.configure({"train.seed": "0"}).train.threads == 1
    prepared = plan("train.threads=2,3")
    assert prepared.planner.configure({"train.threads": "3"}).train.threads == 3


def test_names_are_short_and_fit_for_folders() -> None:
    point = {"model.positions": "/far/away/mine.py:Mine", "train.freeze": "[a, b]", "train.seed": "3"}
    assert label_of(point) == "Mine, freeze [a, b], seed 3"
    assert slug_of(point) == "Mine-a-b-3"
    assert slug_of({"train.seed": "x" * 300}) == "x" * 60
    with_settings = {"model.positions": "{name: /far/mine.py:Mine, steep: 0.5}"}
    assert label_of(with_settings) == "Mine steep=0.5"
    assert slug_of(with_settings) == "Mine-steep-0.5"
    assert label_of({"model.positions": "{name: rotary, base: 10}"}) == "rotary base=10"
    assert label_of({"train.optimizer": "{betas: [0.9, 0.99]"}) == "optimizer {betas: [0.9, 0.99]"


def test_draws_are_the_same_for_a_seed_and_each_comes_once() -> None:
    axes = [Axis("a", ("x", "y")), Axis("b", (range(0, 3),), Span(0, 2, 1))]
    assert list(draw_several(axes, 4, 1)) == list(draw_several(axes, 4, 1))
    found = list(draw_several(axes, 99, 0))
    assert sorted(map(str, found)) == sorted(map(str, grid(axes)))
    assert draw(axes, random.Random(0)).keys() == {"a", "b"}


def test_a_plan_of_very_many_runs_is_announced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfcli.sweeps.setup.MOST", 3)
    said: list[str] = []
    prepare(Wanted(["reverse", "train.seed=0:2"]), said.append)
    assert said == []
    prepare(Wanted(["reverse", "train.seed=0:3"], is_sure=True), said.append)
    assert said == ["planning 4 runs: each is checked before any is trained"]


def draw_point(*words: str) -> Point:
    """Return a setting that a search draws."""
    [trial] = plan(*words, search=parse_search("random:1")).strategy.trials()
    return trial.point


def test_a_search_draws_what_lies_between_whole_numbers_where_the_setting_takes_that() -> None:
    assert 0 < float(draw_point("model.dropout=0:1")["model.dropout"]) < 1
    assert draw_point("model.n_layers=1:3")["model.n_layers"] in ("1", "2", "3")
    momentum = draw_point("train.optimizer=sgd", "train.optimizer.momentum=0:1")["train.optimizer.momentum"]
    assert 0 < float(momentum) < 1
    in_steps = draw_point("model.n_layers=1,2", "train.weight_decay=0:1:1")
    assert in_steps["train.weight_decay"] in ("0", "1")
