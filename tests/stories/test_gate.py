"""`gate` and `reproduce` on the simulated engine, whose speed is a flag: the same, a slower one, one that fails.

Limits are wide and engines slow, but for their loading, so that a busy machine changes no number. What others take of
the CPU would change the answer: where a gate shall fail, it is told what they take (`beside`).
"""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import pytest

from report.build import machines
from report.gather import prepare
from report.publish import Publisher
from report.recorded import recorded_json
from runner.alone import Alone
from runner.cli._main import run_command_line
from runner.hardware.facts import host_facts
from runner.store.reader import open_snapshot
from tests.stories._world import assert_nothing_left, attempts, events, tunebook

pytestmark = pytest.mark.story

CAMPAIGN = """\
tunebook: 1
name: gated
model: {id: simulated/tiny}
runtimes:
  - {runtime: simulated, flags: {time-scale: %s, fault: "slow_load:0.2%s"}, space: {block-size: [16]}}
workload:
  scenarios: ["D(16,8)"]
  load: {concurrency: [1]}
  each_level: {duration: 20s, requests: %d, warmup: 1, request_timeout: 20s}
objective: {metric: output_throughput, at: c=1}
search: {sampler: grid, trials: 1, seed: 3}
confirm: {top: 1, repeats: 3}
timeouts: {load: 60s, ready: 60s, level: 60s, no_progress: 30s, stop: 1s}
"""
WIDE = ("--max-regression", "60%", "--repeats", "3", "--at-most", "12")


