"""`tour`: small models, trained in seconds, and what they do with one sentence. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.config.files import load_config
from tfcli.config.schema import RunConfig
from tfcli.devices import prepare
from tfcli.inspection.tracing import trace_sequence
from tfcli.model.encoder import Encoder
from tfcli.model.masks import CausalMask
from tfcli.records.inspection import TraceRecord
from tfcli.records.progress import Progress
from tfcli.records.tour import Finite, Simplified, TourRecord, find_stage, numbers_of
from tfcli.training.monitor import held_out_of_training, monitor

if TYPE_CHECKING:
    from tasks.base import Task

TASKS = {"en": "collocation", "zh": "collocation-zh"}
SENTENCES = {"en": "I like eating apples", "zh": "我 喜欢 吃 苹果"}
FOLLOWED, FOUND = 2, 3  # positions of the word that is followed, and of the one that it goes with
MOVED = [3, 0, 1, 2]  # the same words in another order
MODELS = 5  # that are trained
PROJECTIONS = "blocks.0.attention.qkv"
SEQUENCES, STEPS = 50, 600  # of the trainings on few sequences
DROPOUT, WEIGHT_DECAY = 0.2, 1.0

Tell = Callable[[int], None]


def make_tour(language: str, tell: Tell = lambda number: None) -> TourRecord:
    """Train the models of the tour, and record what they do; `tell` of the number of each before it."""
    tell(1)
    config = configure(language)
    task, model = build(config)
    last = follow(config, task, model)
    inputs = task.parse(SENTENCES[language])
    traces = [trace(model, task, inputs, head) for head in range(model.n_heads)]
    weights = [numbers_of(find_stage(found, "attention weights"), FOLLOWED) for found in traces]
    first = max(range(model.n_heads), key=lambda head: weights[head][FOUND])
    moved = trace(model, task, inputs[MOVED], first)
    model.mask = CausalMask()
    masked = trace(model, task, inputs, first)
    return TourRecord(
        language=language,
        steps=last.step,
        seconds=last.seconds,
        exact_match=exact_match(last),
        query=FOLLOWED,
        key=FOUND,
        heads=[first, *(head for head in range(model.n_heads) if head != first)],
        traces=traces,
        moved=moved,
        masked=masked,
        simplified=simplify(language, first, tell),
        finite=learn_few(language, tell),
    )


def configure(language: str, *overrides: str) -> RunConfig:
    """Return the configuration of the shipped example `tour`, with some changes."""
    fixed = [f"task.name={TASKS[language]}", "train.threads=1", "train.device=cpu"]
    return load_config("tour", [*fixed, *overrides])


def build(config: RunConfig) -> tuple[Task, Encoder]:
    """Return the task and a fresh model, of the configuration's seed."""
    prepare(config.train)
    return build_for_training(config)


def follow(config: RunConfig, task: Task, model: Encoder) -> Progress:
    """Train until solved, or to the end of the steps; return how it then stands."""
    held_out = held_out_of_training(task, config.train.eval_samples, torch.device("cpu"))
    for progress in monitor(Training(model, task, config), model, held_out):
        if progress.solved and config.train.stop_when_solved:
            break
    return progress


def trace(model: Encoder, task: Task, inputs: Tensor, head: int) -> TraceRecord:
    """Return the forward pass with the numbers of one head."""
    return trace_sequence(model, task, inputs, run="tour", heads=[head])


def exact_match(progress: Progress) -> float:
    """Return the share of held-out sequences that were right at the last evaluation."""
    return 0.0 if progress.score is None else progress.score.exact_match


def simplify(language: str, head: int, tell: Tell) -> list[Simplified]:
    """Train attention whose heads share their projections; then as long one that never applies them."""
    found: list[Simplified] = []
    for number, applied in enumerate((True, False), 2):
        tell(number)
        others = [] if applied else [f"train.freeze=[{PROJECTIONS}]", f"train.steps={found[0].steps}"]
        config = configure(language, "model.attention=shared", *others)
        task, model = build(config)
        if not applied:  # queries, keys and values are the vectors as they are
            weight = model.get_parameter(f"{PROJECTIONS}.weight")
            weight.data.copy_(torch.eye(weight.shape[1]).repeat(3, 1))
        last = follow(config, task, model)
        passed = trace(model, task, task.parse(SENTENCES[language]), head)
        scores = find_stage(passed, "scores").values
        found.append(Simplified(applied, last.step, exact_match(last), scores))
    return found


def learn_few(language: str, tell: Tell) -> list[Finite]:
    """Train on few sequences, without and with dropout and weight decay."""
    found = []
    for number, (dropout, decay) in enumerate(((0.0, 0.01), (DROPOUT, WEIGHT_DECAY)), 4):
        tell(number)
        config = configure(
            language,
            f"model.dropout={dropout}",
            f"train.weight_decay={decay}",
            f"train.train_samples={SEQUENCES}",
            f"train.steps={STEPS}",
            "train.stop_when_solved=false",
        )
        task, model = build(config)
        last = follow(config, task, model)
        assert last.loss is not None
        assert last.score is not None
        found.append(Finite(SEQUENCES, dropout, decay, last.loss, last.score.loss, last.score.exact_match))
    return found
