"""Which trainings may be one program, as far as their configurations tell: free of torch, and quick."""

from __future__ import annotations

from collections.abc import Sequence

from tfcli import registry
from tfcli.config.comparison import differences
from tfcli.config.schema import RunConfig

FEWEST = 4  # trainings; with fewer, what is done once for all of them is hardly less
LARGE = 1e7  # multiplications of a layer in a forward pass, from which on it takes no less time
LARGE_ON_THREADS = 8e7  # ... where what they do together is shared out to several threads


def may_go_together(configs: Sequence[RunConfig], threads: int = 1) -> str | None:
    """Return why trainings can't be one program, or not a faster one; None if they can, as far as is known.

    What the parts of their models say to it is only known when they are tried.

    Args:
        threads: that the program would have.
    """
    large = LARGE if threads == 1 else LARGE_ON_THREADS
    first, *others = configs
    train, model, optimizer = first.train, first.model, first.train.optimizer.name
    differing = {key for other in others for key, _, _ in differences(first, other)} - {"train.seed"}
    reasons = {
        f"they differ in {', '.join(sorted(differing))}": bool(differing),
        f"there are fewer than {FEWEST}": len(configs) < FEWEST,
        "with train.attempts each may begin anew at another step": train.attempts > 1,
        "model.dropout draws other numbers for several at once": model.dropout > 0,
        "model.indices=randomized draws other numbers for several at once": model.indices == "randomized",
        f"train.precision={train.precision} rounds too coarsely": train.precision != "float32",
        f"{optimizer} may keep what can't be brought together": optimizer not in registry.OPTIMIZERS.built_in,
        "a step is so much work that it would take no less time": work_of(first) > large,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def work_of(config: RunConfig) -> float:
    """Return about how many multiplications a layer does in a forward pass, with those for the answers."""
    model, task = config.model, config.task
    tokens = config.train.batch_size * task.max_length
    symbols = len(task.symbols or ()) or task.vocab_size or 10
    inside = 4 * model.d_model + 2 * (model.d_ff or 4 * model.d_model) + 2 * task.max_length
    return tokens * model.d_model * (inside + symbols / model.n_layers)
