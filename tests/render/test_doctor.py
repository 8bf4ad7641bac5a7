"""What `doctor` found fits any terminal, leaves nothing out, and obeys nobody's text."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len

from tests.render.test_untrusted import EVIL, assert_harmless
from tfcli.records.doctor import (
    Device,
    Devices,
    DoctorReport,
    Extra,
    Folder,
    Memory,
    Package,
    Plugin,
    Plugins,
    Problem,
    Processor,
    Software,
    Stream,
    Terminal,
)
from tfcli.render.doctor import print_doctor, size
from tfcli.render.terminal import SafeConsole

SCREEN = 24  # lines
HEALTHY = DoctorReport(
    software=Software(
        "0.2.0",
        "3.11.7",
        "Linux-6.18.44-x86_64-with-glibc2.36",
        [
            Package("torch", "2.13.0+cpu", ">=2.9,<2.14", True, True),
            Package("numpy", "2.4.6", ">=1.26", True, True),
        ],
        [],
    ),
    devices=Devices(
        [Device("cpu", "AMD EPYC", None), Device("cuda:0", "NVIDIA H100", 80 * 2**30)], "cuda", []
    ),
    processor=Processor(4, 1.5, 1, 0.5, []),
    memory=Memory(2**34, 2**33, 2**32, []),
    terminal=Terminal(Stream(True, "utf-8"), Stream(True, "utf-8"), 80, "truecolor", []),
    environment={"TERM": "xterm", "OMP_NUM_THREADS": "1"},
    folders=[Folder("runs", "~/work", True, 2**40, []), Folder("temporary", None, False, None, [])],
    extras=[
        Extra("browser", False, [Package("playwright", None, ">=1.50", None, False)], []),
        Extra("plot", True, [Package("matplotlib", "3.11.2", ">=3.9", True, True)], []),
    ],
    plugins=Plugins([Plugin("model.norm", "unit", "brought", "brought:Unit", True)], []),
)
UNKNOWN = replace(
    HEALTHY,
    devices=Devices([], None, []),
    processor=Processor(1, 1, None, None, []),
    memory=Memory(None, None, None, []),
    environment={},
    extras=[],
    plugins=Plugins([], []),
)
ILL = replace(
    HEALTHY,
    software=replace(
        HEALTHY.software,
        packages=[Package("torch", None, ">=2.9,<2.14", None, False)],
        problems=[Problem('torch isn\'t installed: pip install "torch>=2.9,<2.14"', True)],
    ),
    processor=Processor(4, 4, 1, 9.5, [Problem("load 9.5 on 4 cores: wait", False)]),
    plugins=Plugins([Plugin("model.norm", "rms", "brought", "brought:Rms", False)], []),
)


def printed(report: DoctorReport, width: int, encoding: str = "utf-8") -> str:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding)
    print_doctor(SafeConsole(file=stream, width=width, markup=False, highlight=False, emoji=False), report)
    stream.flush()
    return buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("report", [HEALTHY, UNKNOWN, ILL])
@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_line_is_wider_than_the_terminal(report: DoctorReport, width: int) -> None:
    for line in printed(report, width).splitlines():
        assert cell_len(line) <= width, line
        assert line == line.rstrip()


@pytest.mark.parametrize("report", [HEALTHY, UNKNOWN, ILL])
def test_it_is_one_screen(report: DoctorReport) -> None:
    assert len(printed(report, 80).splitlines()) < SCREEN


@pytest.mark.parametrize("width", [40, 80])
def test_all_that_was_found_is_shown(width: int) -> None:
    text = " ".join(printed(HEALTHY, width).split())
    for words in (
        "tfcli 0.2.0",
        "python 3.11.7",
        "torch 2.13.0+cpu (>=2.9,<2.14), numpy 2.4.6 ",
        "cpu AMD EPYC; cuda:0 NVIDIA H100 (80.0 GiB); auto takes cuda",
        "1.5 of 4 usable, threads of torch: 1, load: 0.5",
        "8.0 GiB of 16.0 GiB available, limit 4.0 GiB",
        "stdout and stderr: a terminal, utf-8; 80 columns, colours: truecolor",
        "TERM=xterm OMP_NUM_THREADS=1",
        "~/work (writable, 1.0 TiB free)",
        "- (not writable, ? free)",
        "browser (lacks playwright), plot",
        "model.norm=unit (from brought)",
        "no problem found",
    ):
        assert words in text


def test_what_can_not_be_told_is_shown_so() -> None:
    text = " ".join(printed(UNKNOWN, 80).split())
    for words in ("devices unknown", "torch: unknown, load: unknown", "? of ? available", "variables none"):
        assert words in text
    assert "extras unknown plugins none" in text


def test_problems_come_last_and_those_that_stop_work_first() -> None:
    text = printed(ILL, 80)
    assert "torch - (>=2.9,<2.14) doesn't work" in text
    assert "model.norm=rms (from brought, not used)" in text
    assert text.splitlines()[-2:] == [
        'error: torch isn\'t installed: pip install "torch>=2.9,<2.14"',
        "warning: load 9.5 on 4 cores: wait",
    ]
    assert "no problem" not in text


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_nothing_that_others_wrote_is_obeyed(encoding: str) -> None:
    report = replace(
        HEALTHY,
        environment={"TERM": EVIL},
        folders=[Folder("runs", EVIL, True, 1, [Problem(EVIL, True)])],
        plugins=Plugins([Plugin("model.norm", EVIL, EVIL, EVIL, True)], []),
    )
    assert_harmless(printed(report, 80, encoding))


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "?"), (0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**50, "1024.0 TiB")],
)
def test_sizes_have_units(number: int | None, text: str) -> None:
    assert size(number) == text
