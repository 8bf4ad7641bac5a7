"""Records of a training on its way. Loss in nats per token, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tfcli.records.inspection import AttentionRecord
from tfcli.records.results import Score

MOST_TOKENS = 2**63  # that anybody trains on
STREAK = 2  # evaluations in a row at which all held-out answers must be right


@dataclass(frozen=True)
class StepRecord:
    """One optimizer step. `loss` is the mean since it was last read; None where it wasn't read."""

    step: int  # of this attempt
    tokens: int  # that this attempt was trained on so far
    loss: float | None = None


@dataclass(frozen=True)
class Progress:
    """Where a training run is: its step, and the latest figures that are known."""

    step: int
    steps: int  # at most, without further attempts
    attempt: int  # from 1 on; each has new weights
    seconds: float
    tokens: int  # trained on so far
    loss: float | None
    score: Score | None  # on the held-out set
    fresh: bool  # whether loss and score are of this very step
    streak: int  # evaluations in a row, up to the last one, at which all held-out answers were right
    record: StepRecord  # of this very step
    attention: AttentionRecord | None = None  # if it is watched

    @property
    def unscored(self) -> bool:
        """Whether the model should have been evaluated at this step, and hasn't been, or not to the end."""
        return self.record.loss is not None and not self.fresh

    @property
    def solved(self) -> bool:
        """Whether all held-out answers were right at the last two evaluations."""
        return self.streak >= STREAK

    @property
    def tokens_per_second(self) -> float:
        """Training tokens per second, evaluations included."""
        return self.tokens / self.seconds if self.seconds else 0.0

    @property
    def eta(self) -> float:
        """Seconds until the last step of this attempt, if nothing stops it before."""
        return self.seconds / self.step * (self.steps - self.step)


@dataclass(frozen=True)
class Standing:
    """Where a training stands between two steps: with its tensors, all that the steps to come depend on."""

    __pydantic_config__ = {"allow_inf_nan": False, "extra": "forbid"}  # noqa: RUF012  # how it is read back

    progress: Progress
    losses: list[float]  # of the steps since the loss was last read
    shares: list[int]  # steps of each attempt, at most
    device: str  # that it was trained on
    versions: dict[str, str]  # of tfcli, torch and Python
    code: dict[str, str]  # digests of the files that settings name
    together: int = 1  # seeds that were trained as one program, with this one; 0 if it went on alone
    threads: int | None = None  # that this program had

    @property
    def has_attempts_left(self) -> bool:
        """Whether another attempt may follow the one that it is in."""
        return self.progress.attempt < len(self.shares)

    def is_coherent(self, steps: int) -> bool:
        """Whether a training of so many steps can stand so: within one of its attempts, after a step."""
        progress, record, shares = self.progress, self.progress.record, self.shares
        if not 0 < progress.attempt <= len(shares) or min(shares) < 1 or sum(shares) != steps:
            return False
        ends, figures = sum(shares[: progress.attempt]), (progress.tokens, progress.streak, record.tokens)
        return (
            progress.steps == ends
            and progress.step - record.step == ends - shares[progress.attempt - 1]
            and 0 < record.step <= shares[progress.attempt - 1]
            and len(self.losses) <= record.step
            and 0 <= min(figures) <= max(figures) < MOST_TOKENS
            and 0 <= progress.seconds < MOST_TOKENS
        )

    def extended(self, steps: int) -> Standing:
        """Return where it stands on the way to so many steps; those that are added are the last attempt's."""
        shares = [*self.shares[:-1], self.shares[-1] + steps - sum(self.shares)]
        progress = replace(self.progress, steps=sum(shares[: self.progress.attempt]))
        return replace(self, shares=shares, progress=progress)
