"""`doctor`: what bears on whether tfcli works here, and how fast. Finding out leaves nothing behind.

What is broken is reported, never raised: not even torch has to be there, since only `probe` imports it.
"""

from __future__ import annotations

import os

from tfcli.commands.doctor.folders import PURPOSES, examine_folder
from tfcli.commands.doctor.hardware import examine_devices, examine_memory, examine_processor
from tfcli.commands.doctor.plugins import examine_plugins
from tfcli.commands.doctor.probe import DEVICES, try_imports
from tfcli.commands.doctor.requirements import list_requirements
from tfcli.commands.doctor.software import examine_extras, examine_software, list_needed, module_of
from tfcli.records.doctor import DoctorReport, Terminal

ENVIRONMENT = (
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "PYTHONIOENCODING",
    "PYTHONUTF8",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "CUDA_VISIBLE_DEVICES",
)  # of all variables, no others are looked at: they may hold secrets


def examine(terminal: Terminal) -> DoctorReport:
    """Find out all about this place but for the `terminal`, in the seconds that it takes to import torch."""
    requirements = list_requirements()
    needed = list_needed(requirements)
    outcomes = try_imports([module_of(requirement.name) for requirement in needed])
    torch_works = "torch" in outcomes and outcomes["torch"].error is None
    of_devices = outcomes.get(DEVICES) if torch_works else None
    return DoctorReport(
        software=examine_software(needed, outcomes),
        devices=examine_devices(of_devices),
        processor=examine_processor(of_devices),
        memory=examine_memory(),
        terminal=terminal,
        environment={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        folders=[examine_folder(purpose) for purpose in PURPOSES],
        extras=examine_extras(requirements),
        plugins=examine_plugins(),
    )
