"""The documentation, a Markdown file a topic. Its tables are made from the code."""

from __future__ import annotations

from importlib.resources import files

from tfcli.errors import UsageError, did_you_mean

TOPICS = {
    "install": "Linux, macOS, Windows and its shells; class rooms without a network",
    "commands": "every command with its options",
    "settings": "every setting of a task, a model and its training; examples and files",
    "tasks": "the tasks, how they are laid out, and what is held out",
    "data": "files of your own, texts, generation, starting from another run",
    "runs": "which runs there are, held against each other, renamed, removed; TensorBoard",
    "sweeps": "many runs at once: grids, seeds, searches, and what they say",
    "positions": "positional encodings, and what structure each has built in",
    "inspection": "attention maps, head roles, ablations, the forward pass, patching, snapshots",
    "pretrained": "BERT, RoBERTa, DistilBERT and GPT-2 as runs; runs as ONNX, and for other libraries",
    "adding": "a task, a positional encoding, a norm, an optimizer of your own",
    "security": "what runs code, and what opening somebody else's run can do",
    "json": "the keys of every command's --json",
    "python": "the same from Python",
    "benchmarks": "how fast examples are solved, how far that carries, and beside whom",
    "architecture": "the rooms of the code, and how it flows",
    "glossary": "the words that are used here, and what each number means",
    "lesson": "a lesson of 45 minutes on self-attention, with exercises and answers",
    "lesson.zh": "the lesson in Chinese (中文教案)",
    "changelog": "what has changed from version to version",
    "README.zh": "the README in Chinese (中文说明)",
}


def read(topic: str) -> str:
    """Return the Markdown of a topic.

    Raises:
        UsageError: there is none of this name.
    """
    names = {name.lower(): name for name in TOPICS}
    name = names.get(topic.lower().removesuffix(".md"))
    if name is None:
        near = did_you_mean(topic, TOPICS)
        raise UsageError(f"no such topic as {topic!r}{near} (topics: {', '.join(TOPICS)})")
    return files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")
