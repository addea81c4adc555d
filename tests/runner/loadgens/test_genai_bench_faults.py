"""The failure matrix with the real genai-bench: what each row says is held against the server's own log.

Alone, genai-bench counts no error rate, loses a request that it can not read, and waits for ever for one that hangs.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from runner.domain.campaign import Scenario
from runner.domain.trial import Endpoint
from runner.loadgens import Row, loadgens
from tests.runner.loadgens.driving import Ran, closed, job, run
from tests.runner.simulated.world import serving

pytestmark = pytest.mark.genai_bench

ROOMY = ("--max-num-seqs", "256", "--memory-gb", "1000")
KINDS: dict[str, tuple[str | None, int | None]] = {
    # fault: (error kind, HTTP status)
    "storm_503": ("http_5xx", 503),
    "http_429": ("http_429", 429),
    "http_400": ("http_4xx", 400),
    "reset": ("reset", None),
    "close": ("reset", None),
    "hang": ("timeout", None),
    "hang_after_tokens:3": ("timeout", 200),
    "cut_stream": ("cut", 200),
    "drop_stream": ("cut", 200),
    "silent_truncate": ("cut", 200),
    "sse_error_object": ("server_error", 200),
    "sse_error_text": ("lost", 200),
    "sse_error_code": ("lost", 200),
    "malformed_json": ("lost", 200),
    "no_tokens": ("lost", 200),
    "truncate": (None, 200),
    "no_usage": (None, 200),
    "unchunked": (None, 200),
}


def load(
    folder: Path, *faults: str, users: tuple[int, ...] = (8,), endpoint: Endpoint | None = None, **more: int
) -> Ran:
    """genai-bench against an engine with these faults."""
    member = loadgens.get("genai-bench")
    words = [part for fault in faults for part in ("--fault", fault)]
    with serving(folder, *words, *ROOMY) as world:
        work = job(
            endpoint or world.endpoint, closed(*users), **{"request_timeout": 3.0, "requests": 60, "warmup": 4, **more}
        )
        return run(work, folder, member)


def kinds(rows: list[Row]) -> dict[str | None, int]:
    found: dict[str | None, int] = defaultdict(int)
    for row in rows:
        found[row.error] += 1
    return dict(found)


def test_requests_that_genai_bench_loses_have_rows(tmp_path: Path) -> None:
    """An error as text inside the stream: it counts them nowhere, 27 of 92, and says that there was no error."""
    ran = load(tmp_path, "sse_error_text:0.3")
    found = kinds(ran.rows)
    assert len(ran.rows) == 60
    assert set(found) == {None, "lost"}
    assert found["lost"] > 8
    assert all(row.message.startswith("genai-bench lost it: ") for row in ran.rows if row.error)
    [ended] = ran.named("level_ended")
    assert ended["sent"] == 60
    own = ended["reported"]["request_throughput"]["value"]
    assert own < found[None] / ended["seconds"] * 1.02, "it reports what it counted: the survivors"


def test_a_third_of_the_requests_hangs(tmp_path: Path) -> None:
    """Without a deadline its users stick one by one: after a minute 6 completed, 0 errors."""
    ran = load(tmp_path, "hang:0.3")
    found = kinds(ran.rows)
    assert len(ran.rows) == 60
    assert set(found) == {None, "timeout"}
    assert found["timeout"] > 8
    assert all(2.9 < row.ended - row.sent < 25 for row in ran.rows if row.error)


def test_the_server_dies_in_the_middle_of_a_level(tmp_path: Path) -> None:
    """Alone, it asks a dead server 6700 times a minute, then ends with a traceback, and later levels never run."""
    ran = load(tmp_path, "crash_after:30", users=(2, 4), requests=400)
    first = [row for row in ran.rows if row.position == 0]
    assert sum(row.error is None for row in first) > 10
    assert {row.error for row in first} <= {None, "cut", "connect", "reset", "lost"}, "lost: given up"
    assert len(first) < 100, "a storm of errors ends a level"
    ends = ran.named("level_ended")
    assert ends[0]["gave_up"]
    assert [event["position"] for event in ran.named("level_started")] == [0, 1]
    assert ends[1]["sent"] <= 20
    assert not any(row.error is None for row in ran.rows if row.position == 1)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Fault -> rows of the requests that had this fault and no other, by the server's own log; '' for none."""
    folder = tmp_path_factory.mktemp("faulty")
    faults = [f"{name}:0.02" if name.startswith("hang") else f"{name}:0.04" for name in KINDS]
    with serving(folder, *(part for fault in faults for part in ("--fault", fault)), *ROOMY) as world:
        work = job(world.endpoint, closed(16), requests=500, request_timeout=4.0, warmup=3)
        ran = run(work, folder, loadgens.get("genai-bench"))
        truth = {seen["id"]: seen["faults"] for seen in world.seen()}
    assert len(ran.rows) == 500
    found: dict[str, list[Row]] = defaultdict(list)
    for row in ran.rows:
        names = truth[f"l0-m-{row.number}"]
        if len(names) < 2:
            found["".join(names)].append(row)
    return found


