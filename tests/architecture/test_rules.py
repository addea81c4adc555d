"""Invariants of the design that no linter knows."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUIET = ("domain", "scoring", "stats", "space", "render")
IO_NAMES = {"open", "print", "input"}
IO_MODULES = {"os", "time", "random", "socket", "subprocess", "pathlib", "urllib", "shutil", "tempfile", "duckdb"}


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_quiet_packages_do_no_io_and_read_no_clock() -> None:
    bad = []
    for path, tree in sources(*(f"runner/{name}" for name in QUIET)):
        modules = imported(tree) & IO_MODULES
        if "space" in path.parts:
            modules -= {"random"}  # a seeded random.Random is handed in, the module's own state is never used
        calls = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IO_NAMES
        }
        if modules or calls:
            bad.append((str(path), sorted(modules | calls)))
    assert bad == []


def test_only_util_process_starts_processes() -> None:
    bad = []
    for path, tree in sources("runner", "report"):
        if str(path) == "runner/util/process.py":
            continue
        starts = imported(tree) & {"subprocess", "multiprocessing", "pty"}
        # The launcher and the simulated engine run inside the engine's own process, not in ours.
        engine_side = str(path).startswith(("runner/simulated/", "runner/runtimes/llama_cpp/launcher"))
        if starts and not engine_side:
            bad.append((str(path), sorted(starts)))
    assert bad == []


def test_sql_stands_only_in_the_store_and_in_queries() -> None:
    bad = []
    for path, tree in sources("runner", "report"):
        # report/exports.py writes a new database for downloads; it never touches the store.
        if str(path).startswith("runner/store/") or str(path) == "report/exports.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.lstrip().upper()
                if text.startswith(("INSERT INTO", "DELETE FROM", "UPDATE STORE", "CREATE TABLE STORE", "DROP ")):
                    bad.append((str(path), node.lineno))
    assert bad == []


def test_no_file_is_a_crowd() -> None:
    """No source file over 400 lines; no file called utils."""
    long = {
        str(path): count
        for folder in ("runner", "report")
        for path in (ROOT / folder).rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
    assert not list(ROOT.glob("runner/**/utils.py")) + list(ROOT.glob("report/**/utils.py"))


@pytest.mark.parametrize(
    "command", ["", "run", "build", "sql", "check", "plan", "store", "reap", "new", "serve", "status", "logs"]
)
def test_help_imports_nothing_heavy(command: str) -> None:
    """`--help` answers at once because none of these is imported at module level of a command."""
    heavy = ["optuna", "duckdb", "altair", "vl_convert", "transformers", "docker", "mkdocs", "aiohttp", "pydantic"]
    code = (
        "import sys\nsys.argv = ['tunebook'] + sys.argv[1:]\nfrom runner.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    status = end.code\n"
        f"sys.stderr.write(','.join(m for m in {heavy!r} if m in sys.modules))\nsys.exit(status)\n"
    )
    words = [command, "--help"] if command else ["--help"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: tunebook" in done.stdout
    assert done.stderr == "", f"imported for --help: {done.stderr}"
