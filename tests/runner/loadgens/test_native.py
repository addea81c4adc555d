"""The native client against a real server over loopback: what each row says is held against the server's own log."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.campaign import Scenario
from runner.domain.trial import Endpoint
from runner.loadgens import Row
from runner.loadgens._driver import Child
from runner.loadgens._requests.prompts import WORDS
from runner.loadgens.native import LOADGEN
from runner.loadgens.native.storm import LIMIT
from runner.scoring.aggregate import percentile
from runner.util import net
from tests.runner.loadgens.driving import Ran, closed, job, opened, run, wait_for
from tests.runner.simulated.world import serving

ROOMY = ("--max-num-seqs", "256", "--memory-gb", "1000")
SHARE = "0.04"
KINDS: dict[str, tuple[str | None, int | None]] = {
    # fault: (error kind, HTTP status)
    "storm_503": ("http_5xx", 503),
    "http_429": ("http_429", 429),
    "http_400": ("http_4xx", 400),
    "reset": ("reset", None),
    "hang": ("timeout", None),
    "hang_after_tokens:3": ("timeout", 200),
    "cut_stream": ("cut", 200),
    "silent_truncate": ("cut", 200),
    "sse_error_object": ("server_error", 200),
    "sse_error_text": ("server_error", 200),
    "malformed_json": ("malformed", 200),
    "no_tokens": ("empty", 200),
    "truncate": (None, 200),
    "no_usage": (None, 200),
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Fault -> rows of the requests that had this fault and no other, by the server's own log; '' for none."""
    folder = tmp_path_factory.mktemp("faulty")
    faults = [f"{name}:0.015" if name.startswith("hang") else f"{name}:{SHARE}" for name in KINDS]
    with serving(folder, *(part for fault in faults for part in ("--fault", fault)), *ROOMY) as world:
        ran = run(job(world.endpoint, closed(16), requests=400, request_timeout=4.0, warmup=3), folder)
        truth = {seen["id"]: seen["faults"] for seen in world.seen()}
    assert len(ran.rows) == 400
    found: dict[str, list[Row]] = defaultdict(list)
    for row in ran.rows:
        names = truth[f"l0-m-{row.number}"]
        if len(names) < 2:
            found["".join(names)].append(row)
    return found


@pytest.mark.parametrize("fault", KINDS)
def test_every_fault_is_counted_as_what_it_is(fault: str, faulty: dict[str, list[Row]]) -> None:
    rows = faulty[fault.split(":")[0]]
    assert rows, "the seed gives this fault to no request: choose another"
    kind, status = KINDS[fault]
    assert {(row.error, row.status) for row in rows} == {(kind, status)}
    assert all((row.message == "") == (kind is None) for row in rows)


def test_what_damaged_answers_say_of_their_tokens(faulty: dict[str, list[Row]]) -> None:
    assert {(row.output_tokens, row.tokens_from) for row in faulty[""]} == {(8, "usage")}
    assert {(row.output_tokens, row.finish) for row in faulty["truncate"]} == {(4, "stop")}
    assert {(row.output_tokens, row.tokens_from) for row in faulty["no_usage"]} == {(8, "chunks")}
    assert {(len(row.token_times), row.finish) for row in faulty["hang_after_tokens"]} == {(3, None)}
    assert {row.first for row in faulty["no_tokens"] + faulty["storm_503"] + faulty["hang"]} == {None}


def test_healthy_requests_stay_healthy_among_the_broken(faulty: dict[str, list[Row]]) -> None:
    for row in faulty[""]:
        assert row.error is None
        assert row.finish == "length"
        assert len(row.token_times) == 8
        assert row.first == row.token_times[0]
        assert row.last == row.token_times[-1]
        assert row.intended <= row.sent <= row.token_times[0]
        assert list(row.token_times) == sorted(row.token_times)
        assert row.token_times[-1] <= row.ended
        assert row.server_prompt_seconds is not None


