"""What `doctor` finds wrong: each problem is made to happen, and named with what to do about it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import install
from tfcli.commands.doctor import ENVIRONMENT, examine, folders, hardware, probe, system
from tfcli.commands.doctor.folders import examine_folder
from tfcli.commands.doctor.hardware import examine_devices, examine_memory, examine_processor
from tfcli.commands.doctor.plugins import examine_plugins
from tfcli.commands.doctor.probe import DEVICES, Outcome
from tfcli.commands.doctor.problems import hide_home
from tfcli.commands.doctor.requirements import Requirement
from tfcli.commands.doctor.software import examine_extras, examine_software
from tfcli.records.doctor import DoctorReport, Problem, Stream, Terminal
from tfcli.registry import NORMS

STREAM = Stream(is_terminal=False, encoding="utf-8")
TERMINAL = Terminal(STREAM, STREAM, 80, None, [])
TORCH = Requirement("torch", ">=2.9,<2.14", None)
HARDWARE = {"threads": 1, "gpus": [], "made_for_cuda": True, "auto": "cpu"}
EXTRAS = {"browser", "cluster", "hf", "onnx", "optuna", "plot", "spell", "tensorboard", "vision"}
FAKE_TORCH = """
class device:
    def __init__(self, name): self.name = name
    def __str__(self): return self.name

class Gpu:
    name, total_memory = "Pretended GPU", 3 * 2**30

class cuda:
    is_available = staticmethod(lambda: True)
    device_count = staticmethod(lambda: 2)
    get_device_properties = staticmethod(lambda i: Gpu)

class backends:
    class mps:
        is_available = staticmethod(lambda: False)

class version:
    cuda = "12.8"

