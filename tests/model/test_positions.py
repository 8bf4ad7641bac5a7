"""Positional encodings: each keeps the promise of its source."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.models import NUMBERED, make, sizes
from tfcli.model.coordinates import Coordinates
from tfcli.model.indices import RandomizedIndices
from tfcli.model.layout import Layout
from tfcli.model.positions import ends as ends_module
from tfcli.model.positions.alibi import AlibiPositions, slopes
from tfcli.model.positions.base import Positions
from tfcli.model.positions.ends import EndsPositions, offset_bucket
from tfcli.model.positions.landmark import LandmarkPositions, NearbyPositions
from tfcli.model.positions.learned import LearnedPositions
from tfcli.model.positions.level import LevelPositions
from tfcli.model.positions.rank import RankPositions, compare
from tfcli.model.positions.relative import RelativePositions
from tfcli.model.positions.rotary import RotaryPositions
from tfcli.model.positions.sinusoidal import SinusoidalPositions

SIZES = sizes()


def at(length: int) -> Coordinates:
    return Layout(1).coordinates(torch.zeros(1, length, dtype=torch.int64), None)


def test_coordinates_count_from_both_ends() -> None:
    found = at(4)
    assert found.start.tolist() == [[0, 1, 2, 3]]
    assert found.end.tolist() == [[3, 2, 1, 0]]
    assert found.n_keys.tolist() == [[4]]


@pytest.mark.parametrize(
    ("mask", "start", "end"),
    [
        ([1, 1, 1, 0, 0], [0, 1, 2], [2, 1, 0]),
        ([0, 0, 1, 1, 1], [0, 1, 2], [2, 1, 0]),
        ([0, 1, 0, 0, 0], [0], [0]),
    ],
)
def test_padding_on_either_side_does_not_count(mask: list[int], start: list[int], end: list[int]) -> None:
    may_attend = torch.tensor([mask], dtype=torch.bool)
    found = Layout(1).coordinates(torch.zeros(1, 5, dtype=torch.int64), may_attend)
    assert found.start[may_attend].tolist() == start
    assert found.end[may_attend].tolist() == end
    assert found.n_keys.tolist() == [[sum(mask)]]


def test_sinusoids_are_those_of_the_paper() -> None:
    encoded = SinusoidalPositions(SIZES).embed(torch.zeros(1, 20, 16), at(20))[0]
    for position in (0, 1, 19):
        for i in range(8):
            angle = position / 10_000 ** (2 * i / 16)
            assert encoded[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-5)
            assert encoded[position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_an_odd_width_has_one_sine_more() -> None:
    assert SinusoidalPositions(sizes(7, 1)).embed(torch.zeros(1, 4, 7), at(4)).shape == (1, 4, 7)


def test_rotary_turns_each_pair_as_a_complex_number() -> None:
    x = torch.randn(2, 3, 20, 8)
    pairs = torch.view_as_complex(torch.unflatten(x, -1, (-1, 2)))
    angles = torch.arange(20)[:, None] * 10_000 ** (-torch.arange(4) / 4)
    turned = torch.view_as_real(pairs * torch.polar(torch.ones(20, 4), angles)).flatten(-2)
    torch.testing.assert_close(RotaryPositions(sizes(8, 1)).rotate(x, at(20)), turned)


def test_rotary_layers_of_other_frequencies_share_no_angles() -> None:
    slow, fast = RotaryPositions(SIZES), RotaryPositions(SIZES)
    fast.frequencies = 2 * fast.frequencies
    x, together = torch.randn(1, 1, 5, 8), at(5)
    for rotary in (slow, fast):
        assert torch.equal(rotary.rotate(x, together), rotary.rotate(x, at(5)))
    assert not torch.equal(slow.rotate(x, together), fast.rotate(x, together))


def test_rotary_scores_depend_on_the_offset_only() -> None:
    rotary = RotaryPositions(SIZES)
    q, k = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    turned_q = rotary.rotate(q.expand(1, 1, 20, 8), at(20))[0, 0]
    turned_k = rotary.rotate(k.expand(1, 1, 20, 8), at(20))[0, 0]
    scores = turned_q @ turned_k.T
    for offset in (-7, 0, 3):
        diagonal = scores.diagonal(offset)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(turned_q.norm(dim=-1), q.norm().expand(20), rtol=1e-4, atol=1e-4)


def test_learned_positions_know_their_lengths_and_no_others() -> None:
    learned = LearnedPositions(sizes(longest=5))
    assert learned.embed(torch.zeros(1, 5, 16), at(5)).shape == (1, 5, 16)
    assert learned.longest == 5
    with pytest.raises(ValueError, match="know lengths up to 12, not 13"):
        make(positions="learned")(torch.zeros(1, 13, dtype=torch.int64))


def test_alibi_has_the_slopes_of_the_paper() -> None:
    encoding = AlibiPositions(sizes(n_heads=8))
    bias = encoding.bias(torch.zeros(1, 5, 16), at(5))
    assert bias is not None
    assert bias.shape == (1, 8, 5, 5)
    for head in range(8):
        for query in range(5):
            for key in range(5):
                expected = -abs(query - key) * 2.0 ** -(head + 1)
                assert bias[0, head, query, key].item() == pytest.approx(expected)


def t5_bucket(offset: int) -> int:
    """Return the bucket of a key that many positions after the query, one offset at a time."""
    distance, right = abs(offset), 16 * (offset > 0)
    if distance < 8:
        return distance + right
    return min(15, 8 + int(math.log(distance / 8) / math.log(128 / 8) * 8)) + right


def test_relative_buckets_are_those_of_t5() -> None:
    encoding = RelativePositions(SIZES)
    offsets = torch.arange(-600, 601)
    assert encoding.bucket(offsets).tolist() == [t5_bucket(offset) for offset in offsets.tolist()]


@pytest.mark.parametrize("cls", [AlibiPositions, RelativePositions])
def test_a_bias_on_the_offset_is_the_same_wherever_the_pair_stands(cls: type[Positions]) -> None:
    encoding = cls(SIZES)
    for parameter in encoding.parameters():
        torch.nn.init.normal_(parameter)
    bias = encoding.bias(torch.zeros(1, 30, 16), at(30))
    assert bias is not None
    torch.testing.assert_close(bias[..., 1:, 1:], bias[..., :-1, :-1])
    assert (bias[..., 0, 1] != bias[..., 0, 2]).all()


def test_alibi_slopes_of_other_numbers_of_heads_are_those_of_the_released_code() -> None:
    """Every second slope of the next power of two comes after those of the one below."""
    assert slopes(6) == [2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8, 2.0**-1, 2.0**-3]
    assert slopes(3) == [2.0**-4, 2.0**-8, 2.0**-2]
    assert slopes(1) == [2.0**-8]


def test_randomized_indices_are_ordered_and_within_their_range() -> None:
    indices, seen = RandomizedIndices(), set()
    for _ in range(20):
        found = indices.train()(at(9))
        start = found.start[0].tolist()
        assert start == sorted(set(start))
        assert 0 <= start[0] < start[-1] < RandomizedIndices.RANGE
        assert found.end.tolist() == found.start.flip(1).tolist()
        assert found.n_keys.tolist() == [[9]]
        seen |= set(start)
    assert len(seen) > 100  # a length of 9 meets far more than 9 indices
    first, again = (indices.eval()(at(9)).start for _ in range(2))
    assert torch.equal(first, again)
    everything = indices(at(RandomizedIndices.RANGE)).start[0]
    assert everything.tolist() == list(range(RandomizedIndices.RANGE))


@pytest.mark.parametrize("name", NUMBERED)
def test_every_numbered_encoding_knows_the_whole_range(name: str) -> None:
    model = make(positions=name, indices="randomized", n_layers=1)
    assert model(torch.zeros(1, 500, dtype=torch.int64)).isfinite().all()
    with pytest.raises(ValueError, match="randomized indices know lengths up to 2048, not 2049"):
        model(torch.zeros(1, 2049, dtype=torch.int64))


def sharpen(encoding: RankPositions | LandmarkPositions, gate: float, slope: float) -> None:
    encoding.gate.fill_(gate)
    encoding.scores.slope.fill_(slope)


def test_annealing_takes_gate_and_slope_from_bound_to_bound() -> None:
    encoding = RankPositions(SIZES, gate=(0.5, 8.0), slope=(0.2, 2.0))
    encoding.anneal(0.0)
    assert (encoding.gate.item(), encoding.scores.slope.item()) == pytest.approx((0.5, 0.2))
    encoding.anneal(1.0)
    assert (encoding.gate.item(), encoding.scores.slope.item()) == pytest.approx((8.0, 2.0))


def test_heads_are_shared_out_in_the_order_in_which_they_are_named() -> None:
    model = make(n_heads=4, positions={"ends": 1, "rank": 2, "rotary": 1}, n_layers=1)
    shared = model.layers[0].attention.positions
    x, where = torch.randn(1, 6, 16), at(6)
    bias = shared.bias(x, where)
    assert bias is not None
    names = [type(shared.of_head(head)[0]).__name__ for head in range(4)]
    assert names == ["EndsPositions", "RankPositions", "RankPositions", "RotaryPositions"]
    for head in range(3):
        encoding, number = shared.of_head(head)
        own = encoding.bias(x, where)
        assert own is not None
        assert torch.equal(bias[:, head], own[:, number])
    assert not bias[:, 3].any()
    q = torch.randn(1, 4, 6, 4)
    turned = shared.rotate(q, where)
    assert torch.equal(turned[:, 0], q[:, 0])
    assert not turned[:, 1:3].any()
    assert torch.equal(turned[:, 3:], shared.of_head(3)[0].rotate(q[:, 3:], where))


def rank() -> RankPositions:
    encoding = RankPositions(SIZES)
    for parameter in encoding.parameters():
        torch.nn.init.normal_(parameter)
    return encoding


@pytest.mark.parametrize("gate", [1.0, 4.0, 30.0])
def test_ranks_add_up_whatever_is_compared(gate: float) -> None:
    encoding = rank()
    sharpen(encoding, gate, 3.0)
    ranks = encoding.places(torch.randn(3, 9, 16), at(9))[:, :, 0]
    torch.testing.assert_close(ranks.sum(-1), torch.full((3, 2), 9 * 8 / 2.0))


def test_equal_tokens_rank_in_their_order_or_against_it_once_the_gate_is_hard() -> None:
    encoding = RankPositions(SIZES)
    sharpen(encoding, 30.0, 3.0)
    encoding.tau.data = torch.tensor([1.0, -1.0])
    forwards, backwards = encoding.places(torch.ones(1, 6, 16), at(6))[0, :, 0]
    torch.testing.assert_close(forwards, torch.arange(6.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(backwards, torch.arange(5.0, -1, -1), atol=1e-3, rtol=0)


def test_a_known_order_sorts() -> None:
    """With a_j = value and b_k = 1 the score is value_j - value_k, and row i looks at the i-th smallest."""
    encoding = RankPositions(sizes(2, 1))
    sharpen(encoding, 30.0, 3.0)
    encoding.tau.data.fill_(1.0)
    weights = torch.zeros(16, 2)
    weights[0, 0] = weights[8, 1] = 1.0  # the first feature of a reads the value, that of b the constant
    encoding.compare.load_state_dict({"weight": weights})
    values = torch.tensor([30.0, 10.0, 20.0, 10.0])
    x = torch.stack((values, torch.ones(4)), dim=-1)[None]
    assert encoding.bias(x, at(4))[0, 0].argmax(-1).tolist() == [1, 3, 2, 0]


def compare_gradient(scores: Tensor) -> Tensor:
    """Return the gradient of what is won, with respect to the scores."""
    scores = scores.clone().requires_grad_()
    torch.autograd.backward(compare(scores).sum())
    assert scores.grad is not None
    return scores.grad


def test_a_comparison_that_is_certain_of_a_wrong_order_can_still_learn() -> None:
    scores = torch.linspace(-900.0, 900.0, 101).view(1, 1, 1, -1)
    torch.testing.assert_close(compare(scores), scores.sigmoid())
    gradient = compare_gradient(scores)
    assert gradient.min() > 1e-8  # where that of a sigmoid is 0 but for one score
    assert gradient.argmax() == 50  # the closest


def test_a_comparison_that_is_uncertain_has_the_gradient_of_a_sigmoid() -> None:
    scores = torch.linspace(-7.0, 7.0, 101).view(1, 1, 1, -1)
    wins = scores.sigmoid()
    torch.testing.assert_close(compare_gradient(scores), wins * (1 - wins))


UP, DOWN, STAY = 0, 1, 2  # symbols of the sequences below


def level(sharp: float = 5.0) -> LevelPositions:
    """One head that reads its step off the first channel, as its embedding has it: see `stepping`."""
    encoding = LevelPositions(sizes(2, 1, n_segments=2))
    encoding.scores.slope.fill_(sharp)
    encoding.step.load_state_dict({"weight": torch.tensor([[1.0, 0.0]]), "bias": torch.zeros(1)})
    return encoding


def stepping(symbols: list[int], blanks: int = 0) -> Tensor:
    steps = [{UP: 1.1, DOWN: -0.9, STAY: 0.2}[symbol] for symbol in symbols] + [-1.2] * blanks
    return torch.tensor([[step, 0.0] for step in steps])[None]


def test_a_level_is_half_way_through_a_step_of_whole_numbers() -> None:
    found = level().places(stepping([UP, UP, STAY, DOWN, UP, DOWN, DOWN]), at(7))[0, 0, 0]
    assert found.tolist() == [0.5, 1.5, 2.0, 1.5, 1.5, 1.5, 0.5]


def test_a_step_is_no_larger_than_the_setting_says() -> None:
    tokens = torch.tensor([[[7.0, 0.0], [-7.0, 0.0], [-7.0, 0.0]]])
    for largest, levels in ((1, [0.5, 0.5, -0.5]), (4, [2.0, 2.0, -2.0]), (10, [3.5, 3.5, -3.5])):
        encoding = LevelPositions(sizes(2, 1, n_segments=2), largest_step=largest)
        encoding.step.load_state_dict(level().step.state_dict())
        assert encoding.places(tokens, at(3))[0, 0, 0].tolist() == levels


@pytest.mark.parametrize("seed", range(5))
def test_a_blank_looks_at_the_top_of_the_stack_that_is_left(seed: int) -> None:
    """Symbols go up and pops go down; blanks go down, too, and so meet what is left, from its top."""
    symbols = [UP] * 3 + torch.randint(2, (30,), generator=torch.Generator().manual_seed(seed)).tolist()
    stack: list[int] = []
    for place, symbol in enumerate(symbols):
        if symbol == UP:
            stack.append(place)
        elif stack:
            stack.pop()
    layout = Layout(3, answer_length=lambda length: len(stack), appended=True)
    where = layout.coordinates(torch.zeros(1, len(symbols), dtype=torch.int64), None)
    bias = level().bias(stepping(symbols, blanks=len(stack)), where)[0, 0]
    looked_at = bias[len(symbols) :, : len(symbols)].argmax(-1)
    assert looked_at.tolist() == stack[::-1]


def test_steps_of_levels_are_learned_through_the_rounding() -> None:
    encoding = level()
    torch.autograd.backward(encoding.bias(stepping([UP, UP, DOWN]), at(3)).square().sum())
    gradient = encoding.step.weight.grad
    assert gradient is not None
    assert gradient[0, 0] != 0


def landmark() -> LandmarkPositions:
    """Head 0 picks what is high in the first channel, head 1 what is high in the second."""
    encoding = LandmarkPositions(sizes(2, 2, n_segments=3))
    sharpen(encoding, 100.0, 2.0)
    encoding.pick.load_state_dict({"weight": torch.eye(2)})
    return encoding


def test_tokens_are_numbered_from_the_landmark_of_each_head() -> None:
    x = torch.tensor([[0.0, 0], [0, 0], [3, 0], [0, 5], [0, 0]])[None]
    numbers = landmark().places(x, at(5))
    assert numbers[0, :, 0].tolist() == [[-3, -2, -1, 0, 1], [-4, -3, -2, -1, 0]]


@pytest.mark.parametrize("place", [2, 7, 300])
def test_a_blank_finds_the_digits_of_the_second_operand(place: int) -> None:
    """`^ digits + digits _ _ ...`: blank i looks i places behind the operator, wherever that is."""
    T = place + 10
    layout = Layout(3, answer_length=lambda length: 9, appended=True, begin=True)
    where = layout.coordinates(torch.zeros(1, T, dtype=torch.int64), None)
    x = torch.zeros(1, layout.sequence_length(T), 2)
    x[0, 1 + place, 0] = 1.0  # after the begin token
    bias = landmark().bias(x, where)[0, 0, layout.first_answer(T) :]
    assert bias.argmax(-1).tolist() == [1 + place + 1 + i for i in range(9)]


def test_what_is_near_loses_nothing_and_what_is_far_ever_more_but_in_the_last_head() -> None:
    first, last = NearbyPositions(sizes(2, 2, n_segments=3)).bias(torch.zeros(1, 40, 2), at(40))[0]
    for query in range(40):
        for key in range(40):
            assert first[query, key].item() == -max(0, abs(query - key) - NearbyPositions.NEAR)
    assert not last.any()


def ends() -> EndsPositions:
    encoding = EndsPositions(SIZES)
    torch.nn.init.normal_(encoding.from_start)
    torch.nn.init.normal_(encoding.from_end)
    return encoding


def test_ends_is_a_sum_over_two_offsets() -> None:
    encoding, length, reach = ends(), 6, EndsPositions.REACH
    bias = encoding.bias(torch.zeros(1, length, 16), at(length))
    for head in range(2):
        for query in range(length):
            for key in range(length):
                plain = encoding.from_start[reach + query - key, head]
                mirrored = encoding.from_end[reach + query - (length - 1 - key), head]
                expected = ends_module.GAIN * (plain + mirrored)
                torch.testing.assert_close(bias[0, head, query, key], expected)


@pytest.mark.parametrize("max_length", [2, 10, 20, 40])
def test_ends_has_no_offset_at_a_long_length_that_training_lacked(max_length: int) -> None:
    reach = EndsPositions(sizes(longest=max_length)).reach
    short, long = at(max_length), at(500)
    assert buckets(short.start, short.start, reach) == buckets(long.start, long.start, reach)
    assert buckets(short.start, short.end, reach) == buckets(long.start, long.end, reach)


def buckets(query: Tensor, key: Tensor, reach: int) -> set[int]:
    return set(offset_bucket(query, key, reach).flatten().tolist())


@pytest.mark.parametrize("cls", [RankPositions, LevelPositions, LandmarkPositions])
def test_places_are_computed_in_float32_under_autocast(cls: type[Positions]) -> None:
    encoding, x = cls(SIZES), torch.randn(1, 300, 16)
    for parameter in encoding.parameters():
        torch.nn.init.normal_(parameter)
    with torch.autocast("cpu", torch.bfloat16):
        lowered = encoding.places(x, at(300))
    exact = encoding.places(x, at(300))
    assert lowered is not None
    assert exact is not None
    torch.testing.assert_close(lowered, exact)