LENGTHS = (
    Scenario("D(200,4)", "D", 200, 4),
    Scenario("U(20,60)/(2,9)", "U", 60, 9, prompt_min=20, output_min=2),
    Scenario("N(80,20)/(6,2)", "N", 80, 6, prompt_sd=20, output_sd=2),
    Scenario("D(12,2)", "D", 12, 2),
)


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_prompts_have_exactly_the_length_asked_for(api: str, tmp_path: Path) -> None:
    levels = tuple(replace(closed(4, scenario=s)[0], position=n) for n, s in enumerate(LENGTHS))
    with serving(tmp_path) as world:
        ran = run(job(world.endpoint, levels, requests=24, api=api), tmp_path)
    assert len(ran.rows) == 24 * len(levels)
    for row in ran.rows:
        assert row.error is None
        assert (row.prompt_tokens, row.output_tokens) == (row.asked_prompt, row.asked_output)
    for plan in levels:
        lengths = {(row.asked_prompt, row.asked_output) for row in ran.rows if row.position == plan.position}
        assert (len(lengths) == 1) == (plan.scenario.kind == "D")


def test_closed_loop_keeps_so_many_in_flight_and_no_more(tmp_path: Path) -> None:
    # Each answer takes long enough for the last user to have begun, however busy the machine is.
    with serving(tmp_path, "--time-scale", "1", *ROOMY) as world:
        run(job(world.endpoint, closed(1, 5), requests=20), tmp_path)
        seen = [s for s in world.seen() if "-m-" in s["id"]]
    for position, users in ((0, 1), (1, 5)):
        spans = [(s["received"], s["end"]) for s in seen if s["id"].startswith(f"l{position}-")]
        assert len(spans) == 20
        # The server notices the end of a request a moment after the client, which may have sent its next one.
        flying = [sum(start <= at < last for start, last in spans) for at, _ in spans]
        assert users <= max(flying) <= users + 1


