"""`.env` files: what python-dotenv reads, and for a bad line its place."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import UsageError
from runner.util.dotenv import use_env_files, values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("  export A = one two  # said\n# B=2\n\nC=", {"A": "one two", "C": ""}),
        ("A=with#hash\nB=#none", {"A": "with#hash", "B": ""}),
        ("A='it''", {}),
        ("A='$x \\' ${HOME}' # said\nB=2", {"A": "$x ' ${HOME}", "B": "2"}),
        ('A="two\nlines\\t\\"x\\""\nB=2', {"A": 'two\nlines\t"x"', "B": "2"}),
        ("A=1\nB=${A}/${NOT:-else}/${NOT}", {"A": "1", "B": "1/else/"}),
        ("A=http://u:p@h:1/?a=b&c=d", {"A": "http://u:p@h:1/?a=b&c=d"}),
        ("A=1\nA=2", {"A": "2"}),
        ("'A'=1", {"A": "1"}),
    ],
)
def test_lines(text: str, expected: dict[str, str]) -> None:
    if not expected:
        with pytest.raises(UsageError):
            values(text, ".env", {})
        return
    assert values(text, ".env", {}) == expected


def test_the_outer_environment_wins_in_references_too() -> None:
    assert values("A=1\nB=${A}", ".env", {"A": "outer"})["B"] == "outer"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("A=1\n\nnothing here", 3, "no NAME=value"),
        ("# a\nA='x\ny\nz", 2, "never closed"),
        ('A="x\ny"\nB="z" w', 3, "something stands behind"),
        ("=1", 1, "no NAME=value"),
        ("2A=1", 1, "no name of an environment variable"),
        ("A=1\nA-B=1", 2, "no name of an environment variable"),
        ("A=\0", 1, "NUL"),
        ("LD_PRELOAD=/x.so", 1, "decides which programs run"),
        ("A=1\nPATH=/x", 2, "decides which programs run"),
        ("PYTHONPATH=.", 1, "decides which programs run"),
        ("PIP_INDEX_URL=http://x", 1, "decides which programs run or whom they trust"),
        ("SSL_CERT_FILE=x", 1, "whom they trust"),
    ],
)
def test_a_bad_line_is_named_without_its_value(text: str, line: int, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        values(text, ".env.local", {})
    assert str(caught.value.where) == f".env.local:{line}"


def test_a_secret_on_a_bad_line_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        values("HF_TOKEN 'words-of-a-token", ".env", {})
    assert "words" not in " ".join(caught.value.problems()[0].lines())


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UsageError):
        assert all("\0" not in value for value in values(text, ".env", {}).values())


@given(st.dictionaries(st.from_regex(r"[AB]_[A-Z0-9_]{1,8}", fullmatch=True), st.text(st.characters(codec="utf-8"))))
def test_what_is_quoted_comes_back(given: dict[str, str]) -> None:
    given = {name: value.replace("\0", "").replace("\r", "") for name, value in given.items()}
    text = "".join("{}='{}'\n".format(name, value.replace("\\", "\\\\").replace("'", "\\'"))
                   for name, value in given.items())  # fmt: skip
    assert values(text, ".env", {}) == given


def test_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process wins, then .env.local, then .env."""
    (tmp_path / ".env").write_text("TB_ONE=env\nTB_TWO=env\nTB_THREE=env\n")
    (tmp_path / ".env.local").write_text("TB_TWO=local\nTB_THREE=local\nTB_FOUR=${TB_ONE}\n")
    for name in ("TB_ONE", "TB_TWO", "TB_FOUR"):
        monkeypatch.setenv(name, "to be removed after the test")
        monkeypatch.delenv(name)
    monkeypatch.setenv("TB_THREE", "")
    assert sorted(use_env_files(tmp_path)) == ["TB_FOUR", "TB_ONE", "TB_TWO"]
    assert [os.environ[f"TB_{name}"] for name in ("ONE", "TWO", "THREE", "FOUR")] == ["env", "local", "", "env"]
    assert use_env_files(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("text", "kept"), [("HF_ENDPOINT=http://a", "1"), ("HF_ENDPOINT=http://a\nHF_TOKEN=b", None), ("HF_TOKEN=b", None)]
)
def test_a_token_of_the_user_is_not_for_a_hub_that_the_project_names(
    text: str, kept: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(text)
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_DISABLE_IMPLICIT_TOKEN"):
        monkeypatch.setenv(name, "to be removed after the test")
        monkeypatch.delenv(name)
    use_env_files(tmp_path)
    assert os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN") == kept


def test_other_bytes_are_named_by_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\nB=\xff\n")
    with pytest.raises(UsageError, match="not UTF-8") as caught:
        use_env_files(tmp_path)
    assert str(caught.value.where) == ".env:2"