@pytest.mark.matrix
@pytest.mark.parametrize("fault", KINDS)
def test_every_fault_is_counted_as_what_it_is(fault: str, faulty: dict[str, list[Row]]) -> None:
    rows = faulty[fault.split(":")[0]]
    assert rows, "the seed gives this fault to no request: choose another"
    kind, status = KINDS[fault]
    assert {(row.error, row.status) for row in rows} == {(kind, status)}
    assert all((row.message == "") == (kind is None) for row in rows)


@pytest.mark.matrix
def test_what_damaged_answers_say_of_their_tokens(faulty: dict[str, list[Row]]) -> None:
    assert {(row.output_tokens, row.tokens_from) for row in faulty[""]} == {(8, "usage")}
    assert {(row.output_tokens, row.finish) for row in faulty["truncate"]} == {(4, "stop")}, "genai-bench: a success"
    assert {(row.output_tokens, row.tokens_from) for row in faulty["no_usage"]} == {(8, "chunks")}
    assert {(row.prompt_tokens, row.error) for row in faulty[""]} == {(40, None)}
    for row in faulty["unchunked"]:
        assert row.first is not None
        assert row.last is not None
        assert row.last - row.first < 0.5 * (row.last - row.sent), "it reads such a stream in one piece"


@pytest.mark.matrix
@pytest.mark.parametrize("fault", ["storm_503", "http_429"])
def test_a_level_of_errors_alone_does_not_end_it(fault: str, tmp_path: Path) -> None:
    """Its own aggregation raises then, and the later levels never run."""
    ran = load(tmp_path, f"{fault}:1@40", users=(1, 2, 3), warmup=0)
    ends = ran.named("level_ended")
    assert [event["position"] for event in ends] == [0, 1, 2]
    assert all(event["gave_up"] and event["sent"] >= 20 for event in ends)
    assert [event["reported"] for event in ends[1:]] == [{}, {}]
    assert kinds([row for row in ran.rows if row.position == 0])[None] > 20
    assert {row.error for row in ran.rows if row.position > 0} <= {KINDS[fault][0], "lost"}


@pytest.mark.matrix
@pytest.mark.parametrize(("share", "fault"), [(0.3, "storm_503"), (0.8, "storm_503"), (0.3, "close")])
def test_errors_are_counted_beside_what_went_well(share: float, fault: str, tmp_path: Path) -> None:
    ran = load(tmp_path, f"{fault}:{share}@10", users=(4,))
    found = kinds(ran.rows)
    assert set(found) == {None, KINDS[fault][0]}
    assert sum(found.values()) == 60
    assert abs(found[KINDS[fault][0]] / 60 - share) < 0.2


@pytest.mark.matrix
def test_nobody_listens(tmp_path: Path) -> None:
    """It is not even started: one completion by ourselves comes before it."""
    ran = run(job(Endpoint("http://127.0.0.1:9", "nobody"), closed(1, 2)), tmp_path, loadgens.get("genai-bench"))
    assert [event["sent"] for event in ran.named("level_ended")] == [0, 0]
    assert [row.error for row in ran.warmups] == ["connect", "connect"]
    assert ran.rows == []


@pytest.mark.matrix
@pytest.mark.parametrize("fault", ["hang:1@3", "hang_after_tokens:4:0.3"])
def test_every_stall_ends_at_the_deadline(fault: str, tmp_path: Path) -> None:
    ran = load(tmp_path, fault, users=(4,), requests=24)
    found = kinds(ran.rows)
    assert found["timeout"] >= 4
    assert set(found) <= {None, "timeout", "lost"}
    assert {row.error for row in ran.rows if row.status == 200} <= {None, "timeout"}


@pytest.mark.matrix
def test_one_token_is_an_answer(tmp_path: Path) -> None:
    """genai-bench drops such a request as invalid; a level of them vanished with exit code 0."""
    member = loadgens.get("genai-bench")
    with serving(tmp_path) as world:
        ran = run(
            job(world.endpoint, closed(2, scenario=Scenario("D(60,1)", "D", 60, 1)), requests=6), tmp_path, member
        )
    assert [(row.error, row.output_tokens) for row in ran.rows] == [(None, 1)] * 6
    assert ran.named("level_ended")[0]["reported"] == {}, "its own numbers know nothing of them"
