"""Each file of tests/golden/campaign-errors has something wrong in it; beside it stands exactly what `check` says.

New or changed messages are accepted with `pytest --accept`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli._main import run_command_line

FOLDER = Path(__file__).parents[2] / "golden" / "campaign-errors"
Golden = Callable[[str, str], None]


def check(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of `tunebook check`. The list of known members grows with every new one."""
    status = run_command_line(["check", *arguments])
    out, err = capsys.readouterr()
    return status, out, re.sub(r"\(known: [^)]*\)", "(known: ...)", err)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_message(
    name: str, golden: Golden, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    status, out, err = check([f"{name}.yaml"], capsys)
    assert status == 2
    assert out == ""
    golden(f"campaign-errors/{name}.txt", err)


def test_every_expected_text_has_its_file() -> None:
    assert {p.stem for p in FOLDER.glob("*.txt")} == {p.stem for p in FOLDER.glob("*.yaml")}


def test_every_problem_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = check([str(FOLDER)], capsys)
    first_lines = [line for line in err.splitlines() if line.startswith("error[")]
    assert len(first_lines) > 60
    without = [line for line in first_lines if not re.search(r"\.yaml(:\d+:\d+)?\)$", line)]
    assert without == []


def test_missing_file_names_the_near_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart.yaml").write_text("")
    status, _, err = check(["quikstart.yaml"], capsys)
    assert status == 2
    assert err == "error[campaign-missing]: no such file (quikstart.yaml)\n  hint: did you mean quickstart.yaml?\n"


def test_folder_without_campaigns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    status, _, err = check(["empty"], capsys)
    assert status == 2
    assert err == "error[campaign-missing]: no campaign file (*.yaml, *.yml) in this folder (empty)\n"


def test_not_text(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    status, _, err = check(["latin.yaml"], capsys)
    assert status == 2
    assert err == "error[campaign-yaml]: not UTF-8 text: byte 9 (latin.yaml)\n  hint: save it as UTF-8\n"


def test_a_name_used_twice_is_an_error_of_both_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = (Path(__file__).parent / "good.yaml").read_text()
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(good)
    (tmp_path / "c.yaml").write_text(good.replace("name: good", "name: third"))
    status, out, err = check(["."], capsys)
    assert status == 2
    assert out == "ok c.yaml: third, 2 entries, 91 grid points, 4 levels, 20 trials\n"
    assert err == (
        "error[duplicate-name]: campaign name 'good' is also used by b.yaml (a.yaml:3:7)\n"
        "  hint: give each file a name of its own\n"
        "error[duplicate-name]: campaign name 'good' is also used by a.yaml (b.yaml:3:7)\n"
        "  hint: give each file a name of its own\n"
    )
