"""What `clean` asks, lists and refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from runner.cli._main import run_command_line
from runner.cli.clean import COMMAND

SHA256 = "ab" * 32


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setenv("TUNEBOOK_CACHE", str(cache))
    for name in (f"models/{SHA256}/m.gguf", "models/by-address/0123456789abcdef/w.bin", "models/my-own/config.json",
                 f"snapshots/{SHA256[:32]}.duckdb", "vega-bundle-1.js", "verified/x.json"):  # fmt: skip
        path = cache / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10_000)
    return cache


def asked(answers: str, *words: str) -> Result:
    return CliRunner().invoke(COMMAND, list(words), input=answers)


def test_each_group_is_asked_for(cache: Path, results: Path) -> None:
    done = asked("n\ny\n")
    assert done.exit_code == 0, done.output
    assert re.search(r"^remove 2 things of models, [\d.]+ kB\? \[y/N\]: n$", done.stdout, re.M)
    assert re.search(r"^remove 2 things of downloads, [\d.]+ kB\? \[y/N\]: y$", done.stdout, re.M)
    assert re.search(r"^  [\d.]+ kB are free again$", done.stdout, re.M)
    assert "engines: nothing (" in done.stdout
    assert (cache / "models" / SHA256 / "m.gguf").exists()
    left = sorted(path.name for path in cache.iterdir() if not path.is_dir() or any(path.iterdir()))
    assert left == ["models", "verified"]


def test_nothing_is_removed_without_an_answer(
    cache: Path, results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/null").open(encoding="utf-8") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        assert run_command_line(["clean", "models"]) == 2
    assert "error[usage]: clean asks, and nobody answered" in capsys.readouterr().err
    assert (cache / "models" / SHA256 / "m.gguf").exists()


def test_dry_run_only_lists(cache: Path, results: Path) -> None:
    before = sorted(cache.rglob("*"))
    done = asked("", "all", "--dry-run", "--yes")
    assert done.exit_code == 0
    assert re.search(r"^ +1\d\.\d kB +\d+ s  model m.gguf$", done.stdout, re.M), done.stdout
    assert sorted(cache.rglob("*")) == before
    assert not results.exists(), "looking makes no folder"


@pytest.mark.parametrize(("name", "words"), [("yes", ["--yes"]), ("json", ["--json"]), ("group", ["model", "--yes"])])
def test_refused(
    name: str, words: list[str], results: Path, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["clean", *words]) == 2
    golden(f"bad-input/clean-{name}.txt", capsys.readouterr().err)
