"""Interventions: what is removed adds nothing, and what is replaced gives the other answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.models import ALL, close, make, tokens
from tfcli.model.blocks import PLACEMENTS
from tfcli.model.trace import ForwardTrace, Intervention

EVERY_LAYER = frozenset({(0, 0), (0, 1)})
EVERY_HEAD = frozenset((0, layer, head) for layer in range(2) for head in range(2))


@pytest.mark.parametrize("traced", [False, True])
def test_a_removed_head_adds_nothing(traced: bool) -> None:
    model = make(n_layers=1)
    without = Intervention(heads=frozenset({(0, 0, 1)}))
    removed = model(tokens(), intervention=without, trace=ForwardTrace() if traced else None)
    attention = model.layers[0].attention
    attention.out.weight.data[:, 8:] = 0  # the columns that read head 1
    close(removed, model(tokens()))


@pytest.mark.parametrize("norm", PLACEMENTS)
@pytest.mark.parametrize(
    ("part", "module"), [("attention", "attention.out"), ("feed_forward", "feed_forward.contract")]
)
def test_a_removed_sublayer_adds_nothing(part: str, module: str, norm: str) -> None:
    model = make(n_layers=2, norm_placement=norm)
    for layer in model.layers:  # what a norm inside makes of nothing is its bias
        for norms in (layer.norm_attention, layer.norm_feed_forward):
            assert norms is not None
            for parameter in norms.inside.parameters():
                parameter.data.fill_(1.0 if parameter.dim() else 0.0)
    options: dict[str, Any] = {part: frozenset({(0, 1)})}
    removed = model(tokens(), intervention=Intervention(**options))
    for parameter in model.layers[1].get_submodule(module).parameters():
        parameter.data.zero_()
    close(removed, model(tokens()))


@pytest.mark.parametrize("options", [o for o in ALL if not o.keys() & {"loops", "feed_forward"}])
def test_replacing_every_part_gives_the_other_answer(options: dict[str, Any]) -> None:
    """Heads, feed-forwards and embedding together are all that the answer is made of."""
    model = make(**options)
    other = ForwardTrace()
    expected = model(tokens(seed=2), trace=other)
    everything = Intervention(heads=EVERY_HEAD, feed_forward=EVERY_LAYER, embedding=True, source=other)
    close(model(tokens(), intervention=everything), expected)
    only_heads = model(tokens(), intervention=Intervention(heads=EVERY_HEAD, source=other))
    assert (only_heads - expected).abs().max() > 1e-3


def test_an_intervention_in_nothing_changes_nothing() -> None:
    model = make()
    assert torch.equal(model(tokens(), intervention=Intervention()), model(tokens()))


@pytest.mark.parametrize(
    ("intervention", "message"),
    [
        (Intervention(heads=frozenset({(0, 0, 2)})), "there is no head 2 to intervene in"),
        (Intervention(heads=frozenset({(0, 2, 0)})), "there is no layer 2 of loop 0"),
        (Intervention(attention=frozenset({(1, 0)})), "there is no layer 0 of loop 1"),
        (Intervention(feed_forward=frozenset({(0, -1)})), "there is no layer -1"),
    ],
)
def test_an_intervention_in_what_is_not_there_is_refused(intervention: Intervention, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()(tokens(), intervention=intervention)
    with pytest.raises(TypeError):
        Intervention(attend=frozenset())  # type: ignore[call-arg]
