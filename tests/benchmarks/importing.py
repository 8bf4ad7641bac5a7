"""CPU seconds of `tfcli import FOLDER` and then `tfcli attn`, beside `python -c "import torch"`.

    python tests/benchmarks/importing.py FOLDER [--runs 10]

FOLDER is a model as Hugging Face saves it. The commands run in turn with the import of torch, each by itself.
Prints the median CPU time (user and system) of each, and of both together the median of the
ratios of pairs. The first run fills the caches and isn't counted, but with --runs 0, to try the script.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.benchmarks.startup import IMPORT_TORCH, cpu_seconds

TEXT = "the cat sat on the mat"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    tfcli = [sys.executable, "-m", "tfcli"]
    times: dict[str, list[float]] = {"import torch": [], "import": [], "attn": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        commands = {
            "import torch": IMPORT_TORCH,
            "import": [*tfcli, "import", str(options.folder.resolve()), "--out", "imported"],
            "attn": [*tfcli, "attn", "imported", TEXT],
        }
        for _ in range(options.runs + 1):
            shutil.rmtree(folder / "imported", ignore_errors=True)
            for name, command in commands.items():
                times[name].append(cpu_seconds(command, folder))
    times = {name: taken[1:] or taken for name, taken in times.items()}
    for name, taken in times.items():
        print(f"{name:<12}  {median(taken):.2f} s  ({min(taken):.2f} to {max(taken):.2f})")
    triples = zip(times["import"], times["attn"], times["import torch"], strict=True)
    ratios = [(first + second) / torch for first, second, torch in triples]
    print(f"import and attn: {median(ratios):.2f} x import torch ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
