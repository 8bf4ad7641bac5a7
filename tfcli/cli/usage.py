"""What is wrong with a command line, with the right form where a near one was meant."""

from __future__ import annotations

import re

import typer

COMMANDS = {  # as they are called here -> as people call them elsewhere
    "train": "fit learn run start",
    "eval": "evaluate score test",
    "attn": "attend attention heatmap map maps plot visualise visualize weights",
    "predict": "ask infer inference",
    "trace": "forward steps",
    "inspect": "describe heads info summary",
    "ls": "examples list models runs tasks",
    "compare": "diff plot versus vs",
    "show": "cat config view",
    "bench": "benchmark",
    "sweep": "grid hyperparameters multirun search tune",
    "generate": "complete sample",
    "mv": "move rename",
    "rm": "clean delete prune remove",
    "docs": "doc documentation man manual",
}
MEANT = {word: command for command, words in COMMANDS.items() for word in words.split()}
TAKE_SEQUENCES = ("attn", "generate", "predict", "trace")
IN_QUOTES = 'write a sequence in quotes: "3 1 2"'
OTHER_OPTIONS = {  # of `train`, as people call them -> what to write
    "config": "name the file alone: tfcli train FILE.yaml",
    "example": "name the example alone: tfcli train reverse",
    "task": "name the example alone, tfcli train reverse, or the task: tfcli train copy task.name=TASK",
    "name": "--out runs/NAME names the folder of the run, task.name=TASK the task",
    "output": "the folder of the run is --out FOLDER",
    "output-dir": "the folder of the run is --out FOLDER",
    "verbose": "progress is shown anyway; --quiet shows none",
}
SHORT = {"o": "output", "c": "config", "n": "name", "v": "verbose", "t": "task"}


def usage_message(error: typer.TyperException) -> str:
    """Return a line on what is wrong, and on the fix."""
    message = error.format_message().rstrip(".").replace(": Value error, ", ": ")
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    words = [str(word) for word in context.meta.get("words", [])]
    better = explain_command(message, words) or explain_option(message, context.info_name, words)
    if better:
        return better
    if number := re.match(r"Invalid value for '(-[\w-]+)': Input should be a valid integer", message):
        message = f"{number[1]} takes one whole number"
    if "unexpected extra argument" in message and context.info_name in TAKE_SEQUENCES:
        message += f"; {IN_QUOTES}"
    return f"{message} (see `{context.command_path} --help`)"


def explain_command(message: str, words: list[str]) -> str | None:
    """Return what was meant by a command that there isn't: another name of one, an example, or help."""
    unknown = re.match(r"No such command '(.*?)'", message)
    if unknown is None:
        return None
    name = unknown[1]
    rest = words[words.index(name) + 1 :] if name in words else []
    if name == "help":
        return explain_help(rest)
    from tfcli.config.files import example_names

    if name in MEANT:
        return f"No such command '{name}'; did you mean `{' '.join(['tfcli', MEANT[name], *rest[:1]])}`?"
    if name in example_names() or name.lower().endswith((".yaml", ".yml")):
        return f"No such command '{name}'; did you mean `tfcli train {name}`?"
    return None


def explain_help(words: list[str]) -> str:
    """Return where help is: on a command, on a topic, or on all."""
    from tfcli.docs import TOPICS

    topic = words[0] if words else ""
    if topic in TOPICS:
        return f"No such command 'help'; did you mean `tfcli docs {topic}`?"
    if topic:
        return f"No such command 'help'; did you mean `tfcli {MEANT.get(topic, topic)} --help`?"
    return "No such command 'help'; did you mean `tfcli --help`? `tfcli docs` lists what can be read"


def explain_option(message: str, command: str | None, words: list[str]) -> str | None:
    """Return what was meant by an option that there isn't: a setting, or what another tool calls so."""
    option = re.match(r"No such option: -(-?)([\w.-]*)", message)
    if option is None:
        return None
    name = option[2] if option[1] else SHORT.get(option[2], "")
    if command in ("train", "bench", "sweep"):
        from tfcli.config.meanings import find_meant

        if command == "train" and name in OTHER_OPTIONS:
            return f"No such option: -{option[1]}{option[2]}; {OTHER_OPTIONS[name]}"
        setting = find_meant(name) if name else None
        if command == "sweep" and setting == "train.seeds":  # of which each run of a sweep has but one
            setting = "train.seed"
        if setting and "." in setting:
            value = value_of(option[2], words)
            counted = "; a step is a batch, epochs aren't counted" if "epoch" in name else ""
            return (
                f"{setting} is a setting, not an option: write it without dashes, {setting}={value}{counted}"
            )
    if not option[1] and command in TAKE_SEQUENCES:
        return f'{message}; a sequence that begins with - wants -- before it: {command} -- "- + +"'
    return None


def value_of(name: str, words: list[str]) -> str:
    """Return what was given to an option, if it can be told; else VALUE."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        given, equals, value = word.partition("=")
        if given == f"--{name}" and (equals or not following.startswith("-")):
            return (value if equals else following) or "VALUE"
    return "VALUE"
