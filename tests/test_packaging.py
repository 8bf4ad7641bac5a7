"""What is installed from a wheel works from an empty folder, and brings no package called `tasks`."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tfcli
from tfcli.docs import TOPICS

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    [path] = out.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"tfcli"}
    assert "tfcli/examples.yaml" in names
    assert "tfcli/tasks/base.py" in names
    assert "tfcli/render/attention.py" in names
    assert "tfcli/render/web/shell/shell.html" in names
    assert "tfcli/py.typed" in names
    assert {f"tfcli/docs/{topic}.md" for topic in TOPICS} <= set(names)


def test_a_package_index_is_told_what_it_is(wheel: Path) -> None:
    [name] = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".dist-info/METADATA")]
    metadata = email.message_from_bytes(zipfile.ZipFile(wheel).read(name))
    assert metadata["Version"] == tfcli.__version__
    assert "self-attention" in metadata["Keywords"]
    assert "Intended Audience :: Education" in metadata.get_all("Classifier", [])
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_the_wheel_trains_and_answers_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    folder = tmp_path / "empty"
    folder.mkdir()
    # The wheel stands before whatever else is installed: an editable checkout must not answer for it.
    env = {**os.environ, "PYTHONPATH": str(site)}

    def call(*words: str) -> str:
        command = [sys.executable, "-m", "tfcli", *words]
        return subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout

    small = ["task.max_length=4", "task.vocab_size=3", "train.threads=1"]
    assert "runs/reverse: solved" in call("train", "reverse", *small)
    assert "layer 0 head 0" in call("attn", "0 1 2")
    assert "x.html: " in call("attn", "0 1 2", "--save", "x.html")
    assert call("docs", "positions").startswith("# Positional encodings\n")
    code = "import tfcli, tfcli.registry as r; print(tfcli.__file__, r.TASKS.package, tfcli.Task.__module__)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, check=True, capture_output=True, text=True
    ).stdout.split()
    assert found == [str(site / "tfcli/__init__.py"), "tfcli.tasks", "tfcli.tasks.base"]


def test_a_folder_called_tasks_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text("TASKS = {'mine': 'mine:Mine'}")
    command = [sys.executable, "-m", "tfcli", "ls"]
    text = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "reverse" in text
    assert "mine" not in text


@pytest.mark.slow
def test_a_folder_of_wheels_is_all_that_a_class_room_needs(tmp_path: Path) -> None:
    page = (ROOT / "tfcli/docs/install.md").read_text(encoding="utf-8")
    gather, install = re.findall(r"```sh\n(pip .*wheels.*)\n```", page)
    assert (gather, install) == ("pip wheel -w wheels .", "pip install --no-index --find-links wheels tfcli")
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, *gather.split()[1:-1], str(ROOT)], cwd=tmp_path, check=True, capture_output=True)
    tried = [*pip, *install.split()[1:], "--dry-run", "--ignore-installed"]
    result = subprocess.run(tried, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert re.search(rf"Would install .*\btfcli-{tfcli.__version__}\b", result.stdout)
    assert "torch-" in result.stdout
