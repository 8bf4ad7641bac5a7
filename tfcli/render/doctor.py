"""What `doctor` found, on one screen: a line a finding, then the problems."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from tfcli.records.doctor import (
    Device,
    Devices,
    DoctorReport,
    Extra,
    Folder,
    Memory,
    Package,
    Plugin,
    Processor,
    Stream,
    Terminal,
)
from tfcli.render.tables import print_pairs
from tfcli.render.terminal import print_lines, print_wrapped, showable

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def print_doctor(console: Console, report: DoctorReport) -> None:
    """Print what was found, and what is wrong, the worst first."""
    print_pairs(console, f"tfcli {report.software.tfcli}", describe(report), blank=False)
    print_lines(console)
    for problem in report.problems:
        label, style = ("error", "bold red") if problem.stops_work else ("warning", "bold yellow")
        print_wrapped(console, Text.assemble((label, style), f": {showable(console, problem.line)}"), 2)
    if not report.problems:
        print_lines(console, Text("no problem found", "bold green"))


def describe(report: DoctorReport) -> dict[str, str]:
    """Return a line for each finding, by what it is about."""
    software = report.software
    return {
        "python": f"{software.python} on {software.platform}",
        "packages": ", ".join(map(describe_package, software.packages)),
        "devices": describe_devices(report.devices),
        "cores": describe_processor(report.processor),
        "memory": describe_memory(report.memory),
        "terminal": describe_terminal(report.terminal),
        "variables": " ".join(f"{name}={value}" for name, value in report.environment.items()) or "none",
        **{folder.purpose: describe_folder(folder) for folder in report.folders},
        "extras": ", ".join(map(describe_extra, report.extras)) or "unknown",
        "plugins": ", ".join(map(describe_plugin, report.plugins.found)) or "none",
    }


def describe_package(package: Package) -> str:
    """`torch 2.13.0 (>=2.9,<2.14)`: the range only where it has an upper end or doesn't hold."""
    shown = package.declared and (package.fits is False or "<" in package.declared)
    missing = "" if package.importable else " doesn't work"
    return f"{package.name} {package.version or '-'}{f' ({package.declared})' * bool(shown)}{missing}"


def describe_devices(devices: Devices) -> str:
    """Return the devices with their memory, and the one that `auto` takes."""
    if not devices.found:
        return "unknown"
    return f"{'; '.join(map(describe_device, devices.found))}; auto takes {devices.auto or 'none'}"


def describe_device(device: Device) -> str:
    """`cuda:0 NVIDIA H100 (79.1 GiB)`."""
    return f"{device.name} {device.description}" + f" ({size(device.memory)})" * (device.memory is not None)


def describe_processor(processor: Processor) -> str:
    """Return the cores, what may use them and what does."""
    threads = "unknown" if processor.threads is None else processor.threads
    load = "unknown" if processor.load is None else f"{processor.load:.1f}"
    return f"{processor.usable:g} of {processor.cores} usable, threads of torch: {threads}, load: {load}"


def describe_memory(memory: Memory) -> str:
    """Return the memory that is available, of all and within the limit."""
    limit = "" if memory.limit is None else f", limit {size(memory.limit)}"
    return f"{size(memory.available)} of {size(memory.total)} available{limit}"


def describe_terminal(terminal: Terminal) -> str:
    """Return where is printed, in how many columns and colours; both streams at once where they are alike."""
    by_stream = {"stdout": terminal.stdout, "stderr": terminal.stderr}
    if terminal.stdout == terminal.stderr:
        by_stream = {"stdout and stderr": terminal.stdout}
    words = [f"{name}: {describe_stream(stream)}" for name, stream in by_stream.items()]
    return f"{'; '.join(words)}; {terminal.width} columns, colours: {terminal.colours or 'none'}"


def describe_stream(stream: Stream) -> str:
    """Return whether it is a terminal, and its encoding."""
    return f"{'a terminal' if stream.is_terminal else 'no terminal'}, {stream.encoding}"


def describe_folder(folder: Folder) -> str:
    """Return where it is, and whether and how much can be written into it."""
    writable = "writable" if folder.writable else "not writable"
    return f"{folder.path or '-'} ({writable}, {size(folder.free)} free)"


def describe_extra(extra: Extra) -> str:
    """`plot`, or `plot (lacks matplotlib)`."""
    missing = [package.name for package in extra.packages if not package.importable]
    return f"{extra.name} (lacks {', '.join(missing)})" if missing else extra.name


def describe_plugin(plugin: Plugin) -> str:
    """Return what it is called and where it is from."""
    ignored = "" if plugin.loadable else ", not used"
    return f"{plugin.setting}={plugin.name} (from {plugin.distribution}{ignored})"


def size(number: int | None) -> str:
    """`1.5 GiB`."""
    if number is None:
        return "?"
    power = min(max(number.bit_length() - 1, 0) // 10, len(UNITS) - 1)
    return f"{number} {UNITS[0]}" if power == 0 else f"{number / 1024**power:.1f} {UNITS[power]}"