float32 = bfloat16 = None
get_num_threads = lambda: 5
print("a library may print", flush=True)
"""


def lines(problems: list[Problem]) -> list[str]:
    return [problem.line for problem in problems]


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """`bring("torch", source)`: a module that is found before the one that is installed."""

    def write(name: str, source: str) -> None:
        (tmp_path / "modules").mkdir(exist_ok=True)
        (tmp_path / "modules" / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path / "modules"))

    return write


@pytest.fixture(scope="module")
def report() -> DoctorReport:
    return examine(TERMINAL)


# --- what is there ---


def test_versions_and_devices_are_those_that_are_here(report: DoctorReport) -> None:
    import torch

    packages = {package.name: package for package in report.software.packages}
    assert list(packages) == ["typer", "torch", "rich", "pyyaml", "pydantic", "safetensors", "numpy"]
    assert packages["torch"].version == torch.__version__
    assert packages["torch"].declared == ">=2.9,<2.14"
    assert all(package.importable and package.fits for package in packages.values())
    assert report.software.python == platform.python_version()
    assert report.devices.found[0].name == "cpu"
    assert report.devices.auto is not None
    assert 1 <= report.processor.usable <= report.processor.cores == os.cpu_count()
    assert (report.processor.threads or 0) >= 1
    assert {extra.name for extra in report.extras} == EXTRAS


def test_the_worst_problems_come_first(report: DoctorReport) -> None:
    mild, grave = Problem("mild", False), Problem("grave", True)
    both = replace(
        report,
        terminal=replace(TERMINAL, problems=[mild]),
        plugins=replace(report.plugins, problems=[mild, grave]),
    )
    assert lines([p for p in both.problems if p in (mild, grave)]) == ["grave", "mild", "mild"]


def test_no_other_variables_are_shown(report: DoctorReport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = examine(TERMINAL)
    assert set(found.environment) <= set(ENVIRONMENT)
    assert found.environment["OMP_NUM_THREADS"] == "1"
    assert "hunter2" not in repr(found)


# --- software ---


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "raise OSError('libtorch.so: no such file\\nand a screen more')",
            "OSError: libtorch.so: no such file",
        ),
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("raise SystemExit(3)", "it ends Python with code 3"),
        (
            "import os, sys; print('Illegal', file=sys.stderr, flush=True); os._exit(4)",
            "with code 4: Illegal",
        ),
        ("import time; time.sleep(99)", "it hasn't come back after 2 s"),
    ],
)
def test_a_torch_that_is_broken_is_a_problem_and_no_more(
    source: str, why: str, bring: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "PATIENCE", 2.0 if "sleep" in source else 60.0)
    bring("torch", source)
    found = examine(TERMINAL)
    [problem] = [problem for problem in found.problems if problem.stops_work]
    assert problem.line.startswith("torch can't be imported (")
    assert why in problem.line
    assert problem.line.endswith('): pip install --force-reinstall "torch>=2.9,<2.14"')
    assert "screen more" not in problem.line
    works = {package.name: package.importable for package in found.software.packages}
    assert not works.pop("torch")
    assert all(works.values())
    assert (found.devices.found, found.devices.auto, found.processor.threads) == ([], None, None)


def test_a_package_that_is_not_installed_is_named() -> None:
    needed = [Requirement("nothing-of-this-name", ">=1", None), Requirement("numpy", "", None)]
    outcomes = probe.try_imports(["nothing_of_this_name", "numpy"])
    found = examine_software(needed, outcomes)
    fix = 'pip install "nothing-of-this-name>=1"'
    assert found.problems == [Problem(f"nothing-of-this-name isn't installed: {fix}", True)]
    assert [(package.version is None, package.importable) for package in found.packages] == [
        (True, False),
        (False, True),
    ]


def test_a_version_out_of_its_range_is_a_warning() -> None:
    requirement = replace(TORCH, range=">=99,<100")
    [problem] = examine_software([requirement], {"torch": Outcome()}).problems
    assert problem.line.startswith("torch 2.")
    assert problem.line.endswith('(>=99,<100): pip install "torch>=99,<100"')
    assert not problem.stops_work


def test_what_was_not_tried_is_not_blamed() -> None:
    found = examine_software([TORCH], {})
    assert not found.packages[0].importable
    assert found.problems == []


def test_an_extra_is_available_if_all_it_needs_is_there() -> None:
    needs = [("half", "rich"), ("half", "nothing-of-this-name"), ("whole", "rich"), ("dev", "pytest")]
    found = examine_extras([TORCH, *(Requirement(name, "", extra) for extra, name in needs)])
    assert [(extra.name, extra.available, extra.problems) for extra in found] == [
        ("half", False, []),
        ("whole", True, []),
    ]
    [old] = examine_extras([Requirement("rich", ">=99", "whole")])
    assert '(>=99): pip install "rich>=99"' in old.problems[0].line


# --- devices, cores, memory ---


def test_gpus_are_listed_with_what_auto_takes(bring: Callable[[str, str], None]) -> None:
    bring("torch", FAKE_TORCH)
    outcomes = probe.try_imports(["torch"])
    found = examine_devices(outcomes[DEVICES])
    assert [(device.name, device.memory) for device in found.found] == [
        ("cpu", None),
        ("cuda:0", 3 * 2**30),
        ("cuda:1", 3 * 2**30),
    ]
    assert found.found[1].description == "Pretended GPU"
    assert found.auto == "cuda"
    assert found.problems == []
    assert examine_processor(outcomes[DEVICES]).threads == 5


def test_what_torch_warns_of_is_a_problem(bring: Callable[[str, str], None]) -> None:
    warn = "import warnings; warnings.warn('the driver is too old'); "
    looking = f"is_available = staticmethod(lambda: exec({warn!r}) or False)"
    bring("torch", FAKE_TORCH.replace("is_available = staticmethod(lambda: True)", looking, 1))
    found = examine_devices(probe.try_imports(["torch"])[DEVICES])
    assert found.problems == [Problem("torch warns: the driver is too old", False)]
    assert found.auto == "cpu"


def test_a_driver_that_fails_leaves_the_cpu(bring: Callable[[str, str], None]) -> None:
    bring("torch", FAKE_TORCH.replace("lambda i: Gpu", "lambda i: 1 / 0"))
    found = examine_devices(probe.try_imports(["torch"])[DEVICES])
    assert [device.name for device in found.found] == ["cpu"]
    assert lines(found.problems) == [
        "torch can't look for a GPU (ZeroDivisionError: division by zero): train.device=cpu does without one"
    ]


@pytest.mark.parametrize(("made_for_cuda", "named"), [(True, False), (False, True)])
def test_a_gpu_that_torch_is_not_made_for_is_named(
    made_for_cuda: bool, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "NVIDIA", tmp_path)
    found = examine_devices(Outcome(value={**HARDWARE, "made_for_cuda": made_for_cuda}))
    assert ["without CUDA" in line for line in lines(found.problems)] == [True] * named


@pytest.mark.parametrize(
    ("load", "usable", "threads", "expected"),
    [
        (4.0, 4, 4, []),
        (None, 4, 1, []),
        (4.1, 4, 1, ["load 4.1 on 4 cores, so that everything takes longer: wait for other programs"]),
        (3.0, 1.5, 2, []),
        (3.0, 1.5, 4, ["torch takes 4 threads on 1.5 usable cores, so that they wait for each other: "]),
        (3.0, 0.5, 2, ["torch takes 2 threads on 0.5 usable cores"]),
    ],
)
def test_load_and_threads_are_compared_with_the_cores(
    load: float | None, usable: float, threads: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(system, "read_load", lambda: load)
    monkeypatch.setattr(system, "count_usable_cores", lambda: usable)
    found = examine_processor(Outcome(value={**HARDWARE, "threads": threads}))
    for line, start in zip(lines(found.problems), expected, strict=True):
        assert line.startswith(start)
        assert threads == 1 or line.endswith("train.threads=1, or OMP_NUM_THREADS=1")


def test_little_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "read_memory", lambda: (2**34, 2**33))
    monkeypatch.setattr(system, "read_memory_limit", lambda: None)
    assert examine_memory().problems == []
    monkeypatch.setattr(system, "read_memory_limit", lambda: 2**28)
    assert lines(examine_memory().problems)[0].startswith("only 256 MiB of memory are available: ")
    monkeypatch.setattr(system, "read_memory", lambda: (None, None))
    monkeypatch.setattr(system, "read_memory_limit", lambda: None)
    assert examine_memory().problems == []


# --- folders ---


def test_runs_are_where_they_will_be_and_nothing_is_left_there(folder: Path) -> None:
    assert examine_folder("runs").path == hide_home(str(folder))
    (folder / "runs").mkdir()
    found = examine_folder("runs")
    assert found.path == hide_home(str(folder / "runs"))
    assert found.writable
    assert (found.free or 0) > 0
    assert [path.name for path in folder.rglob("*")] == ["runs"]


def test_a_folder_that_is_still_to_be_made_is_tried_above_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(folder / "to/be/made"))
    found = examine_folder("state")
    assert found.writable
    assert (found.path or "").endswith("to/be/made/tfcli")
    assert list(folder.iterdir()) == []


def test_a_folder_that_can_not_be_written_stops_work(folder: Path) -> None:
    (folder / "runs").write_text("no folder")
    found = examine_folder("runs")
    assert not found.writable
    [problem] = found.problems
    assert problem.stops_work
    assert "runs can't be written (Not a directory): change to another folder, or train" in problem.line


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_stops_work(folder: Path) -> None:
    folder.chmod(0o500)
    [problem] = examine_folder("runs").problems
    folder.chmod(0o700)
    assert problem.stops_work
    assert "can't be written (Permission denied)" in problem.line


@pytest.mark.skipif(os.name != "posix", reason="a current folder can't be removed there")
def test_a_current_folder_that_is_gone_stops_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    found = examine_folder("runs")
    assert (found.path, found.writable, found.free) == (None, False, None)
    assert found.problems[0].stops_work


def test_a_full_disk_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "find_free_space", lambda path: 3 * 2**20)
    [problem] = examine_folder("runs").problems
    assert problem.line.startswith("only 3 MiB are free in ")
    assert not problem.stops_work


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ann/runs can't be", "~/runs can't be"),
        ("in /home/ann: no", "in ~: no"),
        ("/home/anna/runs", "/home/anna/runs"),
        ("/mnt/home/ann/runs", "/mnt/home/ann/runs"),
    ],
)
def test_the_home_folder_is_a_tilde(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: "/home/ann")
    assert hide_home(text) == shown


# --- plugins ---


def test_plugins_are_listed_with_those_that_collide(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "raise RuntimeError('no code of a plugin is to run')"
    install("one", source, "[tfcli.norm]\nunit = one:Unit\nrms = one:Rms\n", folder, monkeypatch)
    install(
        "two", source, "[tfcli.norm]\nunit = two:Unit\n[tfcli.tasks]\nmine = two:Mine\n", folder, monkeypatch
    )
    found = examine_plugins()
    shown = {(p.setting, p.name, p.distribution): (p.value, p.loadable) for p in found.found}
    assert shown == {
        ("task.name", "mine", "two"): ("two:Mine", True),
        ("model.norm", "rms", "one"): ("one:Rms", False),
        ("model.norm", "unit", "one"): ("one:Unit", False),
        ("model.norm", "unit", "two"): ("two:Unit", False),
    }
    ignored, ambiguous = lines(found.problems)
    assert ignored == (
        "model.norm: 'rms': a built-in norm has this name, and that of one is ignored; rename it"
    )
    assert ambiguous == f"model.norm: 'unit': {NORMS.find_problem('unit')}"
    assert "one (one:Unit) and two (two:Unit)" in ambiguous


def test_entry_points_that_can_not_be_read_are_a_problem(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("broken", "", "[tfcli.norm]\nno entry point\n", folder, monkeypatch)
    found = examine_plugins()
    assert found.found == []
    assert found.problems[0].line.startswith("the entry points of installed distributions can't be read (")
