"""Where `doctor` reads things off: ranges of versions, control groups, `/proc`."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

import pytest

from tfcli.commands.doctor import requirements, system
from tfcli.commands.doctor.requirements import PYPROJECT, Requirement, is_within, list_requirements

V2, V1 = "0::/outer/inner\n", "3:cpu,cpuacct:/outer/inner\n4:memory:/outer/inner\n"


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("2.9.0", ">=2.9,<2.14", True),
        ("2.9", ">=2.9.0", True),
        ("2.13.1+cpu", ">=2.9,<2.14", True),
        ("2.8.1", ">=2.9,<2.14", False),
        ("2.14.0", ">=2.9,<2.14", False),
        ("2.14.0.dev20261101", ">=2.9,<2.14", False),
        ("10.0", ">9.5", True),
        ("1.0", "<=1,!=1.1", True),
        ("1.1", "!=1.1", False),
        ("1.1", "==1.1", True),
        ("1.1", "", True),
        ("1.1", "~=1.0", None),
        ("1.1", "==1.*", None),
        ("unknown", ">=1", None),
    ],
)
def test_a_version_is_within_a_range_by_its_numbers(version: str, wanted: str, expected: bool | None) -> None:
    assert is_within(version, wanted) is expected


def test_a_checkout_says_the_same_as_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from_checkout = list_requirements()
    assert Requirement("torch", ">=2.9,<2.14", None) in from_checkout
    assert Requirement("matplotlib", ">=3.10.7", "plot") in from_checkout
    monkeypatch.setattr(requirements, "PYPROJECT", Path("nowhere"))
    assert set(list_requirements()) >= {r for r in from_checkout if r.extra in (None, "plot", "browser")}


def test_no_requirements_are_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    other = tmp_path / "pyproject.toml"
    other.write_text(PYPROJECT.read_text(encoding="utf-8").replace('name = "tfcli"', 'name = "other"'))
    monkeypatch.setattr(requirements, "PYPROJECT", other)
    monkeypatch.setattr(metadata, "requires", refuse)
    assert list_requirements() == []
    other.write_text("no [ toml")
    assert list_requirements() == []


def make_root(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"proc/self/cgroup": V2}, None),
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/outer/inner/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/outer/inner/cpu.max": "50000 100000\n"}, 0.5),
        (
            {
                "proc/self/cgroup": V2,
                "sys/fs/cgroup/outer/inner/cpu.max": "80000 100000\n",
                "sys/fs/cgroup/outer/cpu.max": "25000 100000\n",
            },
            0.25,
        ),
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu/outer/inner/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/outer/inner/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        ({"proc/self/cgroup": "nonsense\n"}, None),
    ],
)
def test_the_quota_of_a_control_group_limits_the_cores(
    files: dict[str, str], quota: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    assert system.count_usable_cores(make_root(tmp_path, files)) == (3 if quota is None else quota)


def test_affinity_limits_the_cores_below_a_larger_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5}, raising=False)
    files = {"proc/self/cgroup": V2, "sys/fs/cgroup/outer/cpu.max": "400000 100000\n"}
    assert system.count_usable_cores(make_root(tmp_path, files)) == 1


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/outer/memory.max": "max\n"}, None),
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/outer/memory.max": "1048576\n"}, 2**20),
        ({"proc/self/cgroup": V1, "sys/fs/cgroup/memory/memory.limit_in_bytes": "1048576\n"}, 2**20),
        ({"proc/self/cgroup": V1, "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}\n"}, None),
    ],
)
def test_the_limit_of_memory_counts_where_it_is_less_than_there_is(
    files: dict[str, str], limit: int | None, tmp_path: Path
) -> None:
    meminfo = "MemTotal:       4096 kB\nMemFree:  1 kB\nMemAvailable:    2048 kB\n"
    root = make_root(tmp_path, {**files, "proc/meminfo": meminfo})
    assert system.read_memory(root) == (2**22, 2**21)
    assert system.read_memory_limit(root) == limit


def test_memory_is_told_in_another_way_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"SC_PHYS_PAGES": 10, "SC_AVPHYS_PAGES": 4, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", lambda name: sizes[name], raising=False)
    assert system.read_memory(tmp_path) == (40960, 16384)

    def refuse(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", refuse, raising=False)
    assert system.read_memory(tmp_path) == (None, None)


def test_a_processor_is_called_by_its_name_where_it_has_one(tmp_path: Path) -> None:
    assert system.name_processor(tmp_path) != ""
    text = "processor\t: 0\nmodel name\t: Abacus 9000 @ 2 Hz\n"
    assert system.name_processor(make_root(tmp_path, {"proc/cpuinfo": text})) == "Abacus 9000 @ 2 Hz"
