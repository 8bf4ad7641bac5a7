"""Learning rates from step to step: a linear rise to the peak, then what the schedule says."""

from __future__ import annotations

import math

from tfcli.config.fields import Annotated, Field, Share


class Schedule:
    """The base class of all schedules, which have a method `factor`.

    Args:
        steps: of the whole training.
        peak: the largest rate.
        warmup_steps: of the rise to it.
    """

    def __init__(self, steps: int, peak: float, warmup_steps: int) -> None:
        self.steps, self.peak, self.warmup_steps = steps, peak, warmup_steps

    def rate(self, step: int) -> float:
        """Return the rate of a step, counted from 1."""
        if step <= self.warmup_steps:
            return self.peak * step / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        return self.peak * self.factor(min(progress, 1.0))

    def factor(self, progress: float) -> float:
        """Return the share of the peak after that much of the steps that follow the rise, from 0 to 1."""
        raise NotImplementedError(f"{type(self).__name__} needs a method factor(progress)")


class Constant(Schedule):
    """The peak, to the end."""

    def factor(self, progress: float) -> float:
        return 1.0


class Linear(Schedule):
    """A straight line from the peak down to a share of it."""

    def __init__(
        self,
        steps: int,
        peak: float,
        warmup_steps: int,
        *,
        final: Annotated[Share, Field(description="share of the peak that it ends at")] = 0.0,
    ) -> None:
        super().__init__(steps, peak, warmup_steps)
        self.final = final

    def factor(self, progress: float) -> float:
        return 1 - (1 - self.final) * progress


class Cosine(Linear):
    """Half a cosine from the peak down to a share of it (Loshchilov & Hutter 2016, 1608.03983, eq. 5)."""

    def factor(self, progress: float) -> float:
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2
