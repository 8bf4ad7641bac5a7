"""What `doctor` finds out about the place it runs in. Memory and space in bytes; None where it can't tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Something that is wrong here."""

    line: str  # what is wrong, and how to mend it
    stops_work: bool  # no training can run here before it is mended


@dataclass(frozen=True)
class Package:
    """A distribution that tfcli needs, or that an extra does."""

    name: str  # of the distribution
    version: str | None  # that is installed
    declared: str | None  # versions that tfcli is made for, such as >=2.9,<2.14
    fits: bool | None  # whether the version is one of these
    importable: bool  # whether there is such a module; of what is needed, whether importing it works


@dataclass(frozen=True)
class Software:
    """Versions of all that tfcli runs on."""

    tfcli: str  # its version
    python: str  # its version
    platform: str  # operating system, its version and the kind of processor
    packages: list[Package]  # that tfcli can't do without
    problems: list[Problem]  # with them


@dataclass(frozen=True)
class Device:
    """Something that models can run on."""

    name: str  # as train.device takes it
    description: str  # what its maker calls it
    memory: int | None  # of its own


@dataclass(frozen=True)
class Devices:
    """What models can run on."""

    found: list[Device]  # that torch can use
    auto: str | None  # the one that train.device=auto takes
    problems: list[Problem]  # with them


@dataclass(frozen=True)
class Processor:
    """What there is to compute with, and how much of it is in use."""

    cores: int  # of the machine
    usable: float  # of these by this process, by its affinity and the limit of its control group
    threads: int | None  # that torch computes with if train.threads is left out
    load: float | None  # processes that ran or waited in the last minute, on the whole machine
    problems: list[Problem]  # with them


@dataclass(frozen=True)
class Memory:
    """The memory of the machine."""

    total: int | None  # that the machine has
    available: int | None  # of it, for new programs
    limit: int | None  # of the control group that this process is in
    problems: list[Problem]  # with it


@dataclass(frozen=True)
class Stream:
    """Where stdout or stderr goes."""

    is_terminal: bool  # not a file or a pipe
    encoding: str  # of its characters


@dataclass(frozen=True)
class Terminal:
    """What is printed on."""

    stdout: Stream  # where results go
    stderr: Stream  # where progress and hints go
    width: int  # in columns
    colours: str | None  # standard, 256, truecolor or windows; null for none
    problems: list[Problem]  # with it


@dataclass(frozen=True)
class Folder:
    """A folder that tfcli writes into."""

    purpose: str  # runs, state (the list of trusted files) or temporary
    path: str | None  # ~ stands for the home folder
    writable: bool  # by a file that was written and is gone again
    free: int | None  # space on its disk
    problems: list[Problem]  # with it


@dataclass(frozen=True)
class Extra:
    """What `pip install "tfcli[NAME]"` adds."""

    name: str  # of the extra
    available: bool  # all of its packages are there
    packages: list[Package]  # that it needs
    problems: list[Problem]  # with them; to lack one is none


@dataclass(frozen=True)
class Plugin:
    """A task, part or logger of another distribution's, by an entry point. None is loaded to tell this."""

    setting: str  # that takes it, such as model.norm
    name: str  # as this setting takes it
    distribution: str  # that brings it
    value: str  # its module and class
    loadable: bool  # no built-in part and no other distribution has this name


@dataclass(frozen=True)
class Plugins:
    """What other distributions bring."""

    found: list[Plugin]  # one an entry point
    problems: list[Problem]  # with their names


@dataclass(frozen=True)
class DoctorReport:
    """All that bears on whether tfcli works here, and how fast."""

    software: Software  # versions
    devices: Devices  # that models can run on
    processor: Processor  # cores, threads and load
    memory: Memory  # of the machine
    terminal: Terminal  # that results are printed on
    environment: dict[str, str]  # variables that bear on what is printed or computed, of a fixed list
    folders: list[Folder]  # that are written into
    extras: list[Extra]  # what can be installed in addition
    plugins: Plugins  # what other distributions bring

    @property
    def problems(self) -> list[Problem]:
        """All of them, those that stop work first."""
        found = [  # folders first: in one that is gone, importing torch fails, too
            *(problem for folder in self.folders for problem in folder.problems),
            *self.software.problems,
            *self.devices.problems,
            *self.processor.problems,
            *self.memory.problems,
            *self.terminal.problems,
            *(problem for extra in self.extras for problem in extra.problems),
            *self.plugins.problems,
        ]
        return sorted(found, key=lambda problem: not problem.stops_work)
