"""What a part must return, tried on a small input: for parts that come from elsewhere.

Axes: B batch, L position of all that is read, H head, K d_head, D d_model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tfcli.model.coordinates import Coordinates
from tfcli.model.layout import Layout
from tfcli.model.masks import Mask
from tfcli.model.positions.base import Positions
from tfcli.model.sizes import Sizes

B, L = 2, 3  # of what is tried


def check_returned(what: str, found: Any, shapes: Sequence[Sequence[int]], dtype: torch.dtype) -> None:
    """Hold what a method returned against what it must return.

    Raises:
        ValueError: it is no tensor, or one of another shape or dtype.
    """
    wanted = f"{str(dtype).removeprefix('torch.')} {' or '.join(str(list(shape)) for shape in shapes)}"
    if not isinstance(found, Tensor):
        raise ValueError(f"{what} must return a tensor, {wanted}, not {type(found).__name__}")
    if list(found.shape) not in [list(shape) for shape in shapes] or found.dtype != dtype:
        got = f"{str(found.dtype).removeprefix('torch.')} {list(found.shape)}"
        raise ValueError(f"{what} must return {wanted}, not {got}")


def check_positions(positions: Positions, sizes: Sizes) -> None:
    """Try an encoding on a few tokens.

    Raises:
        ValueError: one of its methods returns something else than it must.
    """
    at = coordinates()
    x, q = torch.zeros(B, L, sizes.d_model), torch.zeros(B, sizes.n_heads, L, sizes.d_head)
    check_returned("embed()", positions.embed(x, at), [x.shape], x.dtype)
    check_returned("rotate()", positions.rotate(q, at), [q.shape], q.dtype)
    bias = positions.bias(x, at)
    if bias is not None:
        shapes = [[batch, sizes.n_heads, L, L] for batch in (1, B)]
        check_returned("bias()", bias, shapes, x.dtype)
    places = positions.places(x, at)
    if places is not None:
        shapes = [[B, sizes.n_heads, queries, L] for queries in (1, L)]
        check_returned("places()", places, shapes, x.dtype)


def check_layer(layer: nn.Module, sizes: Sizes) -> None:
    """Try a norm or a feed-forward on a few vectors.

    Raises:
        ValueError: it returns something else than vectors.
    """
    x = torch.ones(B, L, sizes.d_model)
    check_returned("forward()", layer(x), [x.shape], x.dtype)


def check_mask(mask: Mask) -> None:
    """Try a mask on a few tokens.

    Raises:
        ValueError: it returns something else than whether queries may attend to keys, or shuts a query off.
    """
    order = coordinates().order
    allowed = mask.allows(order[:, :, None], order[:, None, :])
    if allowed is None:
        return
    check_returned("allows()", allowed, [[1, L, L]], torch.bool)
    if not bool(allowed.any(-1).all()):
        raise ValueError("allows() must let each query attend to some key")


def coordinates() -> Coordinates:
    """Where a few tokens stand."""
    return Layout(1).coordinates(torch.zeros(B, L, dtype=torch.int64))


CHECKS: dict[str, Callable[[Any, Sizes], None]] = {
    "model.positions": check_positions,
    "model.norm": check_layer,
    "model.feed_forward": check_layer,
    "model.mask": lambda mask, sizes: check_mask(mask),
}
