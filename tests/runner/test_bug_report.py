"""What the command line says of our own bug, also where the report can not be written."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

from runner.cli import _main, _root


def broken(**arguments: Any) -> int:
    raise ZeroDivisionError("with hf_abcdefghij1234")


def test_a_bug_becomes_a_report_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(_root.root, "main", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert _main.run_command_line([]) == 3
    told = capsys.readouterr().err
    [report] = tmp_path.glob("tunebook-bug-*.txt")
    assert re.search(r"error\[internal\]: BUG: ZeroDivisionError.*\n  hint: .*please report it with ", told)
    assert str(report) in told
    assert "Traceback" in report.read_text(encoding="utf-8")
    assert "hf_abc" not in told + report.read_text(encoding="utf-8")


def test_without_a_place_for_the_file_it_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(_root.root, "main", broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert _main.run_command_line([]) == 3
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told.partition("Traceback")[2]
    assert told.count("error[internal]") == 1
    assert "hf_abc" not in told
