"""Parts from a file: trained, traced and ablated as the built-in ones, and refused if they are none."""

from __future__ import annotations

import json
import pickle
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

from tests.conftest import SMALL, Cli, as_json, install
from tfcli.errors import UsageError
from tfcli.model.sizes import Sizes
from tfcli.registry import NORMS

PARTS = '''
import torch
from torch import nn
import tfcli


class Mirror(tfcli.Positions):
    """Scores fall with the squared distance from the mirror image."""

    def __init__(self, sizes, *, steep: float = 0.5):
        super().__init__(sizes)
        self.rate = nn.Parameter(torch.full((sizes.n_heads, 1, 1), steep))

    def bias(self, x, at):
        return -self.rate * (at.start[:, :, None] - at.end[:, None, :])[:, None] ** 2


class UnitNorm(tfcli.Norm):
    """Each position's vector is brought to length sqrt(d_model)."""

    def forward(self, x):
        return x / x.norm(dim=-1, keepdim=True) * x.shape[-1] ** 0.5


class Bilinear(tfcli.FeedForward):
    """The product of two linear layers, through a third."""

    def __init__(self, sizes):
        super().__init__(sizes)
        self.a, self.b = (nn.Linear(sizes.d_model, sizes.d_ff) for _ in range(2))
        self.out = nn.Linear(sizes.d_ff, sizes.d_model)

    def forward(self, x):
        return self.out(self.a(x) * self.b(x))


class Typo(tfcli.Positions):
    """Adds nothing, since nobody calls it."""

    def Bias(self, x, at):
        return x


class EvenMask(tfcli.Mask):
    """A query may attend to keys an even number of tokens away."""

    def allows(self, query, key):
        return (query - key) % 2 == 0


class Signs(tfcli.Optimizer):
    """Each parameter moves by the learning rate, against the sign of its gradient."""

    def move(self, gradient, learning_rate):
        self.values.sub_(learning_rate * gradient.sign())


class Halving(tfcli.Schedule):
    """Half the rate for the second half."""

    def factor(self, progress):
        return 1.0 if progress < 0.5 else 0.5


class NoTensor(tfcli.Positions):
    def bias(self, x, at):
        return 3


class Flat(tfcli.Positions):
    def bias(self, x, at):
        return torch.zeros(5, 5)


class Double(tfcli.Norm):
    def forward(self, x):
        return x.double()


class Wide(tfcli.FeedForward):
    def forward(self, x):
        return torch.cat([x, x], dim=-1)


class Shut(tfcli.Mask):
    def allows(self, query, key):
        return key > query


class Raising(tfcli.Norm):
    def __init__(self, sizes):
        super().__init__(sizes)
        self.weight = sizes.nothing


class Idle(tfcli.FeedForward):
    pass


class NotOne:
    pass
'''
OWN = [
    "model.positions=parts.py:Mirror",
    "model.positions.steep=0.7",
    "model.norm=parts.py:UnitNorm",
    "model.feed_forward=parts.py:Bilinear",
]


@pytest.fixture
def parts(folder: Path) -> Path:
    (folder / "parts.py").write_text(PARTS)
    return folder


def test_parts_from_a_file_are_trained_evaluated_traced_and_ablated(parts: Path, cli: Cli) -> None:
    report = as_json(cli, "train", "reverse", *SMALL, *OWN, "-q")
    assert report["solved"]
    config = as_json(cli, "inspect")["config"]["model"]
    assert config["positions"] == {"name": f"{parts}/parts.py:Mirror", "steep": 0.7}
    assert as_json(cli, "eval", "--lengths", "3")["lengths"][0]["exact_match"] == 1.0
    stages = as_json(cli, "trace", "3 1 2")["stages"]
    said = {stage["name"]: stage for stage in stages}
    assert said["UnitNorm"]["explanation"] == "Each position's vector is brought to length sqrt(d_model)."
    assert "Scores fall with the squared distance" in said["position bias"]["explanation"]
    assert said["feed-forward"]["formula"] == "Bilinear(x)"
    assert all(stage["agrees"] for stage in stages)
    heads = as_json(cli, "inspect", "--heads", "--samples", "100")
    assert [part["removed"]["exact_match"] < 0.5 for part in heads["sublayers"]] == [True, False]
    assert as_json(cli, "bench", "reverse", *SMALL, *OWN, "--seeds", "0", "--no-plain")["entries"]


