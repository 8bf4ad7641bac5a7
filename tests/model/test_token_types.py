"""Token types: a segment ends with its separator."""

from __future__ import annotations

import pytest
import torch

from tests.models import close, make, padding, sizes
from tfcli.errors import UsageError
from tfcli.model.token_types import SeparatedTypes


def types(row: list[int], count: int = 2, may_attend: list[bool] | None = None) -> list[int]:
    mask = None if may_attend is None else torch.tensor([may_attend])
    found = SeparatedTypes(sizes(), 10, separator=9, count=count).types(torch.tensor([row]), mask)
    assert found.dtype == torch.int64
    return list(map(int, found[0]))


def test_a_type_is_the_number_of_separators_before_a_token_up_to_the_last() -> None:
    assert types([1, 2, 9, 3, 9]) == [0, 0, 0, 1, 1]
    assert types([9, 9, 9, 1]) == [0, 1, 1, 1]
    assert types([9, 9, 9, 1], count=3) == [0, 1, 2, 2]
    assert types([1, 2, 3], count=1) == [0, 0, 0]


def test_padding_separates_nothing() -> None:
    assert types([9, 1, 9, 2], may_attend=[False, True, True, True]) == [0, 0, 0, 1]


def test_types_are_added_to_the_embeddings() -> None:
    model = make(token_types={"name": "separated", "separator": 3}, positions="none")
    assert isinstance(model.token_types, SeparatedTypes)
    tokens = torch.tensor([[1, 3, 2, 3]])
    at = model.layout.coordinates(tokens)
    rows = model.token_types.table.weight[[0, 0, 1, 1]]
    close(model.embed(tokens, at)[0], model.embedding.weight[tokens[0]] + rows)
    padded = model(torch.tensor([[1, 3, 2, 3], [2, 3, 1, 0]]), padding([4, 3]))
    close(padded[1, :3], model(torch.tensor([[2, 3, 1]]))[0])


def test_a_separator_is_one_of_the_symbols() -> None:
    message = "model.token_types: the separator is symbol 7, and symbols are 0 to 6"
    with pytest.raises(UsageError, match=message):
        make(token_types={"name": "separated", "separator": 7})
