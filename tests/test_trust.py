"""A stranger's run: none of its code runs unless its user says so."""

from __future__ import annotations

import os
import py_compile
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

import tfcli as package
from tests.conftest import SMALL, Cli, invoke, tfcli
from tfcli.config import neighbours
from tfcli.config.neighbour_imports import import_neighbours_of
from tfcli.config.trust import digest
from tfcli.errors import UsageError

CODE = """
import os
from pathlib import Path
from tfcli import Norm, Task

Path(os.environ["RAN"]).touch()

class Mine(Task):
    def target(self, inputs):
        return inputs

class MyNorm(Norm):
    def forward(self, x):
        return x / x.norm(dim=-1, keepdim=True)
"""
COMMANDS = [
    ["predict", "stranger", "1 2 3"],
    ["predict", "1 2 3"],
    ["eval", "stranger"],
    ["eval"],
    ["attn", "stranger", "1 2 3"],
    ["attn", "stranger", "1 2 3", "--save", "map.html"],
    ["attn", "stranger", "--over-time"],
    ["trace", "stranger", "1 2 3"],
    ["patch", "stranger", "--clean", "1 2 3", "--corrupt", "1 2 0"],
    ["inspect", "stranger", "--heads"],
]
QUIET = [["inspect", "stranger"], ["ls"], ["validate", "runs/stranger/config.yaml"], ["show", "copy"]]
NAMED = {
    "a task": ["task.name=mine.py:Mine"],
    "a part": ["model.norm=mine.py:MyNorm"],
    "a share": ["model.positions={ends: 2, rank: 1, mine.py:Near: 1}"],
}
NEAR = """
class Near(__import__("tfcli").Positions):
    def rotate(self, x, at):
        return x
"""