@pytest.mark.parametrize(
    "setting",
    ["model.mask=parts.py:EvenMask", "train.optimizer=parts.py:Signs", "train.schedule=parts.py:Halving"],
)
def test_other_parts_come_from_a_file_likewise(setting: str, parts: Path, cli: Cli) -> None:
    cli("train", "copy", *SMALL, "train.steps=3", setting, "-q")
    assert as_json(cli, "predict", "3 1 2")["target"] == ["3", "1", "2"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.positions=parts.py:NoTensor", "bias() must return a tensor, float32 [1, 4, 3, 3] or"),
        ("model.positions=parts.py:Flat", "bias() must return float32 [1, 4, 3, 3] or [2, 4, 3, 3], not"),
        ("model.norm=parts.py:Double", "forward() must return float32 [2, 3, 32], not float64 [2, 3, 32]"),
        ("model.feed_forward=parts.py:Wide", "must return float32 [2, 3, 32], not float32 [2, 3, 64]"),
        ("model.mask=parts.py:Shut", "allows() must let each query attend to some key"),
        ("model.norm=parts.py:Raising", "AttributeError: 'Sizes' object has no attribute 'nothing' (at"),
        ("model.feed_forward=parts.py:Idle", "needs a method forward(x)"),
        ("model.positions=parts.py:Typo", "Typo needs a method embed, rotate or bias"),
        ("model.norm=parts.py:NotOne", "must be a subclass of tfcli.Norm"),
        ("model.norm=parts.py:Bilinear", "must be a subclass of tfcli.Norm"),
        ("model.norm=parts.py:UnitNrm", "has no class UnitNrm; did you mean 'UnitNorm'?"),
        ("model.norm=nowhere.py:UnitNorm", "can't read nowhere.py: No such file"),
    ],
)
def test_a_class_that_is_no_part_is_refused(setting: str, message: str, parts: Path, cli: Cli) -> None:
    result = cli("train", "copy", *SMALL, setting, "-q", expect=2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (parts / "runs").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["model.positions.stee=1.0"], "has no such setting; did you mean 'steep'? (it has steep)"),
        (["model.positions.steep=high"], 'steep = "high": must be a number'),
    ],
)
def test_a_setting_that_such_a_part_lacks_is_named(
    settings: list[str], message: str, parts: Path, cli: Cli
) -> None:
    assert message in cli("train", "copy", *SMALL, OWN[0], *settings, "-q", expect=2).stderr


SCALED = """
import tfcli
import strength


class Scaled(tfcli.Norm):
    def forward(self, x):
        from strength import SCALE as late
        return strength.SCALE * late * x
"""


def strength_of(scale: int) -> str:
    return f"SCALE = {scale}\n\n\nclass Kept:\n    scale = SCALE\n"


def test_files_in_two_folders_have_each_its_own_neighbour_and_as_it_is_now(tmp_path: Path) -> None:
    norms = []
    for number in (2, 3):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "strength.py").write_text(strength_of(number))
        (tmp_path / str(number) / "own.py").write_text(SCALED)
        norms.append(NORMS.load(f"{tmp_path}/{number}/own.py:Scaled"))
    sizes = Sizes(d_model=4, n_heads=1, d_head=4, d_ff=4, longest=3, n_places=3)
    one = torch.ones(4)
    assert [norm(sizes)(one)[0] for norm in (*norms, *norms)] == [4, 9, 4, 9]
    (tmp_path / "2/strength.py").write_text(strength_of(5))
    changed = NORMS.load(f"{tmp_path}/2/own.py:Scaled")
    assert [norm(sizes)(one)[0] for norm in (changed, *norms)] == [25, 4, 9]
    assert import_module("strength").SCALE == 5  # by that name alone, the one that was run last
    assert pickle.loads(pickle.dumps(import_module("strength").Kept())).scale == 5


def test_what_a_part_prints_does_not_get_into_the_json(cli: Cli, folder: Path) -> None:
    chatty = "import tfcli\nprint('read')\n\n\nclass Chatty(tfcli.Norm):\n    def forward(self, x):\n        "
    (folder / "chatty.py").write_text(f"{chatty}print('called')\n        return x\n")
    result = cli("train", "copy", *SMALL, "train.steps=2", "model.norm=chatty.py:Chatty", "--json", "-q")
    assert json.loads(result.stdout)["steps"] == 2
    assert {"read", "called"} <= set(result.stderr.splitlines())
    assert json.loads(cli("predict", "1 2", "--json").stdout)["input"] == ["1", "2"]
    assert "No such option" in cli("predict", "1 2", "--json", "--jsn", expect=2).stderr
    assert json.loads(cli("ls", "--json").stdout)["runs"]  # after a command that was never run
    plain = cli("predict", "1 2")
    assert "called" in plain.stdout  # without --json a print goes where prints go


def test_a_distribution_brings_a_part_by_name(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("brought", PARTS, "[tfcli.norm]\nunit = brought:UnitNorm\n", folder, monkeypatch)
    cli("train", "copy", *SMALL, "train.steps=2", "model.norm=unit", "-q")
    assert as_json(cli, "inspect")["config"]["model"]["norm"] == "unit"


def test_a_name_that_two_distributions_bring_is_refused(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rival", "brought"):
        points = f"[tfcli.norm]\nunit = {name}:UnitNorm\nown-{name} = {name}:UnitNorm\n"
        install(name, PARTS, points, folder, monkeypatch)
    sources = "brought (brought:UnitNorm) and rival (rival:UnitNorm) bring the same name"
    refused = cli("train", "copy", *SMALL, "model.norm=unit", "-q", expect=2)
    assert f"{sources}; uninstall all but one" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    with pytest.raises(UsageError, match=re.escape(f"model.norm: 'unit': {sources}")):
        NORMS.load("unit")
    cli("train", "copy", *SMALL, "train.steps=2", "model.norm=own-rival", "-q")  # the others still work


def test_a_distribution_can_not_take_the_name_of_a_built_in_part(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("brought", PARTS, "[tfcli.norm]\nrms = brought:UnitNorm\n", folder, monkeypatch)
    assert NORMS.load("rms").__module__ == "tfcli.model.norms"


def test_entry_points_that_are_none_are_one_error(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("broken", "", "[tfcli.norm]\nno entry point\n", folder, monkeypatch)
    for words in (["ls"], ["train", "copy", "model.norm=nope"]):
        message = " ".join(cli(*words, expect=2).stderr.split())
        assert message.startswith("error: the entry points of installed distributions can't be read (")
