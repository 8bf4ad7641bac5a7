"""Counting as a rival: unigrams and trigrams, held against hand-made texts."""

from __future__ import annotations

import math

import pytest
import torch

from tfcli.ngrams import IGNORE, NGrams


def test_probabilities_sum_to_one() -> None:
    text = torch.randint(5, (1, 400), generator=torch.Generator().manual_seed(0))
    model = NGrams(text, 5)
    symbols = torch.arange(5)
    for context in ([0, 1], [4, 4], [2]):
        given = torch.tensor([context]).expand(5, len(context))
        for order in range(1, len(context) + 2):
            assert float(model.probabilities(given, symbols, order).sum()) == pytest.approx(1, abs=1e-9)


def test_an_even_text_takes_log2_of_its_symbols() -> None:
    text = torch.randint(8, (1, 20_000), generator=torch.Generator().manual_seed(0))
    inputs = torch.randint(8, (50, 20), generator=torch.Generator().manual_seed(1))
    bits = NGrams(text, 8).bits(inputs[:, :-1], inputs[:, 1:], 1)
    assert bits == pytest.approx(3, abs=0.01)


def test_what_two_symbols_tell_costs_nothing() -> None:
    text = torch.tensor([[0, 0, 1, 1] * 1000])  # one symbol before tells nothing, two tell all
    inputs = text[:, :200].view(1, 200)
    model = NGrams(text, 2)
    assert model.bits(inputs[:, :-1], inputs[:, 1:], 3) < 0.03
    assert model.bits(inputs[:, :-1], inputs[:, 1:], 2) == pytest.approx(1, abs=0.02)
    assert model.bits(inputs[:, :-1], inputs[:, 1:], 1) == pytest.approx(1, abs=0.02)


def test_counts_are_filled_up_from_shorter_contexts() -> None:
    model = NGrams(torch.tensor([[0, 1, 0, 1, 0]]), 3, weight=1.0)
    unigram = [(3 + 1) / 8, (2 + 1) / 8, 1 / 8]
    after, symbols = torch.tensor([[1]]), torch.arange(3)
    assert model.probabilities(after.expand(3, 1), symbols, 1).tolist() == unigram
    bigram = (2 + 1.0 * unigram[0]) / (2 + 1.0)  # 0 after 1, which came twice
    assert float(model.probabilities(after, torch.tensor([0]), 2)) == pytest.approx(bigram)


def test_targets_that_don_t_count_are_left_out() -> None:
    text = torch.tensor([[0, 1, 2, 3] * 50])
    model, inputs = NGrams(text, 4), text[:, :8]
    targets = text[:, 1:9].clone()
    whole = model.bits(inputs, targets, 1)
    targets[:, :4] = IGNORE
    assert model.bits(inputs, targets, 1) == pytest.approx(whole, abs=0.02)
    assert math.isfinite(whole)
