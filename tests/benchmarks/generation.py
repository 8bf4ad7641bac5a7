"""Generating with cached keys and values, beside a whole pass for each symbol, in turn in one run.

    python tests/benchmarks/generation.py [--tokens 200] [--runs 5] [--sizes small large larger]

Models of three sizes, with rotary or alibi positions and random weights. Prints the median seconds of each,
the median of the ratios, and whether the symbols are the same.
"""

from __future__ import annotations

import argparse
import time
from itertools import product
from statistics import median

import torch

from tfcli.building.models import build_encoder
from tfcli.config.model_section import ModelConfig
from tfcli.model.encoder import Encoder
from tfcli.model.generation import Sampling, generate
from tfcli.model.layout import Layout

SYMBOLS = 40
SIZES = {
    "small": {"d_model": 64, "n_layers": 2, "n_heads": 4},
    "large": {"d_model": 256, "n_layers": 4, "n_heads": 8},
    "larger": {"d_model": 512, "n_layers": 6, "n_heads": 8},
}


def generate_some(model: Encoder, tokens: int, seed: int, *, cached: bool) -> tuple[list[int], float]:
    """Return so many symbols, and the seconds that they took."""
    inputs, generator = torch.tensor([[1, 2, 3]]), torch.Generator().manual_seed(seed)
    symbols = generate(model, inputs, Sampling(0.8, 20), generator, cached=cached)
    started = time.perf_counter()
    found = [int(next(symbols)) for _ in range(tokens)]
    return found, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for positions, size in product(("rotary", "alibi"), options.sizes):
        torch.manual_seed(0)
        settings = {"mask": "causal", "positions": positions, **SIZES[size]}
        config = ModelConfig.model_validate(settings)
        model = build_encoder(config, Layout(SYMBOLS, open_ended=True), 64).eval()
        seconds: dict[bool, list[float]] = {True: [], False: []}
        same = True
        for run in range(options.runs):
            found = {}
            for cached in (True, False) if run % 2 else (False, True):
                found[cached], took = generate_some(model, options.tokens, run, cached=cached)
                seconds[cached].append(took)
            same = same and found[True] == found[False]
        ratio = median(slow / fast for slow, fast in zip(seconds[False], seconds[True], strict=True))
        with_cache, without = median(seconds[True]), median(seconds[False])
        said = "the same symbols" if same else "OTHER SYMBOLS"
        print(f"{size}, {positions}: {with_cache:.3f} s with a cache, {without:.3f} s without")
        print(f"  {ratio:.1f} x, {said}", flush=True)


if __name__ == "__main__":
    main()
