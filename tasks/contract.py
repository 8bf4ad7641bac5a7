"""Whether a task keeps its promises, tried before anything is trained on it or scored.

Axes: B batch, T position of the input, M position of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeGuard

import torch
from torch import Tensor

from .base import IGNORE, PROBE, Task

SHORT = 16  # lengths up to here are all drawn from
SPREAD = 12  # ... and so many of the longer ones, from the shortest to the longest
ROWS = 62  # drawn of a length; with the constant sequences of two symbols, a training batch
CELLS = 2**17  # of all rows together: of long sequences fewer are drawn
CONSTANT = 64  # sequences of one symbol alone at most
LISTED = 1_000  # at most, of the sequences of a length that has few
NEVER = 30  # a sequence that should have been drawn so often, and wasn't once, can't be drawn


def lengths_to_draw(lengths: Iterable[int]) -> list[int]:
    """Return the lengths to draw from: all short ones, and some of the longer ones, with the longest."""
    ordered = sorted(set(lengths))
    short = [length for length in ordered if length <= SHORT]
    long = ordered[len(short) :]
    last = len(long) - 1
    count = min(SPREAD, len(long))
    return short + [long[round(i * last / max(1, count - 1))] for i in range(count)]


def find_problem_of_length(task: Task, asked: int) -> str | None:
    """Return what is wrong with the lengths of the input and the answer: cheap, so that each is tried."""
    length: object = task.nearest_length(asked)
    if not is_count(length):
        return f"nearest_length({asked}) must return a whole number from 1 on, not {length!r}"
    if (again := task.nearest_length(length)) != length:
        return f"nearest_length({asked}) returned {length}, and nearest_length({length}) another, {again!r}"
    count: object = task.answer_length(length)
    if not is_count(count):
        return f"answer_length({length}) must return a whole number from 1 on, not {count!r}"
    if task.answer_length(length) != count:
        return f"answer_length({length}) returned {count!r}, and then something else"
    return None


def is_count(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number from 1 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def find_problem_of_sequences(task: Task, length: int) -> str | None:
    """Return what is wrong with the sequences of a length that exists, and with what the task says of them.

    Tried are sequences that are drawn, those of one symbol alone as far as they are valid, and those that
    are listed where there are few. No method may change what it is given, or answer the same differently.
    """
    with torch.random.fork_rng(devices=[]):  # what the task makes of global random numbers changes no others
        rows = max(4, min(ROWS, CELLS // length))
        if problem := find_problem_of_draw(task, length, rows):
            return problem
        drawn = task.draw(rows, length, torch.Generator().manual_seed(0))
        if problem := find_problem_of_valid(task, drawn) or find_problem_of_sides(task, length):
            return problem
        inputs = drawn
        if task.N_FEATURES is None:
            inputs = torch.cat([extremes(task, length, rows), drawn, listed(task, length)])
        return (
            find_problem_of_target(task, inputs)
            or find_problem_of_source(task, inputs)
            or find_problem_of_likelihood(task, drawn)
            or find_problem_of_chances(task, length)
        )


def extremes(task: Task, length: int, at_most: int) -> Tensor:
    """Return the sequences of one symbol alone, as far as they are valid; of the lowest and highest first."""
    rest = range(1, min(task.vocab_size - 1, CONSTANT, at_most))
    inputs = torch.tensor([0, task.vocab_size - 1, *rest])[:, None].repeat(1, length)
    if type(task).draw is not Task.draw and type(task).valid is Task.valid:
        return inputs[:0]  # what else than draw gives is an input isn't known
    return inputs[task.valid(inputs.clone())]


def listed(task: Task, length: int) -> Tensor:
    """Return the sequences of a length that has few, evenly spaced where these are still many."""
    sides = task.sides(length)
    if sides is None:
        return torch.zeros(0, length, dtype=torch.int64)
    together = torch.cat([sides.train, sides.held_out])
    return together[:: -(-len(together) // LISTED) or 1]


def find_problem_of_draw(task: Task, length: int, rows: int) -> str | None:
    """Return what is wrong with what `draw` gives for two generators, one of them twice."""
    found: list[Tensor] = []
    if task.N_FEATURES is not None and not is_count(task.N_FEATURES):
        return f"N_FEATURES must be a whole number from 1 on, not {task.N_FEATURES!r}"
    if task.N_FEATURES is not None and type(task).draw is Task.draw:
        return "tokens are made of numbers (N_FEATURES), so its class needs a draw() that gives some"
    for seed in (0, 0, 1):
        drawn: object = task.draw(rows, length, torch.Generator().manual_seed(seed))
        if task.N_FEATURES is not None:
            problem = find_problem_of_numbers("draw()", drawn, [rows, length, task.N_FEATURES])
        else:
            problem = find_problem_of_tensor("draw()", drawn, [rows, length], task.vocab_size - 1)
        if problem is not None:
            return problem
        assert isinstance(drawn, Tensor)
        found.append(drawn)
    first, again, other = found
    if task.N_FEATURES is not None and len(torch.unique(torch.cat([first, other]), dim=0)) < 2:
        return "draw() gives one sequence alone, and it takes two, one to train on and one to hold out"
    if not torch.equal(first, again):
        return "draw() gives other sequences for the same generator: draw from the generator it is given"
    if torch.equal(first, other) and len(torch.unique(first, dim=0)) >= 8:
        return "draw() gives the same sequences for every generator: draw from the generator it is given"
    return None


def find_problem_of_tensor(what: str, found: object, shape: list[int], highest: int) -> str | None:
    """Return what is wrong with a tensor of ids: its type, its shape or the ids."""
    if not isinstance(found, Tensor):
        return f"{what} must return a tensor, int64 {shape}, not {type(found).__name__}"
    if list(found.shape) != shape or found.dtype != torch.int64:
        return f"{what} must return int64 {shape}, not {describe(found)}"
    ids = found if what == "draw()" else found[found != IGNORE]
    if ids.numel() and not bool(((ids >= 0) & (ids <= highest)).all()):
        kind = "positions" if what == "source()" else "ids"
        return f"{what} must return {kind} from 0 to {highest}, not {int(ids.min())} to {int(ids.max())}"
    return None


def find_problem_of_input(task: Task, found: object) -> str | None:
    """Return what is wrong with what `parse` made of a text."""
    count = len(found) if isinstance(found, Tensor) and found.dim() else 0
    if task.N_FEATURES is None:
        return find_problem_of_tensor("parse()", found, [max(1, count)], task.vocab_size - 1)
    return find_problem_of_numbers("parse()", found, [max(1, count), task.N_FEATURES])


def find_problem_of_numbers(what: str, found: object, shape: list[int]) -> str | None:
    """Return what is wrong with a tensor of numbers: its type, its shape or the numbers."""
    if not isinstance(found, Tensor) or list(found.shape) != shape or found.dtype != torch.float32:
        got = describe(found) if isinstance(found, Tensor) else type(found).__name__
        return f"{what} must return float32 {shape}, not {got}"
    return None if bool(found.isfinite().all()) else f"{what} must return finite numbers"


def describe(tensor: Tensor) -> str:
    """Describe a tensor by its dtype and its shape."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def find_problem_of_valid(task: Task, drawn: Tensor) -> str | None:
    """Return what is wrong with `valid`, which must take whatever is drawn."""
    found, problem = ask_twice("valid()", task.valid, drawn)
    if problem is not None:
        return problem
    if not isinstance(found, Tensor) or list(found.shape) != [len(drawn)] or found.dtype != torch.bool:
        got = describe(found) if isinstance(found, Tensor) else type(found).__name__
        return f"valid() must return bool [{len(drawn)}], not {got}"
    if not bool(found.all()):
        shown = show(task, drawn[~found][0])
        return f"draw() must return {list(drawn.shape)} of what valid() takes, and it refuses {shown}"
    return None


