"""Linear layers, multiplied by whichever of torch's two libraries is the faster one on this CPU.

torch multiplies by MKL, which leaves out AVX-512 on CPUs that aren't Intel's. oneDNN, which torch has for
other operations, doesn't, and is twice as fast there, unless the CPU does AVX-512 in halves. For each shape
it first makes a program, which takes a quarter of a millisecond: products that are quickly done stay with
MKL.
"""

from __future__ import annotations

import platform
import re
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tfcli.model.stacking import linear

LEAST = 8_000_000  # multiplications of a product that is worth it
IN_HALVES = re.compile(r"family\W+25\b", re.IGNORECASE)  # AMD's Zen 4: MKL by AVX2 is about as fast


class Linear(nn.Linear):
    """x W^T + b, as `torch.nn.Linear` has it."""

    def forward(self, x: Tensor) -> Tensor:
        if not is_worth_it(x, self.weight):
            return linear(x, self.weight, self.bias)
        if not torch.is_grad_enabled():
            return multiply(x, self.weight, self.bias)
        out: Tensor = Product.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]  # as torch leaves it
        return out


def is_worth_it(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN is the faster one for `x` [..., I] and `weight` [O, I]."""
    return (
        weight.dim() == 2
        and x.numel() * weight.shape[0] >= LEAST
        and mkl_is_slow()
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch._C._are_functorch_transforms_active()  # they would need to be told of it
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


@cache
def mkl_is_slow() -> bool:
    """Whether MKL multiplies, and leaves out AVX-512 that the CPU has, and has in one piece."""
    cpu = describe_cpu()
    return (
        torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]  # as torch leaves it
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and "GenuineIntel" not in cpu
        and not IN_HALVES.search(cpu)
    )


def describe_cpu() -> str:
    """Return what the system tells of its CPU, with the name of who made it."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x W^T + b by oneDNN, for `x` [..., I] and `weight` [O, I], without a gradient."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")
    return out


class Product(torch.autograd.Function):
    """x W^T + b by oneDNN, with its gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return it [..., O], and keep what the gradients need."""
        ctx.save_for_backward(x, weight)
        return multiply(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, W and b."""
        x, weight = ctx.saved_tensors
        gradient = gradients[0]
        rows, x_rows = gradient.reshape(-1, len(weight)), x.reshape(-1, x.shape[-1])
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = times(rows, weight).view_as(x)
        if ctx.needs_input_grad[1]:
            wide = weight.shape[0] > weight.shape[1]  # oneDNN is faster with the narrow one last
            of_weight = times(x_rows.T, rows).T if wide else times(rows.T, x_rows)
        if ctx.needs_input_grad[2]:
            of_bias = rows.sum(0)
        return of_x, of_weight, of_bias


def times(left: Tensor, right: Tensor) -> Tensor:
    """Return the product of two matrices; of a gradient that is to have one itself, by what has it."""
    return left @ right if torch.is_grad_enabled() else multiply(left, right.T)
