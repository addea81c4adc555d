"""`--help` answers at once: no command imports anything heavy before it runs. Found from the command folders."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from runner.cli._commands import Commands
from runner.cli._root import root

HEAVY = [
    "optuna", "duckdb", "altair", "vl_convert", "transformers", "docker", "mkdocs", "aiohttp", "httptools",
    "pydantic", "jinja2", "rich", "torch", "numpy", "pandas", "pyarrow", "ray", "genai_bench", "xllamacpp", "pynvml",
]  # fmt: skip


def commands() -> Iterator[tuple[str, ...]]:
    """The words of every command, groups and their inner commands too."""
    assert isinstance(root, Commands)
    context = click.Context(root)
    for name in root.list_commands(context):
        yield (name,)
        command = root.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((name, inner) for inner in command.list_commands(context))


def heavy_after(prelude: str, *words: str) -> list[str]:
    """What of HEAVY is loaded when `tunebook WORDS` has ended, in a process of its own."""
    code = (
        f"import sys, json\nsys.argv = ['tunebook', *sys.argv[1:]]\n{prelude}\nfrom runner.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    status = end.code\n"
        f"sys.stderr.write(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))\nsys.exit(status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: tunebook" in done.stdout
    loaded: list[str] = json.loads(done.stderr)
    return loaded


@pytest.mark.parametrize("words", [(), *commands()], ids=" ".join)
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    assert heavy_after("", *words, "--help") == []


def test_something_heavy_would_be_seen() -> None:
    assert heavy_after("import duckdb", "check", "--help") == ["duckdb"]
