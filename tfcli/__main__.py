"""The program `tfcli`, as far as it is about its process: signals, its surroundings, its end."""

import atexit
import gc
import os
import signal
import sys

# Ctrl-C ends the program at once: within the import of a library an exception would be a traceback or an
# abort. A training notes it instead, and saves.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

# Threads that wait for each other in a busy loop take the cores from other programs, and from themselves. A
# few microseconds of it pay: without, a layer of 128 columns takes a third longer on two threads.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# Python looks for garbage in cycles whenever 700 more objects are there, and while torch is imported each of
# some 280,000 is there to stay: that takes a tenth of a short command.
gc.set_threshold(300_000)


def main() -> None:
    """Run the command line."""
    from tfcli.cli import app  # the workers of a sweep, which import this module, can do without

    try:
        app(prog_name="tfcli")
    except SystemExit as end:
        leave(end)
        raise


def leave(end: SystemExit) -> None:
    """End the process, if torch is in it: to take apart what torch has loaded takes half a second."""
    if "torch" not in sys.modules or not isinstance(end.code, int):
        return
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):  # which Python tells in its own way
        return
    atexit._run_exitfuncs()
    os._exit(end.code)


if __name__ == "__main__":
    main()
