"""Devices, cores and memory, and what of them is short."""

from __future__ import annotations

import math
import os
from pathlib import Path

from tfcli.commands.doctor import system
from tfcli.commands.doctor.probe import Outcome
from tfcli.commands.doctor.problems import make_problem
from tfcli.records.doctor import Device, Devices, Memory, Processor

NVIDIA = Path("/dev/nvidia0")  # which is there where a driver has found a GPU
LEAST_MEMORY = 512 * 2**20  # bytes; torch alone takes half of that


def examine_devices(outcome: Outcome | None) -> Devices:
    """List what torch can run on; nothing, if there is no torch to say so."""
    if outcome is None:
        return Devices([], None, [])
    cpu = Device("cpu", system.name_processor(), None)
    problems = [make_problem(f"torch warns: {text}") for text in outcome.warnings]
    if outcome.error is not None:
        line = f"torch can't look for a GPU ({outcome.error}): train.device=cpu does without one"
        return Devices([cpu], None, [*problems, make_problem(line)])
    found, auto = outcome.value, outcome.value["auto"]
    if auto == "cpu" and not found["made_for_cuda"] and NVIDIA.exists():
        line = "there is an NVIDIA GPU, but this torch is made without CUDA"
        problems.append(make_problem(f"{line}: pytorch.org/get-started has one with it"))
    return Devices([cpu, *(Device(**gpu) for gpu in found["gpus"])], auto, problems)


def examine_processor(outcome: Outcome | None) -> Processor:
    """Compare the load and the threads of torch with the cores."""
    cores, usable, load = os.cpu_count() or 1, system.count_usable_cores(), system.read_load()
    threads = None if outcome is None or outcome.value is None else int(outcome.value["threads"])
    problems = []
    if load is not None and load > cores:  # of the machine, both of them
        line = f"load {load:.1f} on {cores} cores, so that everything takes longer"
        problems.append(make_problem(f"{line}: wait for other programs, or end some"))
    if threads is not None and threads > math.ceil(usable):
        most = max(1, math.floor(usable))
        line = f"torch takes {threads} threads on {usable:g} usable cores, so that they wait for each other"
        problems.append(make_problem(f"{line}: train.threads={most}, or OMP_NUM_THREADS={most}"))
    return Processor(cores, usable, threads, load, problems)


def examine_memory() -> Memory:
    """See whether there is memory to train in."""
    (total, available), limit = system.read_memory(), system.read_memory_limit()
    room = min((size for size in (available, limit) if size is not None), default=None)
    problems = []
    if room is not None and room < LEAST_MEMORY:
        line = f"only {room // 2**20} MiB of memory are available: end other programs, or raise the limit"
        problems.append(make_problem(line))
    return Memory(total, available, limit, problems)
