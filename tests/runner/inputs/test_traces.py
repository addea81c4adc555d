"""Traces in their public forms: what a line becomes, and what is said of one that is wrong."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from runner.domain.load import RequestFile
from runner.errors import HashMismatch, RequestFileError
from runner.inputs.prepared import Facts, facts, prepared
from runner.models.hashes import sha256_of

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
GOOD = AZURE + "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,0\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def given(folder: Path, content: str | bytes, name: str = "trace.csv", form: str = "azure", **more: Any) -> RequestFile:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return RequestFile(more.pop("sha256", None) or sha256_of(path), form, path=name, **more)


def lines(file: RequestFile, folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in prepared(file, folder).read_text().splitlines()]


def mooncake(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_azure_has_moments_and_counts(tmp_path: Path) -> None:
    file = given(tmp_path, GOOD)
    assert lines(file, tmp_path) == [
        {"prompt": 374, "output": 44, "at": 0.0},
        {"prompt": 396, "output": 1, "at": 4.314579},  # a request without output asks for one token
    ]
    assert facts(file, tmp_path) == Facts(2, 418)


def test_azure_of_another_year_names_its_time_zone(tmp_path: Path) -> None:
    text = AZURE + "2024-05-10 00:00:00.009930+00:00,2162,5\r\n2024-05-10 00:00:00.259930+00:00,2399,6\r\n"
    assert [line["at"] for line in lines(given(tmp_path, text), tmp_path)] == [0.0, 0.25]


def test_mooncake_has_milliseconds_and_blocks(tmp_path: Path) -> None:
    text = mooncake(
        {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]},
        {"timestamp": 30535, "input_length": 6472, "output_length": 26, "hash_ids": []},
    )
    assert lines(given(tmp_path, text, "t.jsonl", "mooncake"), tmp_path) == [
        {"prompt": 6955, "output": 52, "blocks": [46, 47], "at": 0.0},
        {"prompt": 6472, "output": 26, "at": 3.053},
    ]


WRONG: dict[str, tuple[str, str, str]] = {
    "a column is missing": ("azure", "TIMESTAMP,Tokens\n1,2\n", "no column ContextTokens"),
    "of the other form": ("mooncake", "TIMESTAMP,ContextTokens\n", "line 1: not JSON"),
    "negative": ("azure", AZURE + "2023-11-16 18:15:46,-3,4\n", "line 2: ContextTokens is -3"),
    "no number": ("azure", AZURE + "2023-11-16 18:15:46,3,four\n", "GeneratedTokens must be a whole number of tokens"),
    "no time": ("azure", AZURE + "yesterday,3,4\n", "TIMESTAMP must be a date and time, not 'yesterday'"),
    "backwards": (
        "azure",
        AZURE + "2023-11-16 18:15:46,3,4\n2023-11-16 18:15:44,3,4\n",
        "line 3: its time is 2 s before that of the line before it",
    ),
    "short line": ("azure", AZURE + "2023-11-16 18:15:46,3\n", "line 2: 2 values, and the head names 3 columns"),
    "no request": ("azure", AZURE, "there is no request in it"),
    "no text": ("azure", AZURE + "\udcff,1,1\n", "not UTF-8 text"),
    "half a line": ("mooncake", '{"timestamp": 1, "inp', "line 1: not JSON"),
    "no object": ("mooncake", "[1, 2]\n", "line 1: not an object, but list"),
    "text for a number": (
        "mooncake",
        mooncake({"timestamp": "now", "input_length": 1, "output_length": 1}),
        "timestamp must be milliseconds",
    ),
    "blocks of text": (
        "mooncake",
        mooncake({"timestamp": 1, "input_length": 1, "output_length": 1, "hash_ids": ["a"]}),
        "hash_ids must be a list of whole numbers",
    ),
    "nan": (
        "mooncake",
        '{"timestamp": NaN, "input_length": 1, "output_length": 1}\n',
        "timestamp must be milliseconds",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_trace_says_where(name: str, tmp_path: Path) -> None:
    form, text, message = WRONG[name]
    file = given(tmp_path, text.encode(errors="surrogateescape"), "trace.any", form)
    with pytest.raises(RequestFileError) as error:
        facts(file, tmp_path)
    assert message in error.value.what
    assert error.value.what.startswith("trace.any")


def test_a_packed_trace_is_the_same_trace(tmp_path: Path) -> None:
    plain = lines(given(tmp_path, GOOD), tmp_path)
    assert lines(given(tmp_path, gzip.compress(GOOD.encode()), "t.csv.gz"), tmp_path) == plain
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        archive.writestr("../../outside.csv", GOOD)
    assert lines(given(tmp_path, (tmp_path / "made.zip").read_bytes(), "t.zip"), tmp_path) == plain
    assert not list(tmp_path.parent.rglob("outside.csv"))


def test_an_archive_that_swells_is_given_up(tmp_path: Path, cache: Path) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(RequestFileError, match=r"unpacked it is more than max_size, 1\.0 MB"):
        facts(given(tmp_path, bomb, "t.csv.gz", max_size=10**6), tmp_path)
    assert not list(cache.rglob("*.plain"))
    assert not list(cache.rglob("*.part"))


def test_an_archive_with_two_files_or_none_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", GOOD)
        archive.writestr("b.csv", GOOD)
    with pytest.raises(RequestFileError, match="holds 2 files"):
        facts(given(tmp_path, (tmp_path / "two.zip").read_bytes(), "t.zip"), tmp_path)
    with pytest.raises(RequestFileError, match="can not be unpacked"):
        facts(given(tmp_path, b"PK\x03\x04 and no more", "t.zip"), tmp_path)


def test_what_the_campaign_pins_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(HashMismatch, match=r"trace\.csv is not the promised file"):
        facts(given(tmp_path, GOOD, sha256="ab" * 32), tmp_path)
    with pytest.raises(RequestFileError, match="max_size is 10 B"):
        facts(given(tmp_path, GOOD, max_size=10), tmp_path)
    with pytest.raises(RequestFileError, match="the file is empty"):
        facts(given(tmp_path, ""), tmp_path)


def test_a_changed_file_is_another_one(tmp_path: Path) -> None:
    first = given(tmp_path, GOOD)
    assert len(lines(first, tmp_path)) == 2
    second = given(tmp_path, GOOD + "2023-11-16 18:15:51.0,1,1\n")
    assert first.sha256 != second.sha256
    assert len(lines(second, tmp_path)) == 3
    with pytest.raises(HashMismatch):
        facts(first, tmp_path)


def test_a_folder_that_nobody_may_write_does_not_keep_it_from_being_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEBOOK_CACHE", "/proc/nowhere")
    assert facts(given(tmp_path, GOOD), tmp_path) == Facts(2, 418)
