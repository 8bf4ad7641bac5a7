"""Whether the heads of examples go by content or by position, and what is left without the position bias.

    python tests/benchmarks/content.py [--examples NAME ...] [--seeds 500:504] [--set KEY=VALUE ...]

Trains each example for each seed until it is solved, and looks at its heads on held-out sequences: the share
of the scores that comes from content, of the lowest head and of the highest, over all seeds, and the lowest
of the heads that matter most, those without which least is right. Then all learned biases are set to 0, and
the same sequences answered again: the lowest exact match of the seeds. A dash stands where content can't be
told from position, or is left out of the scores.
"""

from __future__ import annotations

import argparse
from statistics import median
from typing import NamedTuple

import torch

from tfcli.bench import follow, measure_machine
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.cli.ranges import parse_seeds
from tfcli.config.files import check, example_names, find_entry
from tfcli.config.schema import RunConfig
from tfcli.devices import prepare, with_threads
from tfcli.evaluation import held_out_set, score
from tfcli.inspection.ablation import report_heads
from tfcli.model.encoder import Encoder
from tfcli.records.bench import Machine, SolveRecord
from tfcli.training.monitor import held_out_of_training, monitor

CONTENT = ["chinese", "histogram", "lookup", "brackets", "collocation"]
SAMPLES = 512


class Looked(NamedTuple):
    """A training, and what its heads go by."""

    record: SolveRecord
    shares: list[float]  # content, of each head that has it
    that_matters: float | None  # content, of the head without which least is right
    exact_match: float
    without_bias: float | None  # exact match


def look(config: RunConfig, machine: Machine) -> Looked:
    """Train until solved, and look at the heads."""
    device = prepare(config.train)
    task, model = build_for_training(config)
    held_out = held_out_of_training(task, config.train.eval_samples, device)
    record = follow(config, monitor(Training(model, task, config), model, held_out), True, None, machine)
    batches = held_out_set(task, SAMPLES, torch.device("cpu"), 2)
    report = report_heads(model, task, batches, run="", name=config.task.name)
    shares = [head.shares.content for head in report.heads if head.shares.content is not None]
    matters = min(report.heads, key=lambda head: head.zeroed.exact_match).shares.content
    without = score(model, batches).exact_match if remove_bias(model) else None
    return Looked(record, shares, matters, report.score.exact_match, without)


def remove_bias(model: Encoder) -> bool:
    """Set the tables of all layers to 0; whether there are any beside content."""
    encodings = [block.attention.positions for block in model.layers]
    if not all(encoding.in_scores is not None and encoding.uses_content for encoding in encodings):
        return False
    for encoding in encodings:
        for parameter in encoding.parameters():
            parameter.data.zero_()
    return True


def row(name: str, found: list[Looked]) -> str:
    """Return what came of an example over its seeds as a row of the table."""
    solved = sum(looked.record.solved for looked in found)
    steps, seconds = [r.record.steps for r in found], [r.record.seconds for r in found]
    shares = [share for looked in found for share in looked.shares]
    content = f"{min(shares):.2f}-{max(shares):.2f}" if shares else "-"
    matter = [looked.that_matters for looked in found if looked.that_matters is not None]
    content += f" | {min(matter):.2f}" if matter else " | -"
    kept = [looked.without_bias for looked in found if looked.without_bias is not None]
    left = f"{min(kept):.3f}" if kept else "-"
    figures = f"{median(steps):,.0f} | {max(steps):,} | {median(seconds):.1f} | {max(seconds):.1f}"
    whole = f"{min(looked.exact_match for looked in found):.3f}"
    return f"| `{name}` | {solved} of {len(found)} | {figures} | {content} | {whole} | {left} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--examples", nargs="+", choices=example_names(), default=CONTENT)
    parser.add_argument("--seeds", type=parse_seeds, default="500:504")
    parser.add_argument("--set", nargs="+", default=[])
    options = parser.parse_args()
    figures = "steps | at most | seconds | at most | content | that matters | exact match | without bias"
    print(f"| example | solved | {figures} |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    machine = measure_machine()
    for name in options.examples:
        settings = ["train.stop_when_solved=true", "train.threads=1", *options.set]
        configs = [
            with_threads(check(find_entry(name), [*settings, f"train.seed={seed}"])) for seed in options.seeds
        ]
        print(row(name, [look(config, machine) for config in configs]), flush=True)


if __name__ == "__main__":
    main()
