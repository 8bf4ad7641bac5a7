"""How a model is trained. A knob is one field here; its YAML key, override and help are read off it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from tfcli import registry
from tfcli.config.fields import Count
from tfcli.config.parts import SAVED, Part, PartOf
from tfcli.config.section import Section
from tfcli.errors import UsageError


def check_device(device: str) -> str:
    """`device`, if it has the form of one. Raises ValueError otherwise; whether it is there is seen later."""
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,2})?|mps", device):
        meant = "; did you mean cuda?" if device.lower().startswith("gpu") else ""
        raise ValueError(f"must be auto, cpu, cuda, cuda:N or mps{meant}")
    return device


SEEDS_APART = 2**32  # those of two attempts of a run; seeds that people choose are closer to each other


class TrainConfig(Section):
    """How the model is trained."""

    steps: int = Field(2000, ge=1, le=10**9, description="optimizer steps at most")
    attempts: int = Field(
        1,
        ge=1,
        le=1000,
        description="trainings at most, from new weights each, in equal shares of steps, until one solves",
    )
    batch_size: int = Field(
        64, ge=1, le=1_048_576, description="sequences a step, all of one length where they are generated"
    )
    train_samples: Count | None = Field(
        None,
        description="sequences to train on, over and over; endless, or all of `data`, if left out",
    )
    learning_rate: float = Field(5e-3, gt=0, le=1e30, description="peak of the schedule")
    warmup_steps: int = Field(
        50, ge=0, le=10**9, description="steps of linear rise to the peak; the schedule comes after"
    )
    schedule: Annotated[Part, PartOf(registry.SCHEDULES)] = Field(
        "cosine", description="how the learning rate falls after its peak", validate_default=True
    )
    optimizer: Annotated[Part, PartOf(registry.OPTIMIZERS)] = Field(
        "adamw", description="how gradients move the weights", validate_default=True
    )
    weight_decay: float = Field(
        0.01, ge=0, le=1e10, description="weight decay, of the matrices of linear layers only"
    )
    start: str | None = Field(
        None, description="a run whose weights are taken as far as they fit; new ones if left out"
    )
    freeze: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        (), description="parts that aren't trained, such as [embedding, blocks.0]; * stands for anything"
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="learning rate of a layer, as a multiple of that of the next"
    )
    clip_norm: float = Field(1.0, gt=0, le=1e30, description="largest norm of the gradient")
    seed: int = Field(0, ge=0, lt=2**63, description="of the weights and of the training sequences")
    seeds: int = Field(
        1,
        ge=1,
        le=10_000,
        description="trainings, each with a seed of its own from `seed` on, and each a run; together where"
        " that is faster",
    )
    eval_every: Count = Field(25, description="evaluate on the held-out set every so many steps")
    eval_samples: int = Field(
        1000, ge=1, le=1_000_000, description="held-out sequences of each evaluation, spread over the lengths"
    )
    stop_when_solved: bool = Field(
        True, description="stop when the held-out exact match is 1.0 twice in a row"
    )
    snapshot_every: Count | None = Field(
        None,
        description="steps between two snapshots of the weights, for `attn --over-time`; none if left out",
    )
    log: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        (), description="where evaluations are told beside the run's own metrics, such as [tensorboard]"
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps")
    threads: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None, description="CPU threads; if left out, one for a small model, else torch's own choice"
    )
    precision: Literal["float32", "bfloat16"] = Field("float32", description="of the matrix products")

    def shares(self) -> list[int]:
        """Return how many steps each attempt has at most: equal shares, one at least."""
        count = min(self.attempts, self.steps)
        bounds = [self.steps * number // count for number in range(count + 1)]
        return [end - start for start, end in pairwise(bounds)]

    def split(self, shares: list[int] | None = None) -> list[TrainConfig]:
        """Return how each attempt is trained: it has its share of the steps, and its own seed."""
        return [
            self.model_copy(
                update={
                    "steps": steps,
                    "attempts": 1,
                    "seed": (self.seed + number * SEEDS_APART) % 2**63,
                }
            )
            for number, steps in enumerate(shares or self.shares())
        ]

    def check_shares(self, processes: int) -> None:
        """See to it that a batch can be shared out evenly to so many processes.

        Raises:
            UsageError: it can't.
        """
        if left := self.batch_size % processes:
            near = [f"{n:,}" for n in (self.batch_size - left, self.batch_size - left + processes) if n]
            raise UsageError(
                f"train.batch_size = {self.batch_size:,} can't be shared out evenly to {processes:,} "
                f"processes; {' or '.join(near)} can"
            )

    @field_validator("train_samples", mode="before")
    @classmethod
    def _several_counts_are_a_benchmark(cls, value: Any) -> Any:
        if isinstance(value, list) or (isinstance(value, str) and "," in value):
            raise ValueError(
                "must be one whole number; `tfcli bench` trains with each of several: 100,300,1000"
            )
        return value

    @field_validator("log", mode="before")
    @classmethod
    def _one_logger_needs_no_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("log")
    @classmethod
    def _loggers_are_there(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for name in names if info.context is not SAVED else ():  # a saved run may lack some
            if problem := registry.LOGGERS.find_problem(name):
                raise ValueError(f"{name!r} {problem}")
        return names

    @field_validator("device")
    @classmethod
    def _device_has_a_known_form(cls, device: str) -> str:
        return check_device(device)