def write(folder: Path, scale: str = "1.0", more: str = "", requests: int = 4) -> Path:
    path = folder / "gated.yaml"
    path.write_text(CAMPAIGN % (scale, more, requests), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gated")
    tunebook("run", write(folder), results=folder / "results")
    return folder


def roles(results: Path) -> list[str]:
    return [str(one["role"]) for one in attempts(results)]


def gated(folder: Path, campaign: Path, *words: str | Path, status: int) -> dict[str, Any]:
    told = tunebook("gate", campaign, *words, "--json", results=folder / "results", status=status)
    lines = events(told.stdout)
    assert lines[-1]["event"] == "end"
    assert lines[-1]["exit_code"] == status
    [found] = [line for line in lines if line["event"] == "gated"]
    return found


def test_the_same_engine_passes_and_nobody_else_hears_of_it(measured: Path) -> None:
    results, before = measured / "results", roles(measured / "results")
    campaign = write(measured)
    found = gated(measured, campaign, "--baseline", "gated", *WIDE, "--junit", measured / "gate.xml", status=0)
    assert (found["decision"], len(found["baseline"])) == ("pass", 3)
    assert roles(results)[len(before) :] == ["gate"] * len(found["now"])
    root = xml.parse(measured / "gate.xml").getroot()
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == ("1", "0", "0")
    query = "SELECT purpose, count(*) AS n FROM comparisons GROUP BY ALL"
    told = tunebook("sql", query, "--format", "json", results=results).stdout
    assert {"purpose": "gate", "n": 1} in json.loads(told)
    told = tunebook("sql", "SELECT count(*) AS n FROM trials", "--format", "json", results=results).stdout
    assert json.loads(told) == [{"n": 1}]
    assert "nothing to do" in tunebook("run", campaign, results=results).stdout
    assert_nothing_left(results)


def beside(monkeypatch: pytest.MonkeyPatch, shares: list[float]) -> None:
    """What other programs take beside each attempt, the last of `shares` from then on."""
    left = iter(shares)
    monkeypatch.setattr(Alone, "taken", lambda alone, attempt: next(left, shares[-1]))


def test_a_slower_one_fails_and_the_summary_says_why(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beside(monkeypatch, [0.0])
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    slow, junit = write(tmp_path, scale="6.0", requests=4), tmp_path / "gate.xml"
    words = ["gate", slow, "--baseline", "gated", *WIDE, "--junit", junit, "--results", measured / "results"]
    assert run_command_line([str(word) for word in words]) == 1
    told = capsys.readouterr().out
    assert told.startswith("FAIL: gated: at most 60 % less output throughput at 1 user than baseline gated")
    assert "time-scale: 6.0 now, 1.0 then" in told
    assert len(told.splitlines()) < 24, "one screen"
    assert "## tunebook gate: FAIL" in summary.read_text(encoding="utf-8")
    [failure] = xml.parse(junit).getroot().iter("failure")
    assert failure.attrib["type"] == "regression"
    trials = "SELECT count(*) AS n FROM trials"
    counted = tunebook("sql", trials, "--format", "json", results=measured / "results").stdout
    assert json.loads(counted) == [{"n": 1}], "a lineage that only a gate measured has no trials"


@pytest.mark.parametrize(
    ("shares", "status", "said"),
    [
        ([0.4], 6, "but other programs took up to 40 % of the CPU beside 4 of 4 repeats of the best"),
        ([0.4, 0.0], 1, "in the 3 of 4 repeats with a quiet machine"),
    ],
)
def test_what_only_a_busy_machine_shows_is_no_regression(
    shares: list[float],
    status: int,
    said: str,
    measured: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    beside(monkeypatch, shares)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    slow, junit, summary = write(tmp_path, scale="3.0"), tmp_path / "gate.xml", tmp_path / "summary.md"
    looks = ["--max-regression", "30%", "--repeats", "4", "--at-most", "4"]
    words = ["gate", slow, "--baseline", "gated", *looks, "--junit", junit, "--summary", summary]
    assert run_command_line([*map(str, words), "--results", str(measured / "results")]) == status
    told = capsys.readouterr().out
    answer = {1: "FAIL", 6: "INCONCLUSIVE"}[status]
    assert told.startswith(f"{answer}: gated")
    [case] = xml.parse(junit).getroot().iter("testcase")
    found = case.find({1: "failure", 6: "error"}[status])
    assert found is not None
    for text in (told, summary.read_text(encoding="utf-8"), found.attrib["message"]):
        assert said in text
    assert "doubt: other programs took up to 40 % of the CPU" in told


def test_a_pass_beside_other_work_is_a_pass(
    measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beside(monkeypatch, [0.4])
    words = ["gate", write(measured), "--baseline", "gated", *WIDE, "--results", measured / "results"]
    assert run_command_line([str(word) for word in words]) == 0
    told = capsys.readouterr().out
    assert told.startswith("PASS")
    assert "doubt: other programs took up to 40 % of the CPU" in told


def test_an_engine_that_fails_now_fails_the_gate(measured: Path, tmp_path: Path) -> None:
    dead = write(tmp_path, more=",oom_load")
    found = gated(measured, dead, "--baseline", "gated", *WIDE, status=1)
    assert found["reason"].startswith("it fails now: oom_load at load: ")
    assert found["now"] == []


def test_what_can_not_be_compared_is_said_without_a_measurement(measured: Path, tmp_path: Path) -> None:
    before = len(attempts(measured / "results"))
    found = gated(measured, write(tmp_path, requests=5), "--baseline", "gated", *WIDE, status=6)
    assert found["reason"].startswith("can not be compared: workload: ")
    path = tmp_path / "baselines" / "gated.json"
    told = tunebook("gate", write(tmp_path), "--write-baseline", path, results=measured / "results").stdout
    assert "the best is trial 0, measured 3x" in told
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["trials"][0]["facts"]["cpu_model"] = "Another CPU"
    path.write_text(json.dumps(plain), encoding="utf-8")
    found = gated(measured, write(tmp_path), "--baseline", path, *WIDE, status=6)
    assert "CPU: " in found["reason"]
    assert "Another CPU then" in found["reason"]
    plain["campaign"]["hardware"]["cpus"] = 4
    plain["trials"][0]["facts"]["cpu_model"] = host_facts().cpu_model
    path.write_text(json.dumps(plain), encoding="utf-8")
    found = gated(measured, write(tmp_path), "--baseline", path, *WIDE, status=6)
    assert found["reason"] == "can not be compared: pinned CPUs: none now, 4 CPUs then"
    plain["trials"][0]["values"] = plain["trials"][0]["values"][:1]
    path.write_text(json.dumps(plain), encoding="utf-8")
    assert len(attempts(measured / "results")) == before


@pytest.fixture
def site(measured: Path, tmp_path: Path) -> Iterator[str]:
    """What a site publishes, on loopback."""
    data = tmp_path / "tunes" / "results" / "data"
    data.mkdir(parents=True)
    with closing(open_snapshot(measured / "results")) as connection:
        prepare(connection)
        (data / "reproduce.json").write_text(recorded_json(connection, Publisher(machines(connection))))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/tunes/"
        server.shutdown()
        thread.join()


def test_a_number_of_a_site_is_measured_again_from_what_it_publishes(site: str, tmp_path: Path) -> None:
    results = tmp_path / "elsewhere"
    told = tunebook("reproduce", f"{site}results/campaigns/gated/#trial-0", "--json", results=results, status=None)
    lines = events(told.stdout)
    [found] = [line for line in lines if line["event"] == "reproduced"]
    assert found["verdict"] in ("tie", "better", "inconclusive", "worse"), "the same machine can be compared"
    assert told.returncode == {"tie": 0, "better": 0, "worse": 1}.get(found["verdict"], 6)
    assert (len(found["published"]), len(found["here"]), found["differs"]) == (3, 3, [])
    assert roles(results) == ["repeat"] * 3
    mine = attempts(results)[0]
    assert mine["configuration"]["flags"] == {"time-scale": 1.0, "fault": "slow_load:0.2"}
    query = "SELECT purpose FROM comparisons"
    assert json.loads(tunebook("sql", query, "--format", "json", results=results).stdout) == [{"purpose": "reproduce"}]
    assert "has no campaign" in tunebook("reproduce", site, "--trial", "other#1", results=results, status=2).stderr
    assert_nothing_left(results)
