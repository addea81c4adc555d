"""Datasets: each form gives the same requests, and says what is wrong with its lines."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from runner.domain.load import RequestFile
from runner.errors import HashMismatch, NetworkError, RequestFileError
from runner.inputs import places
from runner.inputs.prepared import Facts, facts, prepared
from runner.models.hashes import sha256_of

ROWS = [("Where does the river begin?", 12), ('A "quoted", line\nand another', 3), ("Grüße", 1)]
WANTED = [{"text": text, "prompt": max(1, round(len(text) / 4)), "output": tokens} for text, tokens in ROWS]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def of(path: Path, form: str, **more: Any) -> RequestFile:
    more = {"prompt": None if form == "sharegpt" else "prompt", **more}
    return RequestFile(sha256_of(path), form, path=str(path), **more)


def lines(file: RequestFile) -> list[dict[str, Any]]:
    return [json.loads(line) for line in prepared(file, Path("/")).read_text(encoding="utf-8").splitlines()]


def jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps({"id": 1, "prompt": text, "output": n}) + "\n" for text, n in ROWS))


def csv(path: Path) -> None:
    quoted = [f'"{text.replace(chr(34), chr(34) * 2)}",{n}' for text, n in ROWS]
    path.write_text("prompt,output\n" + "\n".join(quoted) + "\n", encoding="utf-8")


def parquet(path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (prompt VARCHAR, output INTEGER, more STRUCT(a INT))")
        connection.executemany("INSERT INTO t VALUES (?, ?, NULL)", ROWS)
        connection.execute(f"COPY t TO '{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")


@pytest.mark.parametrize("write", [jsonl, csv, parquet])
def test_every_form_gives_the_same_requests(write: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / f"it's [1] file*.{write.__name__}"  # nothing in a name is a pattern
    write(path)
    assert lines(of(path, write.__name__)) == WANTED
    assert facts(of(path, write.__name__), Path("/")) == Facts(3, 19)


def test_an_answer_in_words_says_how_long_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"q": "why", "a": "because it is so" * 4}) + "\n")
    assert lines(of(path, "jsonl", prompt="q", output="a")) == [{"text": "why", "prompt": 1, "output": 16}]
    assert lines(of(path, "jsonl", prompt="q", output=7)) == [{"text": "why", "prompt": 1, "output": 7}]


def test_conversations(tmp_path: Path) -> None:
    told = [
        [
            {"from": "human", "value": "hello there"},
            {"from": "gpt", "value": "x" * 40},
            {"from": "human", "value": "?"},
        ],
        [{"from": "gpt", "value": "I begin"}, {"from": "human", "value": "no"}],
        [],
        [{"role": "user", "content": "and now?"}, {"role": "assistant", "content": "yes!"}],
    ]
    wanted = [("hello there", 10), ("and now?", 1)]
    for name, text in (
        ("array.json", json.dumps([{"id": str(n), "conversations": turns} for n, turns in enumerate(told)], indent=1)),
        ("lines.jsonl", "\n".join(json.dumps({"conversations": turns}) for turns in told)),
    ):
        (tmp_path / name).write_text(text)
        assert [(line["text"], line["output"]) for line in lines(of(tmp_path / name, "sharegpt"))] == wanted


WRONG: dict[str, tuple[str, str, str]] = {
    "no column": ("jsonl", '{"text": "hello", "output": 1}\n', "line 1: no column prompt"),
    "no length": ("jsonl", '{"prompt": "hello"}\n', "line 1: nothing says how many tokens an answer has"),
    "no text": ("jsonl", '{"prompt": 7, "output": 1}\n', "line 1: prompt must be a text that is not empty"),
    "negative number": ("jsonl", '{"prompt": "hello", "output": -3}\n', "line 1: output is -3"),
    "too few values": ("csv", "prompt,output\nhello\n", "line 2: not as many values as the head names columns"),
    "too many values": ("csv", "prompt,output\na,1,2\n", "line 2: not as many values as the head names columns"),
    "no parquet": ("parquet", "prompt,output\n", "not readable as parquet"),
    "no conversations": ("sharegpt", '[{"id": 1}]', "no list conversations"),
    "no turns": ("sharegpt", '[{"conversations": "hello"}]', "conversation 1: not a list of turns"),
    "half a turn": (
        "sharegpt",
        '[{"conversations": [{"from": "human"}]}]',
        "conversation 1: a turn has from and",
    ),
    "no json": ("sharegpt", "hello", "not readable as sharegpt"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_dataset_says_where(name: str, tmp_path: Path) -> None:
    form, text, message = WRONG[name]
    path = tmp_path / "prompts.any"
    path.write_text(text)
    with pytest.raises(RequestFileError) as error:
        facts(of(path, form), Path("/"))
    assert message in error.value.what
    assert error.value.what.startswith("prompts.any")


class Handler(BaseHTTPRequestHandler):
    body = json.dumps({"prompt": "hello", "output": 2}).encode() + b"\n"
    asked: int

    def do_GET(self) -> None:
        type(self).asked += 1
        if self.path == "/leads-away":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1:9/x")
            self.end_headers()
            return
        self.send_response(200 if "missing" not in self.path else 404)
        self.end_headers()
        self.wfile.write(self.body * (1 if "big" not in self.path else 100_000))

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def at(url: str, sha256: str | None = None, **more: Any) -> RequestFile:
    return RequestFile(sha256 or hashlib.sha256(Handler.body).hexdigest(), "jsonl", url=url, prompt="prompt", **more)


def test_a_url_is_fetched_once_and_never_for_a_check(server: str) -> None:
    file = at(f"{server}/prompts.jsonl")
    assert facts(file, Path("/")) is None
    assert Handler.asked == 0
    places.fetch(file)
    places.fetch(file)
    assert Handler.asked == 1
    assert facts(file, Path("/")) == Facts(1, 3)
    assert lines(at("http://127.0.0.1:9/elsewhere.jsonl"))[0]["text"] == "hello", "by content, not by address"


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("big", RequestFileError, "max_size is 1.0 kB"),
        ("other", HashMismatch, "is not the promised file"),
        ("missing", NetworkError, "can not be fetched"),
        ("leads-away", NetworkError, "it leads to ftp:"),
    ],
)
def test_what_is_not_right_is_not_kept(
    path: str, kind: type[Exception], message: str, server: str, cache: Path
) -> None:
    file = at(f"{server}/{path}", "ab" * 32 if path == "other" else None, max_size=1000)
    with pytest.raises(kind, match=message.replace(".", r"\.")):
        places.fetch(file)
    assert [found for found in cache.rglob("*") if found.is_file()] == []
