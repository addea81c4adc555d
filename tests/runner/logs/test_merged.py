"""Many logs as one text: whose line it is, and when it comes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runner import running_file
from runner.cli.logs import COMMAND
from runner.domain.failure import Cause, Phase, Role
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.known import Known, find
from runner.lineage_lock import owned_lineage
from runner.logs import CLIENT, ENGINE, SOURCES, merged
from runner.store.record import seal, seal_attempt
from runner.util.codec import to_plain
from tests import make

NOBODY = 2**22 + 1
CAMPAIGN = make.campaign()


def begin(results: Path, attempt: Attempt, **changes: Any) -> Path:
    """An attempt as it is while it runs. Its folder."""
    facts = {
        "run_id": attempt.run_id, "campaign": CAMPAIGN.name, "deployer": "local", "phase": "load", "labels": {},
        "attempt": to_plain(attempt),
    }  # fmt: skip
    path = running_file.write_running(results, attempt.attempt_id, facts)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    scratch = running_file.scratch_folder(results, attempt.attempt_id)
    scratch.mkdir()
    return scratch


def end(results: Path, attempt: Attempt) -> None:
    scratch = running_file.scratch_folder(results, attempt.attempt_id)
    seal_attempt(results, attempt, None, scratch / "engine.log", scratch / "client.log")
    running_file.remove_running(results, attempt.attempt_id)
    for path in scratch.iterdir():
        path.unlink()
    scratch.rmdir()


def write(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def not_waiting() -> None:
    raise AssertionError("nothing runs: there is nothing to wait for")


@pytest.fixture
def run(results: Path) -> str:
    """A run that was begun after any lock of this test."""
    start = make.run_start(CAMPAIGN, started_utc=make.utc(10**9))
    seal(results, RecordKind.RUN_START, start.run_id, start)
    return start.run_id


def lines(
    results: Path,
    name: str,
    *,
    follow: bool = False,
    wait: Callable[[], None] = not_waiting,
    sources: Sequence[str] = SOURCES,
) -> list[tuple[str, str, str]]:
    known = Known(results)
    told = merged(known, find(known, name), follow=follow, wait=wait, sources=sources)
    return [(line.tag, line.source, line.text) for line in told]


def test_the_text_of_a_run(results: Path, run: str, golden: Callable[[str, str], None]) -> None:
    """Sealed attempts: one that was tried again after a host fault, a confirmation, a log that was cut."""
    port = make.failure(Phase.START, Cause.PORT)
    made = [
        (make.attempt(CAMPAIGN, 0, n=0), "loading\nserving\n", "12 requests\n"),
        (make.attempt(CAMPAIGN, 1, values={"threads": 2}, n=1, failed=port), "bind: address in use\n", ""),
        (make.attempt(CAMPAIGN, 1, values={"threads": 2}, n=2), "serving\nno line end", "12 requests\n"),
        (
            make.attempt(CAMPAIGN, 0, n=3, role=Role.CONFIRM, repeat=2),
            "head\n[... 7000 bytes cut ...]\n\x1b[31mtail\x1b[0m \x1b[2J\x07\n",
            "",
        ),
    ]
    for attempt, engine, client in made:
        scratch = begin(results, attempt)
        (scratch / "engine.log").write_text(engine)
        (scratch / "client.log").write_text(client)
        end(results, attempt)
    done = CliRunner().invoke(COMMAND, [CAMPAIGN.name])
    assert done.exit_code == 0
    golden("logs/run.txt", done.output)
    trial = CliRunner().invoke(COMMAND, [f"{CAMPAIGN.name}#1"]).output
    assert [line.split()[0] for line in trial.splitlines()] == ["t1/search"] * 3 + ["t1/search~2"] * 5
    told = [json.loads(line) for line in CliRunner().invoke(COMMAND, [run[:30], "--json"]).output.splitlines()]
    assert told[-1] == {**told[-1], "event": "end", "exit_code": 0}
    assert len(told) == len(done.output.splitlines()) + 1
    assert told[0] == {**told[0], "event": "line", "run_id": run, "tag": "t0/baseline", "source": "tunebook"}


def test_only_one_side(results: Path, run: str) -> None:
    attempt = make.attempt(CAMPAIGN)
    scratch = begin(results, attempt)
    write(scratch / "engine.log", "from the engine\n")
    write(scratch / "client.log", "from the client\n")
    end(results, attempt)
    assert lines(results, run, sources=(ENGINE,)) == [("t0/baseline", "engine", "from the engine")]
    assert lines(results, run, sources=(CLIENT,)) == [("t0/baseline", "client", "from the client")]


def test_following_goes_from_one_attempt_to_the_next_and_ends_with_the_run(results: Path, run: str) -> None:
    """Everything happens between two looks, in an order that a real run could have."""
    first = make.attempt(CAMPAIGN, 0, n=0)
    second = make.attempt(CAMPAIGN, 1, values={"threads": 2}, n=1)
    third = make.attempt(CAMPAIGN, 2, values={"threads": 4}, n=2)

    def engine_log(attempt: Attempt) -> Path:
        return running_file.scratch_folder(results, attempt.attempt_id) / "engine.log"

    def first_goes_on() -> None:
        write(engine_log(first), "ending\nmore\n")

    def second_begins() -> None:
        write(engine_log(first), "last words")
        end(results, first)
        begin(results, second)

    def second_speaks() -> None:
        write(engine_log(second), "second\n")

    def rest() -> None:
        """A whole attempt that nobody looked at while it ran, and the end of the run."""
        end(results, second)
        begin(results, third)
        write(engine_log(third), "third\n")
        end(results, third)
        fact = make.run_end(make.run_start(CAMPAIGN))
        seal(results, RecordKind.RUN_END, fact.run_id, fact)

    steps = [first_goes_on, second_begins, second_speaks, rest]
    begin(results, first)
    write(engine_log(first), "first\nwithout ")
    with owned_lineage(results, CAMPAIGN.search_key, CAMPAIGN.name):
        shown = lines(results, CAMPAIGN.name, follow=True, wait=lambda: steps.pop(0)())
    assert steps == []
    assert [(tag, text) for tag, source, text in shown if source == ENGINE] == [
        ("t0/baseline", "first"),
        ("t0/baseline", "without ending"),
        ("t0/baseline", "more"),
        ("t0/baseline", "last words"),
        ("t1/search", "second"),
        ("t2/search", "third"),
    ]
    own = [(tag, text.split()[0]) for tag, source, text in shown if source == "tunebook"]
    assert own == [(tag, word) for tag in ("t0/baseline", "t1/search", "t2/search") for word in ("began", "measured")]


def test_following_ends_when_the_runner_is_gone(results: Path, run: str) -> None:
    scratch = begin(results, make.attempt(CAMPAIGN), pid=NOBODY)
    write(scratch / "engine.log", "one\nhalf a line")
    shown = lines(results, run, follow=True)
    assert [text for _, source, text in shown if source == ENGINE] == ["one", "half a line"]


def test_following_one_attempt_ends_with_it_though_the_run_goes_on(results: Path, run: str) -> None:
    attempt = make.attempt(CAMPAIGN)
    scratch = begin(results, attempt)
    write(scratch / "engine.log", "one\n")
    with owned_lineage(results, CAMPAIGN.search_key, CAMPAIGN.name):
        shown = lines(results, attempt.attempt_id, follow=True, wait=lambda: end(results, attempt))
    assert [text.split()[0] for _, _, text in shown] == ["began", "one", "measured"]


def test_a_value_that_was_passed_through_is_not_shown(results: Path, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_CANARY", "green-newt-78")
    scratch = begin(results, make.attempt(CAMPAIGN), secrets=["MY_CANARY"], pid=NOBODY)
    write(scratch / "engine.log", "key green-newt-78\n")
    assert [text for _, source, text in lines(results, run) if source == ENGINE] == ["key [redacted]"]


def test_a_log_whose_secret_nobody_knows_is_not_shown_before_it_is_sealed(
    results: Path, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_CANARY", raising=False)
    attempt = make.attempt(CAMPAIGN)
    scratch = begin(results, attempt, secrets=["MY_CANARY"], pid=NOBODY)
    write(scratch / "engine.log", "key grey-mouse-79\n")
    shown = lines(results, run)
    assert "MY_CANARY" in shown[-1][2]
    assert "grey-mouse" not in str(shown)
    (scratch / "engine.log").write_text("key [redacted]\n")
    end(results, attempt)
    assert [text for _, source, text in lines(results, run) if source == ENGINE] == ["key [redacted]"]
