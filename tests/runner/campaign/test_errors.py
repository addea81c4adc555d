"""Each file of tests/golden/campaign-errors has something wrong in it; beside it stands exactly what `check` says.

New or changed messages are accepted with `pytest --accept`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.campaign.secrets import in_command, in_text
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
    name: str, golden: Golden, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copy(FOLDER / f"{name}.yaml", tmp_path)  # alone: those beside it have the same name
    monkeypatch.chdir(tmp_path)
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
        "error[duplicate-name]: campaign name 'good' is also used by b.yaml:3:7 (a.yaml:3:7)\n"
        "  hint: give each file a name of its own\n"
        "error[duplicate-name]: campaign name 'good' is also used by a.yaml:3:7 (b.yaml:3:7)\n"
        "  hint: give each file a name of its own\n"
    )


def test_a_single_file_is_checked_against_those_beside_it_and_in_the_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other file may be broken, or far away in campaigns/; files that are no campaigns do not count."""
    good = (Path(__file__).parent / "good.yaml").read_text()
    (tmp_path / "mkdocs.yml").write_text("name: good\n")
    for folder, text in (("proposed", good), ("campaigns", "tunebook: 1\nname: good\nbroken: true\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.yaml").write_text(text)
    (tmp_path / "proposed" / "compose.yml").write_text("name: good\nservices: {}\n")
    monkeypatch.chdir(tmp_path)
    status, out, err = check(["proposed/one.yaml"], capsys)
    assert (status, out) == (2, "")
    assert err == (
        "error[duplicate-name]: campaign name 'good' is also used by campaigns/one.yaml:2:7 (proposed/one.yaml:3:7)\n"
        "  hint: give each file a name of its own\n"
    )


def test_two_names_for_one_lineage_are_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (Path(__file__).parent / "good.yaml").read_text()
    (tmp_path / "a.yaml").write_text(good)
    (tmp_path / "b.yaml").write_text(good.replace("name: good", "name: twin"))
    monkeypatch.chdir(tmp_path)
    status, _, err = check(["b.yaml"], capsys)
    assert status == 0
    assert err == (
        "warning: good (a.yaml) and twin (b.yaml) measure the same: they would share their trials, and the objective "
        "and SLOs of the one that ran last judge all of them\n"
    )
    status, out, _ = check([".", "--json"], capsys)
    assert status == 0
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["checked", "checked", "warning", "end"]


@pytest.mark.parametrize(
    "line",
    [
        "# my key is hf_abcDEF123456ghijkl",
        "description: Authorization is Bearer abc123def456",
        "description: sk-proj-abc123def456ghi789",
        "description: ghp_abcdefghij1234567890",
        "description: glpat-abcdefghij1234567890",
        "description: AKIAIOSFODNN7EXAMPLE",
        "description: https://me:hunter2@host/x",
        "hf_abcDEF123456ghijkl: an unknown key",
    ],
)
def test_a_secret_is_refused_wherever_it_stands_and_never_shown(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (Path(__file__).parent / "good.yaml").read_text()
    good = "".join(one for one in good.splitlines(keepends=True) if not one.startswith("description:"))
    (tmp_path / "a.yaml").write_text(good + line + "\n")
    monkeypatch.chdir(tmp_path)
    status, _, err = check(["a.yaml"], capsys)
    assert status == 2
    (problem,) = [one for one in err.splitlines() if one.startswith("error[secret]: what looks like a")]
    assert "env: [NAME]" in err
    secret = max(line.split(), key=len).rstrip(":")
    assert secret not in err
    assert len(good.splitlines()) + 1 == int(problem.rsplit(":", 2)[1])


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("serve --api-key abc --port {port}", ["--api-key"]),
        ("serve --api-key $KEY --token ${TOKEN} --max-token 5 --api-key-file key.txt {flags}", []),
        ("env HF_TOKEN=abc serve", ["HF_TOKEN"]),
        ('sh -c "serve --password=abc --port {port}"', ["--password"]),
        (["serve", "--token", "abc"], ["--token"]),
        ("serve --api-key --port {port}", []),
    ],
)
def test_literal_secrets_of_a_command_line(command: str | list[str], names: list[str]) -> None:
    assert list(in_command(command)) == names


@pytest.mark.parametrize(
    "text", ["bearer tokens are passed through", "sk-learn-something-else", "hf_transfer", "http://host:8000/x@y"]
)
def test_words_are_no_secrets(text: str) -> None:
    assert in_text(text, "x.yaml") == []
