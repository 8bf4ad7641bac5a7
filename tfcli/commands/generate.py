"""`generate`: a run goes on with a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch

from tfcli.checkpoints.loading import LoadedRun
from tfcli.devices import few_threads
from tfcli.errors import UsageError
from tfcli.evaluation import draw_example
from tfcli.model.generation import Sampling, generate


def begin(loaded: LoadedRun, prompt: str | None) -> list[int]:
    """Return the ids of a prompt; the first symbol of a held-out sequence if there is none.

    Raises:
        UsageError: the run can't read it, or doesn't go on with what it reads.
    """
    if not loaded.model.layout.open_ended:
        raise UsageError(
            f"{loaded.path}: its tokens see what comes after them; what can generate is trained with"
            " task.layout=next and model.mask=causal"
        )
    if prompt is None and not loaded.task.DRAWS:
        raise UsageError(f"{loaded.path}: its model reads text; write how it begins behind the run's name")
    if prompt is None:
        return draw_example(loaded.task, torch.device("cpu"))[:1].tolist()
    try:
        ids = loaded.task.encode_prompt(prompt)
        loaded.model.check(len(ids) + 1)
    except ValueError as error:
        raise UsageError(f"{loaded.path}: {error}") from error
    return ids


def go_on(
    loaded: LoadedRun, ids: list[int], count: int, temperature: float, top_k: int | None, seed: int
) -> Iterator[int]:
    """Yield up to `count` symbols that follow some others, as far as the model can read.

    Raises:
        UsageError: the model can't read any further.
    """
    sampling, generator = Sampling(temperature, top_k), torch.Generator().manual_seed(seed)
    symbols = generate(loaded.model, torch.tensor([ids]), sampling, generator)
    number = 0
    try:
        with few_threads(loaded.config.model, 1, len(ids) + count):
            for symbol in islice(symbols, count):
                yield int(symbol)
                number += 1
    except ValueError as error:
        raise UsageError(f"{loaded.path}: {error}: it stops after {number} symbols") from error
