"""ONNX files: onnxruntime answers as the model does, whatever the number and the length of the inputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tfcli.building.models import build_encoder
from tfcli.config.model_section import ModelConfig
from tfcli.errors import TfcliError, UsageError
from tfcli.exporting.onnx import find_formula, make_onnx, measure_difference
from tfcli.model import (
    ATTENTION_SCALES,
    ATTENTION_WEIGHTS,
    ATTENTIONS,
    COMPUTED_POSITIONS,
    FEED_FORWARDS,
    MASKS,
    NORMS,
    OUTPUT_HEADS,
    POSITIONS,
)
from tfcli.model.blocks import PLACEMENTS
from tfcli.model.encoder import Encoder
from tfcli.model.feed_forward import ACTIVATIONS
from tfcli.model.indices import INDICES
from tfcli.model.layout import Layout
from tfcli.model.norms import Norm

for name in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(name)

CLOSE = 1e-5  # of the largest logit
SYMBOLS, LONGEST, TRACED = 7, 12, 5
LAYOUTS = {
    "next": Layout(SYMBOLS, open_ended=True),
    "appended, begin": Layout(SYMBOLS, 4, lambda length: 2 * length + 1, appended=True, begin=True),
    "appended": Layout(SYMBOLS, 3, lambda length: (length + 1) // 2, appended=True),
    "first": Layout(SYMBOLS, 3, lambda length: 1, reads_first=True),
    "patches": Layout(1, 4, lambda length: 1, appended=True, begin=True, n_features=6),
    "aligned": Layout(SYMBOLS),
}
SEPARATED = {"name": "separated", "separator": 3, "count": 3}


def make_model(layout: str, options: dict[str, Any]) -> Encoder:
    """Return a small model whose every parameter is random, so that none can hide."""
    torch.manual_seed(0)
    config = ModelConfig.model_validate({"d_model": 12, "n_heads": 3, "n_layers": 1, "d_ff": 16, **options})
    model = build_encoder(config, LAYOUTS[layout], LONGEST)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def lengths_for(model: Encoder) -> list[int]:
    """Return lengths that no export is traced with, one of them longer than in training."""
    return [length for length in (1, 3, LONGEST, 3 * LONGEST) if model.takes(length)]


def check(layout: str, options: dict[str, Any], *, padding: bool) -> None:
    model = make_model(layout, options)
    data = make_onnx(model, TRACED, padding=padding).SerializeToString()
    assert measure_difference(data, model, lengths_for(model), padding=padding) < CLOSE


def chunks(names: list[str], size: int) -> list[dict[str, int]]:
    return [dict.fromkeys(names[start : start + size], 1) for start in range(0, len(names), size)]


def spread() -> list[dict[str, Any]]:
    """Return few models that have each row of each table: encodings share heads, the others take turns."""
    bounded = {"learned": 3}  # alone, for it bounds the length of whatever it stands beside
    groups = [bounded, *chunks([name for name in POSITIONS if name != "learned"], 3)]
    tables: dict[str, list[Any]] = {
        "positions": groups,
        "layout": [name for name in LAYOUTS if name != "aligned"],  # all that it has `next` and others have
        "mask": list(MASKS),
        "norm": list(NORMS),
        "norm_placement": list(PLACEMENTS),
        "attention": list(ATTENTIONS),
        "attention_scale": list(ATTENTION_SCALES),
        "attention_weights": list(ATTENTION_WEIGHTS),
        "output_head": list(OUTPUT_HEADS),
        "feed_forward": [*({"name": "mlp", "activation": name} for name in ACTIVATIONS), *FEED_FORWARDS][
            ::-1
        ],
        "token_types": ["none", SEPARATED],
        "counters": [0, 2],
        "indices": list(INDICES),
        "padding": [True, False, False, False, True],
    }
    count = max(len(rows) for name, rows in tables.items() if name != "feed_forward")
    found = []
    for number in range(count):
        options = {key: rows[number % len(rows)] for key, rows in tables.items()}
        heads, positions = sum(options["positions"].values()), options["positions"].keys()
        if options["layout"] == "next" or positions & set(
            COMPUTED_POSITIONS
        ):  # which randomized ones don't suit
            options["indices"] = "consecutive"
        found.append({**options, "n_heads": heads, "n_layers": 2 if "landmark" in positions else 1})
    assert {options["indices"] for options in found} == set(INDICES)
    return found


@pytest.mark.parametrize("options", spread(), ids=lambda options: "-".join(options["positions"]))
def test_every_part_can_be_exported(options: dict[str, Any]) -> None:
    options = dict(options)
    check(options.pop("layout"), options, padding=options.pop("padding"))


@pytest.mark.slow
@pytest.mark.parametrize("positions", POSITIONS)
def test_so_can_each_encoding_by_itself(positions: str) -> None:
    check("aligned", {"positions": positions, "n_layers": 1, "loops": 2}, padding=False)


@pytest.mark.slow
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "next"])
def test_so_can_every_layout(layout: str) -> None:
    check(layout, {"positions": "level"}, padding=True)


def test_tied_embeddings_can_be_exported() -> None:
    tied = {"tie_embeddings": True, "logit_bias": True, "scale_embeddings": True, "bias": False}
    check("aligned", {"positions": "none", **tied}, padding=False)


def test_a_model_of_single_symbols_takes_those_and_a_file_of_other_weights_is_noticed() -> None:
    torch.manual_seed(0)
    config = ModelConfig.model_validate({"n_layers": 1, "positions": "learned", "feed_forward": "none"})
    model = build_encoder(config, Layout(SYMBOLS), 1).eval()
    data = make_onnx(model, 1, padding=False).SerializeToString()
    assert measure_difference(data, model, [1, 1], padding=False) < CLOSE
    nn.init.normal_(model.embedding.weight)
    with pytest.raises(TfcliError, match=r"of the largest off; nothing is written"):
        measure_difference(data, model, [1], padding=False)


class Choosy(Norm):
    """Looks at the values that it gets."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if float(x.sum()) > 0 else -x


