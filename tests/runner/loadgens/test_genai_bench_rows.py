"""What the shim saw of a request, as a row; genai-bench's own numbers in our names; and what it must find to start."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner.engines import environments
from runner.errors import EngineMissing
from runner.loadgens import Row, genai_bench
from runner.loadgens.genai_bench import shim_names as shim
from runner.loadgens.genai_bench.reported import reported
from runner.loadgens.genai_bench.rows import Asked, ending, row_of

ASKED = Asked(3, "measure", 40, 4)
ROLE = 'data: {"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": null}]}'
WORD = 'data: {"choices": [{"delta": {"content": " a"}, "finish_reason": null}]}'
END = 'data: {"choices": [{"delta": {}, "finish_reason": "length"}]}'
USAGE = 'data: {"choices": [], "usage": {"prompt_tokens": 40, "completion_tokens": 4}}'
DONE = "data: [DONE]"
GOOD: dict[str, Any] = {
    "number": 3, "kind": "measure", "sent": 10.0, "status": 200, "broke": None, "chunks": 7, "opening": ROLE,
    "last": [WORD, WORD, END, USAGE], "code": 200, "first": 10.5, "end": 12.0, "now": 12.1, "tokens": 4, "prompt": 40,
    "error": "",
}  # fmt: skip


def row(**changes: Any) -> Row:
    return row_of(GOOD | changes, ASKED, 1, 9.0)


def test_a_good_request() -> None:
    good = row()
    assert (good.sent, good.intended, good.first, good.last, good.ended) == (1.0, 1.0, 1.5, 3.0, 3.0)
    assert (good.prompt_tokens, good.output_tokens, good.tokens_from) == (40, 4, "usage")
    assert (good.position, good.number, good.asked_prompt, good.asked_output) == (1, 3, 40, 4)
    assert (good.error, good.message, good.finish, good.status) == (None, "", "length", 200)


def test_usage_with_the_last_word_counts_too() -> None:
    both = END.removesuffix("}") + ', "usage": {"prompt_tokens": 40, "completion_tokens": 4}}'
    assert row(last=[WORD, WORD, WORD, both], chunks=6).tokens_from == "usage"


def test_without_usage_chunks_are_counted() -> None:
    """The opening and the last lines are looked at; those between them are content."""
    assert ending(ROLE, [WORD, WORD, END, DONE], 23).content == 20
    assert ending(ROLE, [ROLE, WORD, END, DONE], 4).content == 1
    counted = row(last=[WORD, WORD, END, DONE], chunks=23)
    assert (counted.output_tokens, counted.tokens_from, counted.error) == (20, "chunks", None)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"last": [WORD, WORD, WORD, WORD], "chunks": 4}, "cut"),
        ({"first": None}, "empty"),
        ({"code": 408, "end": None, "error": "no end after 3 s"}, "timeout"),
        ({"code": 503, "end": None, "error": "Connection error: ... Read timed out."}, "timeout"),
        ({"code": 429, "status": 429, "end": None}, "http_429"),
        ({"code": 400, "status": 400, "end": None}, "http_4xx"),
        ({"code": 500, "status": 502, "end": None}, "http_5xx"),
        ({"code": 503, "status": None, "end": None, "error": "... Connection refused"}, "connect"),
        ({"code": 503, "status": None, "end": None, "error": "... RemoteDisconnected"}, "reset"),
        ({"code": 500, "end": None, "broke": "ChunkedEncodingError"}, "cut"),
        ({"code": 500, "end": None, "error": "decode failed"}, "server_error"),
        ({"code": -2, "end": None, "error": "AttributeError: 'str'"}, "lost"),
        ({"code": -3, "end": None, "chunks": 0, "last": []}, "lost"),
        ({"code": -3, "end": None}, "cancelled"),
    ],
)
def test_every_other_end_has_its_name(changes: dict[str, Any], error: str) -> None:
    found = row(**changes)
    assert found.error == error
    assert found.last is None
    assert found.ended == (3.0 if changes.get("end", 12.0) else 3.1)


def test_an_embedding_is_no_stream() -> None:
    asked = Asked(0, "measure", 40, 0)
    one = row_of(GOOD | {"chunks": 0, "opening": "", "last": [], "first": 12.0}, asked, 0, 9.0)
    assert (one.error, one.first, one.last, one.output_tokens, one.prompt_tokens) == (None, None, 3.0, 0, 40)
    lost = {"chunks": 0, "last": [], "code": 500, "status": 500, "end": None, "prompt": None}
    assert row_of(GOOD | lost, asked, 0, 9.0).error == "http_5xx"


def test_reasoning_is_counted_apart() -> None:
    usage = USAGE.replace("4}}", '4, "completion_tokens_details": {"reasoning_tokens": 3}}}')
    assert row(last=[WORD, WORD, END, usage]).reasoning_tokens == 3


def test_its_own_numbers_in_our_names() -> None:
    stats = {"ttft": {"mean": 0.1, "p50": 0.2, "p25": 9.0, "max": None}, "tpot": {}, "e2e_latency": {"p99": 0.5}}
    rates = {"mean_output_throughput_tokens_per_s": 10.0, "requests_per_second": 2.0, "run_duration": 4.0}
    assert reported({"stats": stats, **rates}) == {
        "ttft": {"mean": 0.1, "p50": 0.2},
        "e2e": {"p99": 0.5},
        "output_throughput": {"value": 10.0},
        "request_throughput": {"value": 2.0},
    }
    assert reported({"refused": "No values found"}) == reported(None) == {}
    assert reported({"stats": {}, **rates, "run_duration": 0.0}) == {}, "nothing was aggregated"
    assert set(reported({"stats": stats, **rates}, text=False)) == {"e2e", "request_throughput"}


class Fake:
    """Modules of a genai-bench; each has all names but the one that is left out."""

    def __init__(self, version: str = shim.VERSION, without: str = "") -> None:
        self.version, self.without = version, without

    def __call__(self, name: str) -> Any:
        if name == "importlib.metadata":
            return SimpleNamespace(version=lambda _name: self.version)
        made = SimpleNamespace()
        for path in shim.NAMES.get(name, ()):
            place = made
            for part in path.split("."):
                if f"{name}.{path}" == self.without and part == path.rpartition(".")[2]:
                    break
                if not hasattr(place, part):
                    setattr(place, part, SimpleNamespace())
                place = getattr(place, part)
        return made


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        (Fake("0.0.6"), "genai-bench 0.0.6 is installed, and 0.0.5 is driven"),
        (Fake(without="genai_bench.cli.cli.manage_run_time"), "has no genai_bench.cli.cli.manage_run_time"),
        (
            Fake(without="genai_bench.user.openai_user.OpenAIUser.sample"),
            "genai-bench 0.0.5 has no genai_bench.user.openai_user.OpenAIUser.sample",
        ),
    ],
)
def test_another_genai_bench_is_refused_with_one_message(
    fake: Fake, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no way back to the plain program: it has no deadline and loses requests, so its rows would lie."""
    monkeypatch.setattr("importlib.import_module", fake)
    with pytest.raises(shim.Unfit, match=said.replace("(", r"\(")):
        shim.load()


