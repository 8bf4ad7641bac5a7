"""Head roles and causes: what is known by construction is named, and what isn't there is not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.handmade import attention_of, blank, point, reverser
from tests.models import NUMBERED, make
from tfcli.building.models import build_model, build_task
from tfcli.checkpoints.loading import load_run
from tfcli.config.model_section import ModelConfig
from tfcli.config.schema import RunConfig
from tfcli.config.task_section import TaskConfig
from tfcli.evaluation import held_out_set
from tfcli.inspection.ablation import falls, mean_outputs, report_heads
from tfcli.inspection.roles import (
    PATTERNS,
    find_roles,
    mean_of,
    name_roles,
    patterns_of,
    pick_clearest,
    tally_pattern,
)
from tfcli.model import ATTENTION_SCALES, ATTENTIONS
from tfcli.model.encoder import Encoder
from tfcli.model.trace import ForwardTrace
from tfcli.records.inspection import HeadsReport, ScoreShares
from tfcli.records.results import Score

CPU = torch.device("cpu")
NO_SHARES = ScoreShares(None, None, "its scores are all alike")


def task_of(name: str, vocab_size: int = 4, max_length: int = 8, min_length: int = 1) -> TaskConfig:
    return TaskConfig(name=name, vocab_size=vocab_size, min_length=min_length, max_length=max_length)


def roles(model: Encoder, name: str = "sort", max_length: int = 8) -> list[list[str]]:
    task = build_task(task_of(name, max_length=max_length))
    return [found.roles for found in find_roles(model, task, held_out_set(task, 300, CPU))]


def report(model: Encoder, name: str = "reverse") -> HeadsReport:
    task = build_task(task_of(name))
    return report_heads(model, task, held_out_set(task, 300, CPU), run="r", name=name)


@pytest.mark.parametrize("name", ["copy", "reverse", "sort", "odds-first"])
def test_the_answer_is_read_from_its_source(name: str) -> None:
    task = build_task(TaskConfig(name=name))
    for length in (1, 2, 7):
        inputs = torch.randint(4, (50, length), generator=torch.Generator().manual_seed(length))
        source = task.source(inputs)
        assert source is not None
        assert torch.equal(inputs.gather(1, source), task.target(inputs))


def test_heads_made_by_hand_get_their_names() -> None:
    model = blank(vocab_size=4, n_heads=5)
    point(model, 0, mirror=True)
    point(model, 1, offset=-1)
    point(model, 2, offset=1)
    point(model, 3, offset=0)
    assert roles(model) == [["mirrored"], ["previous"], ["next"], ["same position"], ["uniform"]]
    assert roles(model, "reverse")[0] == ["mirrored", "source"]
    assert roles(model, "copy")[3] == ["source", "same position"]


def test_a_head_that_looks_at_larger_symbols_is_named() -> None:
    model = blank(vocab_size=4, n_heads=1)
    attention = attention_of(model)
    # Queries constant, keys growing with the symbol: every query looks at the largest symbols.
    model.embedding.weight.data = torch.tensor([[3.0, 1, 0, 0], [1, 3, 0, 0], [0, 0, 3, 1], [0, 0, 1, 3]])
    attention.qkv.bias.data[:1] = 1.0
    attention.qkv.weight.data[4] = 40 * torch.tensor([-1.0, -0.5, 0.5, 1.0])
    [found] = roles(model)
    assert "larger symbol" in found
    assert "smaller symbol" not in found


@pytest.mark.parametrize("vocab_size", [2, 3, 4, 10])
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("attention_scale", ATTENTION_SCALES)
# Some look somewhere from the start.
@pytest.mark.parametrize("positions", NUMBERED)
def test_an_untrained_model_gets_no_names(
    vocab_size: int, attention: Any, attention_scale: Any, positions: Any
) -> None:
    torch.manual_seed(vocab_size)
    model = ModelConfig(attention=attention, attention_scale=attention_scale, positions=positions)
    config = RunConfig(task=task_of("sort", vocab_size), model=model)
    task = build_task(config.task)
    found = find_roles(build_model(config, task), task, held_out_set(task, 100, CPU))
    assert [head.roles for head in found] == [[]] * 8


@pytest.mark.parametrize("seed", range(5))
def test_a_shuffled_model_gets_no_names(trained: Path, seed: int) -> None:
    """A trained run whose heads have roles, with all its weights in any order."""
    run, generator = load_run(trained / "runs/reverse"), torch.Generator().manual_seed(seed)
    batches = held_out_set(run.task, 100, CPU)
    assert all(head.roles for head in find_roles(run.model, run.task, batches))
    weights = torch.cat([parameter.data.flatten() for parameter in run.model.parameters()])
    shuffled = iter(weights[torch.randperm(len(weights), generator=generator)])
    for parameter in run.model.parameters():
        parameter.data = torch.stack([next(shuffled) for _ in range(parameter.numel())]).view_as(parameter)
    assert [head.roles for head in find_roles(run.model, run.task, batches)] == [[]] * 4


def test_chance_is_what_a_uniform_head_scores() -> None:
    task = build_task(task_of("sort"))
    [found] = find_roles(blank(vocab_size=4, n_heads=1), task, held_out_set(task, 300, CPU))
    for name, scored in found.patterns.items():
        assert scored.weight == pytest.approx(scored.chance, abs=1e-5), name
    assert found.entropy == pytest.approx(found.entropy_uniform, abs=1e-5)
    assert found.patterns["uniform"].weight == pytest.approx(1, abs=1e-6)


def test_what_cannot_be_otherwise_is_left_out() -> None:
    middle = PATTERNS["mirrored"](torch.zeros(1, 5, dtype=torch.long))
    assert middle.sum(-1).tolist() == [[1, 1, 0, 1, 1]]
    task = build_task(task_of("reverse", max_length=1))
    layer = find_roles(blank(4, 2), task, held_out_set(task, 9, CPU))
    assert [found.patterns for found in layer] == [{}, {}]
    assert [found.roles for found in layer] == [[], []]


def test_a_handful_of_sequences_names_nothing() -> None:
    model = blank(vocab_size=4, n_heads=1)
    point(model, 0, mirror=True)
    task = build_task(task_of("reverse", min_length=8))
    for samples, names in ((9, []), (10, ["mirrored", "source"])):
        [found] = find_roles(model, task, held_out_set(task, samples, CPU))
        assert found.roles == names


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_a_rule_on_each_pair(name: str) -> None:
    rules = {
        "same position": lambda x, q, k: k == q,
        "previous": lambda x, q, k: k == q - 1,
        "next": lambda x, q, k: k == q + 1,
        "mirrored": lambda x, q, k: k == len(x) - 1 - q and k != q,
        "first": lambda x, q, k: k == 0,
        "last": lambda x, q, k: k == len(x) - 1,
        "same symbol": lambda x, q, k: x[k] == x[q] and k != q,
        "larger symbol": lambda x, q, k: x[k] > x[q],
        "smaller symbol": lambda x, q, k: x[k] < x[q],
    }
    inputs = torch.randint(4, (3, 7), generator=torch.Generator().manual_seed(0))
    expected = [
        [[bool(rules[name](row, q, k)) for k in range(7)] for q in range(7)] for row in inputs.tolist()
    ]
    assert patterns_of(build_task(task_of("copy")), inputs)[name].tolist() == expected


def test_only_the_useful_head_matters() -> None:
    found = report(reverser())
    assert found.score.exact_match == 1.0
    useful, idle = found.heads
    assert useful.roles == ["mirrored", "source"]
    assert idle.roles == ["uniform"]
    assert useful.zeroed.token_accuracy < 0.4
    assert useful.mean_ablated.token_accuracy < 0.4
    assert idle.zeroed.exact_match == idle.mean_ablated.exact_match == 1.0
    mirrored, uniform = found.roles
    assert (mirrored.roles, mirrored.heads, mirrored.matters) == (
        ["mirrored", "source"],
        [(None, 0, 0)],
        True,
    )
    assert (uniform.roles, uniform.heads, uniform.matters) == (["uniform"], [(None, 0, 1)], False)
    attention, feed_forward = found.sublayers
    assert attention.part == "attention"
    assert attention.removed.exact_match < 0.2
    assert feed_forward.removed.exact_match == 1.0


def test_heads_that_do_the_same_matter_together() -> None:
    model = reverser()
    V, attention = 4, attention_of(model)
    point(model, 1, mirror=True)  # head 1 does all that head 0 does
    attention.qkv.weight.data[5 * V : 6 * V] = attention.qkv.weight.data[4 * V : 5 * V]
    attention.out.weight.data[:, V:] = attention.out.weight.data[:, :V]
    found = report(model)
    assert [head.zeroed.exact_match for head in found.heads] == [1.0, 1.0]
    [together] = found.roles
    assert together.heads == [(None, 0, 0), (None, 0, 1)]
    assert together.matters
    assert together.zeroed.exact_match < 0.2


def test_the_mean_of_a_head_is_over_all_tokens() -> None:
    model = make(n_layers=2)
    task = build_task(task_of("reverse", vocab_size=7))
    batches = held_out_set(task, 40, CPU)
    means = mean_outputs(model, batches)
    outputs = []
    for batch in batches:
        for row in batch.inputs:
            trace = ForwardTrace()
            model(row[None], trace=trace)
            outputs.append(trace.layers[1].z[0])  # [H, T, K]
    torch.testing.assert_close(means.layers[1].z[0, :, 0], torch.cat(outputs, dim=1).mean(1))


def test_a_head_that_goes_by_content_has_the_symbol_of_the_source() -> None:
    """Equal keys share the weight that one of them would have, so it isn't on the one named source."""
    task = build_task(task_of("sort", vocab_size=2))
    inputs = torch.randint(2, (60, 12), generator=torch.Generator().manual_seed(0))
    pattern = patterns_of(task, inputs)["source symbol"]
    assert torch.equal(pattern.any(-1), torch.ones(60, 12, dtype=torch.bool))
    ideal = (pattern / pattern.sum(-1, keepdim=True))[None, :, None]  # [1, B, 1, T, T]
    on_symbol = mean_of([tally_pattern(ideal, pattern, torch.tensor(12.0))])
    on_source = mean_of([tally_pattern(ideal, patterns_of(task, inputs)["source"], torch.tensor(12.0))])
    found = name_roles({"source symbol": on_symbol, "source": on_source}, None, NO_SHARES, None, 0, 0, 0)
    assert found.roles == ["source symbol"]
    assert found.patterns["source symbol"].weight == pytest.approx(1)


