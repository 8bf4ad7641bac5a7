"""What the operating system says of cores, load and memory; each is None where it can't be told.

Limits of containers are read off control groups: version 2, or version 1 with a folder a controller. The
limits of all the groups around a process hold, so the least of them is what counts.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path("/")


def name_processor(root: Path = ROOT) -> str:
    """Return what the maker of the processor calls it, or else its kind."""
    match = re.search(r"^model name\s*: *(.+)$", read(root / "proc/cpuinfo"), re.MULTILINE)
    return match[1].strip() if match else platform.machine()


def count_usable_cores(root: Path = ROOT) -> float:
    """Return how many cores this process may use: by its affinity, and by the quota of its control group."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = least_limit("cpu", read_cpu_quota, root)
    return affinity if quota is None else min(affinity, quota)


def read_load() -> float | None:
    """Return how many processes ran or waited in the last minute, on the whole machine."""
    try:
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    except OSError:
        return None


def read_memory(root: Path = ROOT) -> tuple[int | None, int | None]:
    """Return the memory of the machine and what is available of it, in bytes."""
    text = read(root / "proc/meminfo")
    found = {key: int(size) * 1024 for key, size in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}
    total, available = found.get("MemTotal"), found.get("MemAvailable")
    return total or count_pages("SC_PHYS_PAGES"), available or count_pages("SC_AVPHYS_PAGES")


def count_pages(name: str) -> int | None:
    """Return the size of some pages of memory in bytes, by their name for `os.sysconf`."""
    try:
        pages = os.sysconf(name) if hasattr(os, "sysconf") else 0
        return pages * os.sysconf("SC_PAGE_SIZE") if pages > 0 else None
    except (ValueError, OSError):  # no such name, or no answer
        return None


def read_memory_limit(root: Path = ROOT) -> int | None:
    """Return how much memory the control group of this process may use, in bytes, if less than there is."""
    limit = least_limit("memory", read_memory_quota, root)
    total = read_memory(root)[0]
    return None if limit is None or (total is not None and limit >= total) else int(limit)


def least_limit(
    controller: str, read_limit: Callable[[Path], float | None], root: Path = ROOT
) -> float | None:
    """Return the least limit of the control groups that this process is in."""
    limits = [read_limit(folder) for folder in list_control_groups(controller, root)]
    return min((limit for limit in limits if limit is not None), default=None)


def list_control_groups(controller: str, root: Path) -> list[Path]:
    """Return the folders of the control groups around this process, as far as they may limit something.

    In a container, the path may be that of the host, and only the outermost folder is there.
    """
    found = []
    for line in read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers or controller in controllers.split(","):  # version 2 names none
            top = root / "sys/fs/cgroup" / (controller if controllers else "")
            group = top / path.lstrip("/")
            found += [folder for folder in (group, *group.parents) if folder.is_relative_to(top)]
    return found


def read_cpu_quota(group: Path) -> float | None:
    """Return how many cores a control group may use: microseconds of a period over its length."""
    version_1 = f"{read(group / 'cpu.cfs_quota_us')} {read(group / 'cpu.cfs_period_us')}"
    match = re.fullmatch(r"(\d+)\s+([1-9]\d*)\s*", read(group / "cpu.max") or version_1)
    return int(match[1]) / int(match[2]) if match else None


def read_memory_quota(group: Path) -> float | None:
    """Return how much memory a control group may use, in bytes."""
    text = (read(group / "memory.max") or read(group / "memory.limit_in_bytes")).strip()
    return int(text) if text.isdecimal() else None


def read(path: Path) -> str:
    """Return the text of a file; nothing where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
