"""What a process keeps for the next pass."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import torch
from tfcli.devices import keep_memory

def work():
    kept = [torch.ones(1_000_000) for _ in range(8)]  # 32 MB, which are given back at the end

keep_memory()
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize(("own", "is_kept"), [({}, True), ({"MALLOC_MMAP_THRESHOLD_": "100000"}, False)])
def test_memory_is_kept_for_the_next_pass_unless_the_user_says_otherwise(
    own: dict[str, str], is_kept: bool
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env=os.environ | own, capture_output=True, text=True, check=True
    )
    pages = 10 * 32_000_000 / os.sysconf("SC_PAGE_SIZE")
    assert (int(done.stdout) < pages / 10) is is_kept