def test_the_one_that_it_was_written_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.import_module", Fake())
    assert set(shim.load()) == set(shim.NAMES)


def test_its_log_stays_short(capsys: pytest.CaptureFixture[str]) -> None:
    log = shim.ShortLog()
    for _ in range(5000):
        log.handle(logging.LogRecord("genai_bench", logging.WARNING, "", 0, "no\n" * 1000, None, None))
    said = capsys.readouterr().err
    assert len(said) < shim.LOG_BYTES + 2000
    assert max(map(len, said.splitlines())) < shim.LOG_LINE + 10
    assert said.endswith("genai-bench said more, which is left out\n")


# where it is


def pretended(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    monkeypatch.delenv(genai_bench.SETTING, raising=False)
    monkeypatch.setenv("TUNEBOOK_CACHE", str(folder))
    monkeypatch.setenv("PATH", "")
    made = environments.folder_of(genai_bench.RECIPE, genai_bench.PINNED)
    (made / "bin").mkdir(parents=True)
    python = made / "bin" / "python"
    python.touch(mode=0o755)
    return python


def test_what_engine_install_made_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = pretended(monkeypatch, tmp_path)
    with pytest.raises(EngineMissing, match="is not installed"):
        genai_bench.interpreter()  # no note: half installed
    (python.parents[1] / environments.NOTE).touch()
    assert genai_bench.interpreter() == python
    problem = genai_bench.LOADGEN.needs()
    assert problem is None


def test_a_setting_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = pretended(monkeypatch, tmp_path)
    for named in (python, python.parents[1]):
        monkeypatch.setenv(genai_bench.SETTING, str(named))
        assert genai_bench.interpreter() == python
    monkeypatch.setenv(genai_bench.SETTING, str(tmp_path / "nowhere"))
    problem = genai_bench.LOADGEN.needs()
    assert problem is not None
    assert problem.slug == "engine-missing"
    assert "TUNEBOOK_GENAI_BENCH: no Python at" in problem.what


def test_the_program_in_the_path_leads_to_its_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = pretended(monkeypatch, tmp_path / "cache")
    (python.parent / "genai-bench").touch(mode=0o755)
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("PATH", str(python.parent))
    assert genai_bench.interpreter() == python


def test_token_times_are_what_it_does_not_measure() -> None:
    assert not genai_bench.LOADGEN.measures("itl")
    assert genai_bench.LOADGEN.measures("ttft")