def test_a_level_ends_by_time_when_no_number_of_requests_is_set(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        ran = run(job(world.endpoint, closed(2), duration=0.5), tmp_path)
    assert len(ran.rows) > 2
    assert sum(row.sent >= 0.5 for row in ran.rows) <= 2  # each user looks at the clock, then sends
    ended = ran.named("level_ended")[0]
    assert ended["sent"] == len(ran.rows)
    assert ended["seconds"] == pytest.approx(max(row.ended for row in ran.rows), abs=1e-5)


def test_open_loop_sends_at_its_times_whatever_the_answers_do(tmp_path: Path) -> None:
    """Every request hangs, and still each is sent: a closed loop of one would have sent one."""
    with serving(tmp_path, "--fault", "hang@l0") as world:
        plan = job(world.endpoint, opened(40.0), requests=15, request_timeout=2.0, warmup=0, arrivals="constant")
        ran = run(plan, tmp_path)
    assert {row.error for row in ran.rows} == {"timeout"}
    assert [row.intended for row in sorted(ran.rows, key=lambda r: r.number)] == [n / 40 for n in range(15)]
    assert all(row.sent >= row.intended for row in ran.rows)
    first_end = min(row.ended for row in ran.rows)
    assert sum(row.sent < first_end for row in ran.rows) == 15


def test_a_stall_shows_in_the_open_loop_and_hides_in_the_closed_one(tmp_path: Path) -> None:
    """The server stands still for three seconds. Both clients run into it; only the open one shows how many requests
    it hurts, because those are counted from when they should have been sent."""
    late: dict[str, list[float]] = {}
    for name, levels, requests in (("closed", closed(2), 300), ("open", opened(100.0), 250)):
        folder = tmp_path / name
        folder.mkdir()
        with serving(folder, "--fault", "stall:60@60", *ROOMY) as world:  # 60 x 0.05 = 3 s
            ran = run(job(world.endpoint, levels, requests=requests), folder)
            truth = {s["id"]: s for s in world.seen()}
        assert len(ran.rows) == requests
        assert {row.error for row in ran.rows} == {None}
        for row in ran.rows:  # no client sees a token before the server sends it
            seen = truth[f"l0-m-{row.number}"]
            assert row.first is not None
            assert row.first - row.sent >= seen["first"] - seen["received"] - 1e-3
        late[name] = sorted(row.first - row.intended for row in ran.rows if row.first is not None)
        longest = max(s["first"] - s["received"] for s in truth.values())
        assert longest > 2.7, "the stall happened"
    assert late["closed"][-1] > 2.7
    assert percentile(late["closed"], 0.99) < 1.5, "two users wait, and nobody counts what they did not send"
    assert percentile(late["open"], 0.99) > 2.4
    assert sum(value > 1.5 for value in late["open"]) > 100


def test_the_same_seed_asks_the_same(tmp_path: Path) -> None:
    scenario = Scenario("U(20,60)/(2,9)", "U", 60, 9, prompt_min=20, output_min=2)
    asked: list[list[tuple[float, int, int]]] = []
    with serving(tmp_path) as world:
        for seed in (1, 1, 2):
            folder = tmp_path / f"{len(asked)}"
            folder.mkdir()
            plan = job(world.endpoint, opened(200.0, scenario=scenario), requests=20, seed=seed, warmup=0)
            rows = sorted(run(plan, folder).rows, key=lambda row: row.number)
            asked.append([(row.intended, row.asked_prompt, row.asked_output) for row in rows])
    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


def test_a_dead_server_ends_the_level_after_some_errors(tmp_path: Path) -> None:
    nobody = Endpoint(f"http://127.0.0.1:{net.free_port()}", "nobody")
    ran = run(job(nobody, closed(4), warmup=0), tmp_path)
    assert {row.error for row in ran.rows} == {"connect"}
    assert LIMIT <= len(ran.rows) <= LIMIT + 4
    assert ran.named("level_ended")[0]["gave_up"] is True


def test_a_level_whose_warm_up_fails_is_not_measured(tmp_path: Path) -> None:
    nobody = Endpoint(f"http://127.0.0.1:{net.free_port()}", "nobody")
    ran = run(job(nobody, closed(4), warmup=2), tmp_path)
    assert [row.error for row in ran.warmups] == ["connect", "connect"]
    assert ran.rows == []
    assert ran.named("level_ended")[0]["sent"] == 0


def test_stop_in_a_level_gives_a_row_to_each_request_in_flight(tmp_path: Path) -> None:
    with serving(tmp_path, "--fault", "hang_after_tokens:2:0.5@l1", "--fault", "hang:0.5@l1") as world:
        work = job(world.endpoint, closed(1, 6), warmup=0, requests=60)
        with Child(LOADGEN, work, tmp_path, tmp_path / "client.log", "test") as child:
            for event in ("level_ended", "warmed"):  # the first level is healthy, the second hangs
                child.order("next")
                wait_for(child, event, Ran())
            for _ in range(2000):  # all six hang when the server says so
                flying = [s for s in world.seen() if "l1-m-" in s["id"] and s["end"] is None]
                stuck = [s for s in flying if "hang" in s["faults"] or s["sent_tokens"] >= 2]
                if len(stuck) == 6 and all(s["faults"] for s in stuck):
                    break
            ended = child.give_up_level()
            rows = child.rows()
    assert ended is not None
    assert ended["gave_up"] is True
    given_up = [row for row in rows if row.error in ("lost", "cancelled")]
    assert len(given_up) == 6
    assert all((row.error == "cancelled") == bool(row.token_times) for row in given_up)


def test_progress_is_told_while_tokens_come(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        ran = run(job(world.endpoint, closed(2), duration=1.6), tmp_path)
    told = ran.named("progress")
    assert told
    assert all(event["done"] == event["ok"] + event["failed"] for event in told)
    assert [event["tokens"] for event in told] == sorted({event["tokens"] for event in told})


def test_no_text_of_prompts_or_answers_is_written(tmp_path: Path) -> None:
    with serving(tmp_path, "--fault", "storm_503:0.2", "--fault", "malformed_json:0.2") as world:
        ran = run(job(world.endpoint, closed(2), requests=30, warmup=6), tmp_path)
    assert {row.error for row in ran.rows} >= {None, "http_5xx", "malformed"}
    fields = " ".join(Row.__annotations__)
    assert not [word for word in WORDS if len(word) > 5 and word not in fields and word in ran.text]


def test_a_key_goes_to_the_server_and_nowhere_else(tmp_path: Path) -> None:
    with serving(tmp_path, "--fault", "http_400:0.5") as world:
        key = "sk-canary-1234567890"
        endpoint = Endpoint(world.endpoint.base_url, "simulated", key)
        ran = run(job(endpoint, closed(2), requests=10), tmp_path)
        assert key not in world.text()
    assert key not in ran.text
    assert (tmp_path / "job.json").stat().st_mode & 0o077 == 0