def test_answers_that_are_fewer_than_tokens_have_a_source_all_the_same() -> None:
    task = build_task(TaskConfig(name="sentiment", layout="appended"))
    inputs = torch.tensor([task.encode("never boring but hardly clever")])
    patterns = patterns_of(task, inputs)
    assert set(patterns) == {"source", "source symbol"}
    assert patterns["source"].int().tolist() == [[[0, 0, 0, 0, 1]]]


def test_answers_that_are_read_from_nowhere_have_no_source() -> None:
    task = build_task(TaskConfig(name="translate", layout="appended"))
    inputs = torch.tensor([task.encode("一千零三十一")])
    patterns = patterns_of(task, inputs)
    read = [[0], [], [3], [5], [], [], [], [], []]
    assert [row.nonzero()[:, 0].tolist() for row in patterns["source"][0]] == read
    symbols = [[0, 5], [], [3], [0, 5], [], [], [], [], []]
    assert [row.nonzero()[:, 0].tolist() for row in patterns["source symbol"][0]] == symbols


@pytest.mark.parametrize("length", [5, 9])
def test_as_many_answers_as_tokens_by_chance_are_no_mirror_image(length: int) -> None:
    task = build_task(TaskConfig(name="translate", layout="appended"))
    inputs = task.draw(4, length, torch.Generator().manual_seed(0))
    assert set(patterns_of(task, inputs)) == {"source", "source symbol"}


def test_what_falls_is_what_matters() -> None:
    whole = Score(500, 0.03, 0.90)
    assert falls(whole, Score(500, 0.0, 0.09))  # exact match has nowhere to fall
    assert not falls(whole, Score(500, 0.03, 0.90))
    assert not falls(Score(10, 1.0, 1.0), Score(10, 0.9, 0.98))  # one sequence of ten
    assert falls(Score(10, 1.0, 1.0), Score(10, 0.0, 0.1))


def test_the_pick_clearest_head_is_not_a_uniform_one() -> None:
    model = blank(vocab_size=4, n_heads=3)
    point(model, 2, mirror=True)
    task = build_task(task_of("reverse"))
    assert pick_clearest(find_roles(model, task, held_out_set(task, 100, CPU))).head == 2


def test_entropy_is_in_nats() -> None:
    model = blank(vocab_size=4, n_heads=1)
    task = build_task(task_of("copy", min_length=8))
    [found] = find_roles(model, task, held_out_set(task, 20, CPU))
    assert found.entropy_uniform == pytest.approx(math.log(8))