def find_problem_of_sides(task: Task, length: int) -> str | None:
    """Return why a length can't be split into what is trained on and what is held out."""
    sides = task.sides(length)
    if sides is None or (len(sides.train) and len(sides.held_out)):
        return None
    count = len(sides.train) + len(sides.held_out)
    found = "no sequence" if count == 0 else f"only {count} sequence{'s' * (count > 1)}"
    return f"there is {found}, and it takes two, one to train on and one to hold out; leave this length out"


def find_problem_of_target(task: Task, inputs: Tensor) -> str | None:
    """Return what is wrong with the answers."""
    found, problem = ask_twice("target()", task.target, inputs)
    if problem is not None:
        return problem
    shape = [len(inputs), task.answer_length(inputs.shape[1])]
    problem = find_problem_of_tensor("target()", found, shape, len(task.answer_symbols) - 1)
    if problem is not None or not isinstance(found, Tensor):
        return problem
    counts = found != IGNORE
    if not bool(counts.any(1).all()):
        shown = show(task, inputs[~counts.any(1)][0])
        return f"target() must return an answer to each input, not only {IGNORE}, as for {shown}"
    if task.END is not None and bool((counts.int().diff(dim=1) > 0).any()):
        return f"target() must return {IGNORE} after the end of an answer alone"
    return None


