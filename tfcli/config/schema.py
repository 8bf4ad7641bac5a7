"""One training run, as a person sets it: a section each for the task, the model and the training."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from tfcli.config.model_section import ModelConfig
from tfcli.config.parts import PartOf
from tfcli.config.section import Section
from tfcli.config.task_section import TaskConfig
from tfcli.config.train_section import TrainConfig
from tfcli.model import POSITIONS_FROM_THE_END


class RunConfig(Section):
    """One training run: task, model and training."""

    task: TaskConfig
    model: ModelConfig = Field(ModelConfig(), validate_default=True)
    train: TrainConfig = TrainConfig()

    def each_seed(self) -> list[RunConfig]:
        """Return a configuration for each of the seeds, of one training."""
        changes = [{"seed": (self.train.seed + i) % 2**63, "seeds": 1} for i in range(self.train.seeds)]
        return [self.model_copy(update={"train": self.train.model_copy(update=change)}) for change in changes]

    @field_validator("model")
    @classmethod
    def _nobody_sees_what_comes_next(cls, model: ModelConfig, info: ValidationInfo) -> ModelConfig:
        task = info.data.get("task")
        if task is None or task.layout != "next":
            return model
        if model.mask.name in ("none", "window"):
            raise ValueError(
                "task.layout next needs model.mask causal: else each token sees what it is to predict"
            )
        if model.indices == "randomized":
            raise ValueError("task.layout next needs consecutive indices: a draw depends on the whole length")
        for part in model.positions.named():
            if part.name in POSITIONS_FROM_THE_END:
                raise ValueError(
                    f"model.positions {part.name} count from the end, and task.layout next knows none;"
                    " choose rotary, relative, alibi or another that counts from the start"
                )
        return model

    @field_validator("train")
    @classmethod
    def _entmax_needs_float32(cls, train: TrainConfig, info: ValidationInfo) -> TrainConfig:
        model = info.data.get("model")
        entmax = model is not None and model.attention_weights.name == "entmax15"
        if entmax and train.precision == "bfloat16":
            raise ValueError(
                "model.attention_weights entmax15 needs precision float32; bfloat16 is too coarse for it"
            )
        return train


SWEEP = "sweep"  # beside the sections of a file: what `tfcli sweep` varies in them
SECTIONS: dict[str, type[Section]] = {"task": TaskConfig, "model": ModelConfig, "train": TrainConfig}

# Settings of earlier versions, and what they are called now.
RENAMED = {
    "model.normalizer": "model.attention_weights",
    "model.activation": "model.feed_forward.activation",
    "train.gate": "model.positions.gate",
    "train.slope": "model.positions.slope",
}


def part_of(section: str, key: str) -> PartOf | None:
    """How the part that a setting chooses is read; None if the setting chooses none."""
    field = SECTIONS[section].model_fields.get(key) if section in SECTIONS else None
    return next((m for m in field.metadata if isinstance(m, PartOf)), None) if field else None