def test_a_part_that_looks_at_values_is_refused_in_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    model = make_model("aligned", {})
    model.norm = Choosy(None)  # type: ignore[arg-type]  # of any sizes
    with pytest.raises(UsageError, match=r"torch can't export it \(.+\)$") as caught:
        make_onnx(model, TRACED, padding=False)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_library_that_torch_finds_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*words: Any, **options: Any) -> None:
        raise ModuleNotFoundError("No module named 'onnxscript._framework_apis.torch_9'")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(UsageError, match=r"needs a newer onnxscript: pip install -U onnxscript"):
        make_onnx(make_model("aligned", {}), TRACED, padding=False)


def test_a_model_that_is_too_large_for_a_file_is_refused() -> None:
    with torch.device("meta"):
        model = build_encoder(ModelConfig(d_model=4096, n_heads=1, d_ff=65_536), Layout(SYMBOLS), LONGEST)
    with pytest.raises(UsageError, match="more than the 2 GiB"):
        make_onnx(model, TRACED, padding=False)


@pytest.mark.parametrize(
    "formula",
    [
        lambda n: n,
        lambda n: 1,
        lambda n: n + 1,
        lambda n: (n + 1) // 2,
        lambda n: 2 * n + 3,
        lambda n: 3 * n // 4,
    ],
)
def test_the_length_of_answers_becomes_a_formula(formula: Any) -> None:
    found = find_formula(formula)
    assert [found(n) for n in range(1, 2000)] == [formula(n) for n in range(1, 2000)]


def test_lengths_that_follow_none_are_refused() -> None:
    model = make_model("aligned", {})
    model.layout = Layout(SYMBOLS, 3, lambda length: 1 if length < 5 else 4, appended=True)
    with pytest.raises(UsageError, match=r"the lengths of its answers aren't \(a T \+ b\) / c"):
        make_onnx(model, TRACED, padding=False)