def find_problem_of_source(task: Task, inputs: Tensor) -> str | None:
    """Return what is wrong with the positions that answers are read from."""
    found, problem = ask_twice("source()", task.source, inputs)
    if problem is not None or found is None:
        return problem
    shape = [len(inputs), task.answer_length(inputs.shape[1])]
    return find_problem_of_tensor("source()", found, shape, inputs.shape[1] - 1)


def find_problem_of_likelihood(task: Task, drawn: Tensor) -> str | None:
    """Return what is wrong with how likely sequences are said to be that have been drawn."""
    found, problem = ask_twice("likelihood()", task.likelihood, drawn)
    if problem is not None or found is None:
        return problem
    if not isinstance(found, Tensor) or list(found.shape) != [len(drawn)] or not found.is_floating_point():
        got = describe(found) if isinstance(found, Tensor) else type(found).__name__
        return f"likelihood() must return floats [{len(drawn)}], or None, not {got}"
    if not bool((found.isfinite() & (found > 0)).all()):
        worst = found[~(found.isfinite() & (found > 0))][0]
        return f"likelihood() must be finite and above 0 for what draw() gives, not {worst.item():g}"
    return None


def find_problem_of_chances(task: Task, length: int) -> str | None:
    """Return what speaks against the sequences that are listed, each as likely as it is said to be.

    Many draws must meet whatever is likely enough, and about as many different sequences as they should.
    """
    sides = task.sides(length)
    if sides is None or not sides.complete:
        return None
    if type(task).draw is Task.draw:
        count, there_are = len(sides.train) + len(sides.held_out), task.vocab_size**length
        if type(task).valid is not Task.valid and count < there_are:
            return f"draw() gives {there_are} sequences, of which valid() takes {count}: define draw(), too"
        return None
    everything = torch.cat([sides.train, sides.held_out])
    likelihood = task.likelihood(everything.clone())
    share = torch.ones(len(everything)) if likelihood is None else likelihood.float()
    drawn = task.draw(PROBE, length, torch.Generator().manual_seed(0))
    different, which = torch.unique(torch.cat([everything, drawn]), dim=0, return_inverse=True)
    seen = torch.zeros(len(different), dtype=torch.bool)
    seen[which[len(everything) :]] = True
    met = seen[which[: len(everything)]]
    missed = (1 - share / share.sum()) ** PROBE
    surprising = (share / share.sum() * PROBE >= NEVER) & ~met
    spread = float((missed * (1 - missed)).sum()) ** 0.5
    if bool(surprising.any()) or float(met.sum()) < float((1 - missed).sum()) - 8 * spread - 3:
        example = everything[surprising if bool(surprising.any()) else ~met][0]
        return (
            f"of {len(everything)} sequences that valid() takes, {PROBE} draws gave {int(met.sum())}, and"
            f" not {show(task, example)}: let valid() refuse what draw() can't give, or likelihood() say"
            " what it gives rarely"
        )
    return None


def ask_twice(what: str, ask: Callable[[Tensor], object], inputs: Tensor) -> tuple[object, str | None]:
    """Return what a method says of a copy of `inputs` [B, T], and what is wrong with how it says it.

    The second time the rows stand in the reverse order: each is to be answered by itself.
    """
    given = inputs.clone()
    found = ask(given)
    if not torch.equal(given, inputs):
        return found, f"{what} changes its input: let it work on inputs.clone()"
    if not isinstance(found, Tensor) or found.shape[:1] != inputs.shape[:1]:
        return found, None  # wrong in another way, or None, as it may be
    kept = found.clone()
    again = ask(inputs.flip(0))
    if not is_same(found, kept):
        return found, f"{what} changes what it returned before: let it return a new tensor each time"
    if not isinstance(again, Tensor) or again.shape != kept.shape or not is_same(again.flip(0), kept):
        return found, f"{what} answers the same input differently"
    return found, None


def is_same(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors of a shape hold the same; floats may differ in how they were summed."""
    if first.is_floating_point() and second.is_floating_point():
        return torch.allclose(first, second, equal_nan=True)
    return torch.equal(first, second)


def show(task: Task, inputs: Tensor) -> str:
    """Return a sequence [T] as people read it, cut to what fits a message."""
    words = task.show(inputs)[:12]
    return f"'{' '.join(words)}{' ...' if len(inputs) > 12 else ''}'"
