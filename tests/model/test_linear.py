"""Linear layers give what torch's give, whichever library multiplies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tfcli.model import linear
from tfcli.model.linear import LEAST, Linear, Product

needs_onednn = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="torch was built without oneDNN"
)


@pytest.fixture
def slow_mkl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be a CPU on which oneDNN is faster for products of any size."""
    monkeypatch.setattr(linear, "mkl_is_slow", lambda: True)
    monkeypatch.setattr(linear, "LEAST", 1)


def give(layer: torch.nn.Linear, x: Tensor) -> list[Tensor]:
    """Return the output for `x`, and the gradients of all that it depends on."""
    x = x.detach().requires_grad_()
    out = layer(x)
    weigh = torch.linspace(-1, 1, out.numel()).view_as(out)
    return [out.detach(), *torch.autograd.grad((out * weigh).sum(), [x, *layer.parameters()])]


@needs_onednn
@pytest.mark.usefixtures("slow_mkl")
@pytest.mark.parametrize("wide", [5, 40])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 4), (3,), (2, 3, 4)])
def test_outputs_and_gradients_are_those_of_torch(shape: tuple[int, ...], bias: bool, wide: int) -> None:
    torch.manual_seed(0)
    own, plain = Linear(17, wide, bias), torch.nn.Linear(17, wide, bias)
    plain.load_state_dict(own.state_dict())
    x = torch.randn(*shape, 17)
    for found, expected in zip(give(own, x), give(plain, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(own(x), plain(x), rtol=1e-5, atol=1e-5)
    turned = torch.randn(17, *shape).movedim(0, -1)  # whose numbers lie in another order
    torch.testing.assert_close(own(turned), plain(turned), rtol=1e-5, atol=1e-5)


@needs_onednn
def test_gradients_have_gradients() -> None:
    weight = torch.randn(3, 4, requires_grad=True)

    def slope(product: Callable[..., Tensor], x: Tensor) -> Tensor:
        y = product(x, weight, None)
        (gradient,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
        (again,) = torch.autograd.grad(gradient.pow(2).sum(), weight)
        return again

    x = torch.randn(5, 4, requires_grad=True)
    torch.testing.assert_close(slope(Product.apply, x), slope(F.linear, x), rtol=1e-4, atol=1e-4)


def test_only_products_that_are_worth_it_leave_mkl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "mkl_is_slow", lambda: True)
    weight, rows = torch.zeros(1000, 1000), LEAST // 1_000_000
    assert linear.is_worth_it(torch.zeros(rows, 1000), weight)
    assert not linear.is_worth_it(torch.zeros(rows - 1, 1000), weight)
    assert not linear.is_worth_it(torch.zeros(rows, 1000, dtype=torch.float64), weight)
    assert not linear.is_worth_it(torch.zeros(rows, 1000, device="meta"), weight)
    assert not torch.vmap(lambda x: x.new_tensor(linear.is_worth_it(x, weight)))(
        torch.zeros(2, rows, 1000)
    ).any()
    with torch.autocast("cpu", torch.bfloat16):
        assert not linear.is_worth_it(torch.zeros(rows, 1000), weight)


@pytest.mark.parametrize(
    ("cpu", "capability", "is_slow"),
    [
        ("vendor_id : AuthenticAMD", "AVX512", True),
        ("vendor_id : AuthenticAMD", "AVX2", False),
        ("vendor_id : AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17", "AVX512", False),  # in halves
        ("vendor_id : AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 25", "AVX512", True),
        ("AMD64 Family 25 Model 97 Stepping 2, AuthenticAMD", "AVX512", False),
        ("AMD64 Family 26 Model 68 Stepping 0, AuthenticAMD", "AVX512", True),
        ("vendor_id : GenuineIntel", "AVX512", False),
        ("Intel64 Family 6 Model 85 Stepping 7, GenuineIntel", "AVX512", False),
    ],
)
def test_mkl_is_slow_where_it_leaves_the_cpu_half_unused(
    monkeypatch: pytest.MonkeyPatch, cpu: str, capability: str, is_slow: bool
) -> None:
    monkeypatch.setattr(linear, "describe_cpu", lambda: cpu)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert linear.mkl_is_slow.__wrapped__() == (is_slow and hasattr(torch.ops.mkldnn, "_linear_pointwise"))


def test_the_cpu_is_asked_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr("platform.processor", lambda: "AMD64 Family 25, AuthenticAMD")
    assert linear.describe_cpu() == "AMD64 Family 25, AuthenticAMD"