@pytest.fixture
def ran(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that the code leaves behind when it runs."""
    monkeypatch.setenv("RAN", str(folder / "ran"))
    return folder / "ran"


@pytest.fixture
def forget(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was ever trained with by this user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(folder / "state"))


def make_run(folder: Path, settings: list[str], code: str = CODE + NEAR, *, apart: bool = False) -> Path:
    """Train a run with code beside it, of somebody else: with another list of what is trusted."""
    (folder / "mine.py").write_text(code)
    theirs = str(folder / "theirs")
    words = ["train", "copy", *settings, *SMALL, "train.steps=2", "train.snapshot_every=1", "-q"]
    words += ["--out", "runs/stranger"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", theirs)
        patch.setenv("LOCALAPPDATA", theirs)
        if apart:  # in a process of its own
            assert tfcli(*words, cwd=folder).returncode == 0
        else:
            invoke(*words)
    return folder / "runs/stranger"


@pytest.fixture(params=NAMED)
def stranger(request: pytest.FixtureRequest, folder: Path, ran: Path, forget: None) -> Iterator[Path]:
    run = make_run(folder, NAMED[request.param])
    ran.unlink()
    yield run
    sys.modules.pop("tfcli_file_mine", None)


@pytest.mark.usefixtures("stranger")
def test_no_command_runs_the_code_of_a_strangers_run(cli: Cli, folder: Path, ran: Path) -> None:
    for words in COMMANDS:
        error = cli(*words, expect=2).stderr
        assert f"sha256 {digest(folder / 'mine.py')}" in error
        assert f"--trust {folder / 'mine.py'}" in error
        assert not ran.exists(), words
    for words in QUIET:
        cli(*words)
        assert not ran.exists(), words


@pytest.mark.usefixtures("stranger")
def test_its_code_runs_once_it_is_named(cli: Cli, ran: Path) -> None:
    for words in COMMANDS:
        cli(*words, "--trust", "mine.py")
        assert ran.exists(), words
        ran.unlink()
    cli("eval", "stranger", "--trust", "theirs", expect=2)
    assert not ran.exists()


def test_python_asks_too(stranger: Path, folder: Path, ran: Path) -> None:
    with pytest.raises(UsageError, match="--trust"):
        package.load(stranger)
    assert not ran.exists()
    package.load(stranger, trust=[folder / "mine.py"])
    assert ran.exists()


@pytest.mark.usefixtures("ran", "forget")
def test_what_was_trained_with_is_trusted_until_it_changes(cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text(CODE)
    cli("train", "copy", "task.name=mine.py:Mine", *SMALL, "train.steps=2", "-q", "--out", "mine")
    cli("eval", "mine")
    (folder / "mine.py").write_text(CODE + "# changed\n")
    assert "as it is now" in cli("eval", "mine", expect=2).stderr
    shutil.move(folder / "mine.py", folder / "gone.py")
    assert "can't read" in cli("eval", "mine", expect=2).stderr


@pytest.mark.usefixtures("ran", "forget")
@pytest.mark.parametrize("where", ["helper.py", "helper/__init__.py", "helper/inner.py"])
def test_what_a_trusted_file_imports_from_beside_it_is_a_part_of_it(
    cli: Cli, folder: Path, where: str
) -> None:
    (folder / "helper").mkdir(exist_ok=True)
    if where != "helper.py":
        (folder / "helper/__init__.py").write_text("from helper import inner")
        (folder / "helper/inner.py").write_text("")
    else:
        (folder / "helper.py").write_text("")
    make_run(folder, ["task.name=mine.py:Mine"], "import helper\n" + CODE, apart=True)
    shutil.copytree(folder / "theirs", folder / "state")  # the same user
    (folder / where).write_text("print('something else')")
    done = tfcli("eval", "stranger", cwd=folder)
    assert done.returncode == 2
    assert "something else" not in done.stdout


@pytest.mark.parametrize("name", ["mine", "helper"])
def test_bytecode_beside_a_trusted_file_is_not_run(folder: Path, ran: Path, forget: None, name: str) -> None:
    (folder / "helper.py").write_text("VALUE = 1\n" + "#" * 80)
    run = make_run(folder, ["task.name=mine.py:Mine"], "import helper\n" + CODE, apart=True)
    shutil.copytree(folder / "theirs", folder / "state")
    source = folder / f"{name}.py"
    text, times = source.read_text(), source.stat()
    evil = "import sys; print('evil', file=sys.stderr); sys.exit(9)"
    source.write_text(evil + "#" * (len(text) - len(evil)))
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    py_compile.compile(str(source), doraise=True)
    source.write_text(text)
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    done = tfcli("eval", run.name, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "evil" not in done.stderr
    assert ran.exists()


MARK = "import os\nfrom pathlib import Path\nPath(os.environ['RAN']).touch()\n"
PART = """
import tfcli
{imports}
class MyNorm(tfcli.Norm):
    def forward(self, x):
        return x
"""


@pytest.fixture
def copied(ran: Path, folder: Path, cli: Cli) -> Callable[[str], Path]:
    """Return a function that trains with a file, and gives the folder that it and its run were moved to."""

    def copy(imports: str, **beside: str) -> Path:
        home = folder / "home"
        home.mkdir()
        (home / "parts.py").write_text(PART.format(imports=imports))
        for name, text in beside.items():
            (home / f"{name}.py").write_text(text)
        words = [*SMALL, "train.steps=2", "-q", "--out", str(home / "run")]
        cli("train", "copy", f"model.norm={home}/parts.py:MyNorm", *words)
        return home.rename(folder / "stranger")

    return copy


TRY = "try:\n    import {0}\nexcept ImportError:\n    pass\n"


@pytest.mark.parametrize("name", ["msvcrt", "winreg", "extra"])
def test_what_a_stranger_lays_beside_a_trusted_file_is_not_run(
    name: str, copied: Callable[[str], Path], ran: Path
) -> None:
    if name in sys.stdlib_module_names and sys.platform == "win32":
        pytest.skip("it is there")
    stranger = copied(TRY.format(name))
    (stranger / f"{name}.py").write_text(MARK)
    result = tfcli("predict", str(stranger / "run"), "1 2", cwd=stranger.parent)
    assert result.returncode == 2, result.stderr
    assert not ran.exists()


def test_only_what_is_imported_by_a_statement_can_be(copied: Callable[[str], Path], ran: Path) -> None:
    stranger = copied(
        "import importlib\ntry:\n    importlib.import_module('ext' + 'ra')\nexcept ImportError:\n    pass\n"
    )
    (stranger / "extra.py").write_text(MARK)
    assert tfcli("predict", str(stranger / "run"), "1 2", cwd=stranger.parent).returncode == 0
    assert not ran.exists()


def test_a_folder_of_bytecode_in_the_path_hides_nothing(copied: Callable[[str], Path], ran: Path) -> None:
    stranger = copied(TRY.format("extra"))
    hidden = stranger.parent / "__pycache__/p"
    hidden.parent.mkdir()
    stranger.rename(hidden)
    (hidden / "extra.py").write_text(MARK)
    assert tfcli("predict", str(hidden / "run"), "1 2", cwd=hidden.parent).returncode == 2
    assert not ran.exists()


def test_a_linked_folder_of_a_package_belongs_to_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import helper\n")
    (tmp_path / "helper").mkdir()
    (tmp_path / "helper/__init__.py").write_text("")
    before = digest(tmp_path / "mine.py")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/fast.py").write_text("")
    (tmp_path / "helper/extra").symlink_to(tmp_path / "other", target_is_directory=True)
    assert digest(tmp_path / "mine.py") != before
    (tmp_path / "helper/loop").symlink_to(tmp_path / "helper", target_is_directory=True)
    assert len(digest(tmp_path / "mine.py")) == 64


def test_a_folder_without_init_is_the_same_before_and_after_it_is_imported(
    ran: Path, folder: Path, cli: Cli
) -> None:
    (folder / "helper").mkdir()
    (folder / "helper/sizes.py").write_text("SCALE = 1.0\n")
    (folder / "parts.py").write_text(PART.format(imports="from helper.sizes import SCALE"))
    before = digest(folder / "parts.py")
    cli("train", "copy", "model.norm=parts.py:MyNorm", *SMALL, "train.steps=2", "-q")
    assert digest(folder / "parts.py") == before
    cli("predict", "copy", "1 2")
    cli("train", "--resume", "copy", "train.steps=4", "-q")


def test_plugins_that_lie_beside_a_file_are_not_installed(copied: Callable[[str], Path], ran: Path) -> None:
    stranger = copied("")
    metadata = stranger / "evil-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[tfcli.norm]\nevil = evilmod:Evil\n")
    (stranger / "evilmod.py").write_text(MARK)
    config = stranger / "run/config.yaml"
    config.write_text(re.sub(r"  norm: .*", "  norm: evil", config.read_text()))
    result = tfcli("predict", str(stranger / "run"), "1 2", cwd=stranger.parent)
    assert result.returncode == 0, result.stderr
    assert not ran.exists()


def test_packages_of_two_files_do_not_get_into_each_others_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in ("one", "two"):
        (tmp_path / name / "shared").mkdir(parents=True)
        (tmp_path / name / "shared/__init__.py").write_text("")
        (tmp_path / name / "shared/late.py").write_text(f"NAME = {name!r}\n")
        (tmp_path / name / "mine.py").write_text("import shared\n")
    import_neighbours_of(tmp_path / "one/mine.py")
    module = import_module("shared")
    import_neighbours_of(tmp_path / "two/mine.py")
    try:
        assert import_module("shared.late").NAME == "one"
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "shared"]:
            del sys.modules[name]
    assert module.__file__ == str(tmp_path / "one/shared/__init__.py")


def test_where_tasks_is_not_ours_it_is_a_neighbour_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "ROOT", tmp_path / "as in a wheel")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not (Path(path) / "tasks").is_dir()])
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/own.py").write_text("")
    (tmp_path / "mine.py").write_text("from tasks import own\n")
    before = digest(tmp_path / "mine.py")
    (tmp_path / "tasks/own.py").write_text("# changed\n")
    assert digest(tmp_path / "mine.py") != before
