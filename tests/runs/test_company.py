"""One of several processes leaves signals to the one that started it; programs that it starts take theirs."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import signal, subprocess, sys
from tfcli.commands.interrupts import defer_interrupt
from tfcli.runs.company import STOP_SIGNALS, leave_signals_to_parent
leave_signals_to_parent()
with defer_interrupt() as interrupt:
    for number in STOP_SIGNALS:
        signal.raise_signal(number)
assert not interrupt.caught
waiting = "import time; print(flush=True); time.sleep(30)"
program = subprocess.Popen([sys.executable, "-c", waiting], stdout=subprocess.PIPE)
program.stdout.readline()
program.terminate()
assert program.wait(10) == -signal.SIGTERM
"""


@pytest.mark.skipif(sys.platform == "win32", reason="programs there are ended otherwise")
def test_signals_are_left_to_the_parent_but_not_by_programs_that_are_started() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=60)
