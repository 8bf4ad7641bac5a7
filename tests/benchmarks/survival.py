"""What a training survives: kills, Ctrl-C, company, and what it costs to be ready for them.

    python tests/benchmarks/survival.py [--only kills,together] [--times 100]

kills       kill -9 at a random moment of a training, then --resume: all equal to the bit
signals     a random signal, kill -9 among them, after the first evaluation: the weights load
interrupts  Ctrl-C at a random moment of `train` and of a long `eval`: tracebacks, time to the exit
together    2 to 8 trainings, as --times says, at once with one name: runs that are distinct and complete
cost        the share of a training's time that is spent on saving
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from tfcli.checkpoints.loading import load_run
from tfcli.commands.saver import Saver
from tfcli.commands.train import train_run
from tfcli.config.files import load_config
from tfcli.records.progress import Progress
from tfcli.records.results import TrainSummary
from tfcli.runs import folders

TFCLI = [sys.executable, "-m", "tfcli"]
TRAIN = [*TFCLI, "train", "reverse", "train.stop_when_solved=false", "train.snapshot_every=100"]
EVAL = [*TFCLI, "eval", "whole", "--lengths", "10,500", "--samples", "1000"]
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
TIMES = ("train_seconds", "tokens_per_second")


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def seconds(command: list[str], folder: Path) -> float:
    """How long a command takes that must end well."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def left_behind(run: Path) -> dict[str, Any]:
    """Return all that a run holds but for times."""
    found: dict[str, Any] = {"config": (run / folders.CONFIG).read_text()}
    for path in [run / folders.WEIGHTS, run / folders.STATE, *folders.snapshots(run).values()]:
        data = path.read_bytes()
        found[path.name] = data[8 + int.from_bytes(data[:8], "little") :]
    lines = [json.loads(line) for line in (run / folders.METRICS).read_text().splitlines()]
    found["metrics"] = [{key: line[key] for key in line if key not in TIMES} for line in lines]
    return found


def has_evaluated(run: Path) -> bool:
    """Whether a training has come past its first evaluation."""
    return (run / folders.METRICS).exists() and bool((run / folders.METRICS).read_text())


def kills(folder: Path, times: int) -> str:
    lasts = seconds([*TRAIN, "--out", "whole"], folder)
    whole, equal, stopped, anew = left_behind(folder / "whole"), 0, 0, 0
    while stopped < times:
        process = start([*TRAIN, "--out", "cut"], folder)
        time.sleep(random.uniform(0, lasts))
        ended = process.poll() is not None
        process.kill()
        process.communicate()
        if (folder / "cut").exists() and not ended:
            stopped += 1
            anew += not (folder / "cut" / folders.STATE).exists()
            resumed = start([*TFCLI, "train", "--resume", "cut"], folder)
            _, said = resumed.communicate()
            was_over = "is over" in said  # all was saved when the kill came
            equal += (resumed.returncode == 0 or was_over) and left_behind(folder / "cut") == whole
        shutil.rmtree(folder / "cut", ignore_errors=True)
    return f"{equal} of {stopped} equal to the bit; {anew} had saved nothing yet and began anew"


def signals(folder: Path, times: int) -> str:
    loaded, exits = 0, []
    for _ in range(times):
        process, run = start([*TRAIN, "train.steps=100000", "--out", "cut"], folder), folder / "cut"
        while not has_evaluated(run):
            time.sleep(0.005)
        time.sleep(random.uniform(0, 1))
        sent, number = time.perf_counter(), random.choice(SIGNALS)
        process.send_signal(number)
        process.communicate()
        exits.append(time.perf_counter() - sent)
        load_run(run)
        loaded += 1
        shutil.rmtree(run)
    waits = f"{median(exits):.2f} s from the signal to the exit, at most {max(exits):.2f} s"
    return f"{loaded} of {times} load; {waits}"


def interrupts(folder: Path, times: int) -> str:
    lasts = {"train": seconds([*TRAIN, "--out", "whole"], folder)}
    lasts |= {"eval": seconds(EVAL, folder)} if times > 1 else {}
    traces = swallowed = 0
    exits: list[float] = []
    while len(exits) < times:
        name = ("train", "eval")[len(exits) % 2]
        shutil.rmtree(folder / "cut", ignore_errors=True)
        process = start([*TRAIN, "--out", "cut"] if name == "train" else EVAL, folder)
        moment = random.uniform(0, lasts[name])
        time.sleep(moment)
        if process.poll() is not None:
            process.communicate()
            continue
        sent = time.perf_counter()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        exits.append(time.perf_counter() - sent)
        bad = "Traceback" in errors or "Abort" in errors or process.returncode not in (0, 130, -signal.SIGINT)
        traces += bad
        swallowed += exits[-1] > 1.5
        if bad:
            print(f"{name} after {moment:.3f} s: exit {process.returncode}: {errors[-300:]}")
    waits = f"{median(exits):.2f} s from Ctrl-C to the exit, at most {max(exits):.2f} s"
    return f"{traces} tracebacks or aborts, {swallowed} swallowed in {len(exits)}; {waits}"


def together(folder: Path, times: int) -> str:
    count = min(max(times, 2), 8)
    processes = [start([*TFCLI, "train", "copy", "--seed", str(seed)], folder) for seed in range(count)]
    codes = [process.communicate() and process.returncode for process in processes]
    runs = list((folder / "runs").iterdir())
    seeds = {load_run(run).config.train.seed for run in runs if (run / folders.WEIGHTS).exists()}
    complete = f"{len(runs)} runs, {len(seeds)} of them distinct and complete"
    return f"{codes.count(0)} of {count} exit with 0; {complete}"


def cost(folder: Path, times: int) -> str:
    return "; ".join(
        cost_of(name, settings, folder)
        for name, settings in [
            ("reverse", []),
            ("sort", []),
            ("reverse", ["train.stop_when_solved=false", "train.steps=100", "model.d_model=256"]),
        ]
    )


def cost_of(name: str, settings: list[str], folder: Path) -> str:
    """Train an example, and tell how much of the time went into saving."""
    spent: list[float] = []
    save = Saver.save

    def timed(self: Saver, summary: TrainSummary, latest: Progress | None) -> Path:
        started = time.perf_counter()
        path = save(self, summary, latest)
        spent.append(time.perf_counter() - started)
        return path

    with patch.object(Saver, "save", timed):
        config = load_config(name, [*settings, "train.threads=1"])
        report = train_run(config, name, folder / f"{name}-{len(settings)}")
    share = sum(spent) / report.train_seconds
    return f"{' '.join([name, *settings])}: {len(spent)} saves, {share:.1%} of {report.train_seconds:.1f} s"


ALL = {function.__name__: function for function in (kills, signals, interrupts, together, cost)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(ALL))
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    options = parser.parse_args()
    random.seed(options.seed)
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name:<10}  {ALL[name](Path(folder), options.times)}", flush=True)


if __name__ == "__main__":
    main()
