"""Looking at a run from another process: it is seen, followed, and not disturbed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runner.status import ALIVE, AttemptNow, RunNow, look, runs_now
from runner.util import procfs
from tests.stories._world import (
    assert_nothing_left,
    attempts,
    events,
    our_processes,
    proposals,
    start,
    tunebook,
    write_campaign,
)

pytestmark = pytest.mark.story


def begun(run: subprocess.Popen[str]) -> str:
    """Wait for the first event of a run. Its id."""
    assert run.stdout is not None
    [event] = events(run.stdout.readline())
    assert event["event"] == "run_started"
    return str(event["run_id"])


def starting(process: subprocess.Popen[str], results: Path, least: int = 0) -> tuple[RunNow, AttemptNow]:
    """Wait for an attempt of trial `least`, or of a later one, whose engine gives no sign of life yet."""
    while process.poll() is None:
        for run in runs_now(results):
            for attempt in run.attempts:
                if attempt.number >= least and attempt.phase == "start":
                    return run, attempt
        time.sleep(0.02)
    raise AssertionError(f"the run ended before that: {process.communicate()}")


def stopped_while_it_starts(process: subprocess.Popen[str], results: Path) -> AttemptNow:
    """Stop the runner (SIGSTOP) so that its attempt is, and stays, in phase start."""
    while True:
        starting(process, results)
        process.send_signal(signal.SIGSTOP)
        for attempt in (attempt for run in runs_now(results) for attempt in run.attempts):
            if attempt.phase == "start":
                return attempt
        process.send_signal(signal.SIGCONT)  # it was faster than we


def test_a_run_is_seen_and_followed_to_its_end(tmp_path: Path, results: Path) -> None:
    campaign = write_campaign(tmp_path, trials=2, top=1, loads="[1]", flags=", fault: slow_load:2")
    run = start("run", campaign, "--json", results=results)
    run_id = begun(run)
    follower = start("logs", "story", "--follow", results=results)
    seen, attempt = starting(run, results, 1)
    assert (seen.state, seen.campaign, seen.pid, seen.run_id) == (ALIVE, "story", run.pid, run_id)
    assert (attempt.number, attempt.trials, attempt.role) == (1, 2, "search")
    told = tunebook("status", results=results).stdout
    assert "story  alive" in told
    assert f"process   {run.pid} on " in told

    _, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    shown, errors = follower.communicate(timeout=60)
    assert (follower.returncode, errors) == (0, "")
    assert followed(shown) == sealed(results)
    assert followed(tunebook("logs", run_id, results=results).stdout) == sealed(results)
    told = tunebook("status", results=results).stdout
    assert told.startswith("nothing is running\n  last run  story: all trials done")
    assert_nothing_left(results)


def followed(text: str) -> list[tuple[str, str]]:
    """(attempt, line) of every engine's line that was shown."""
    split = [line.split(maxsplit=3) for line in text.splitlines()]
    return [(words[0], words[3]) for words in split if words[1] == "engine"]


def sealed(results: Path) -> list[tuple[str, str]]:
    """The same from the records."""
    found = []
    for fact in attempts(results):
        tag = f"t{fact['number']}/{fact['role']}{fact['repeat'] or ''}"
        log = results / "records" / f"attempt-{fact['attempt_id']}" / "engine.log"
        found += [(tag, line) for line in log.read_text().splitlines()]
    assert len({tag for tag, _ in found}) == len(attempts(results)) >= 4
    return found


def test_a_killed_run_is_dead_until_it_is_reaped(tmp_path: Path, results: Path) -> None:
    campaign = write_campaign(tmp_path, trials=9, loads="[1]", flags=", fault: slow_load:3")
    run = start("run", campaign, "--json", results=results)
    begun(run)
    follower = start("logs", "story", "--follow", results=results)
    impatient = start("logs", "story", "--follow", "--json", results=results)
    assert impatient.stdout is not None
    assert '"t0/baseline"' in impatient.stdout.readline()
    impatient.send_signal(signal.SIGINT)
    out, err = impatient.communicate(timeout=60)
    assert (impatient.returncode, err, events(out)[-1]["exit_code"]) == (130, "", 130)

    attempt = stopped_while_it_starts(run, results)
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=60)
    follower.communicate(timeout=60)
    assert follower.returncode == 0, "a run that is dead is over for who follows it"
    told = tunebook("status", results=results).stdout
    assert "story  DEAD" in told
    assert "run `tunebook reap`" in told
    assert "phase     start" in told
    lines = events(tunebook("status", "--json", results=results).stdout)
    assert [(line["event"], line.get("state")) for line in lines[:2]] == [("run", "dead"), ("attempt", "dead")]
    assert lines[-1] == {**lines[-1], "event": "end", "alive": 0, "dead": 1, "exit_code": 0}
    tunebook("reap", results=results)
    told = tunebook("status", results=results).stdout
    assert told.startswith("nothing is running\n  last run  story: did not end by itself")
    assert "interrupted" in tunebook("logs", f"story#{attempt.number}", results=results).stdout
    assert attempts(results)[-1]["phase"] == "start"
    assert our_processes(results) == []


def test_looking_all_the_time_changes_nothing(tmp_path: Path, results: Path) -> None:
    """The store is ingested, published and complete, and no trial waits or fails, while somebody looks and looks."""
    campaign = write_campaign(tmp_path, trials=2, loads="[1]")
    run = start("run", campaign, "--json", results=results)
    while run.poll() is None:
        look(results, datetime.now(UTC))
        time.sleep(0.1)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert [line for line in events(out) if line["event"] == "warning"] == []
    assert [number for number, _ in proposals(results)] == [0, 1]
    assert look(results, datetime.now(UTC)).store.pending == 0
    tunebook("store", "verify", results=results)


ENGINE = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, child, folder = sys.argv[1:]
label = os.environ["TUNEBOOK_ATTEMPT"]
print("engine of", label, flush=True)
if (between := os.fork()) == 0:
    os.setsid()
    if os.fork() == 0:  # of no session and no environment of ours, and its parent is gone before anybody looks
        os.execve(sys.executable, [sys.executable, "-S", child, label, folder], {})
    os._exit(0)
os.waitpid(between, 0)

class Engine(BaseHTTPRequestHandler):
    def say(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.say(200 if self.path == "/health" else 404, {})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.say(400, {"error": {"message": "no"}})

ThreadingHTTPServer(("127.0.0.1", int(port)), Engine).serve_forever()
"""

CHILD = """
import os, sys, time
label, folder = sys.argv[1:]
end = time.monotonic() + 120
while time.monotonic() < end and not os.path.exists(folder + "/stop"):
    os.write(1, ("child of " + label + "\\n").encode())
    with open(folder + "/" + label, "w") as alive:
        alive.write(str(os.getpid()))
    time.sleep(0.02)
"""

OVERLAPPING = """\
tunebook: 1
name: overlapping
model: {{id: some/model}}
runtimes:
  - {{runtime: command, name: one, command: ["{python}", "{engine}", "{{port}}", "{child}", "{folder}"]}}
  - {{runtime: command, name: two, command: ["{python}", "{engine}", "{{port}}", "{child}", "{folder}"]}}
workload:
  scenarios: ["D(16,8)"]
  load: {{concurrency: [1]}}
  each_level: {{duration: 5s, requests: 2, warmup: 1, request_timeout: 5s}}
objective: {{metric: output_throughput}}
search: {{trials: 2}}
timeouts: {{load: 60s, ready: 2s, level: 60s, no_progress: 30s, stop: 1s}}
"""


def test_lines_of_one_attempt_never_stand_in_anothers_file(tmp_path: Path, results: Path) -> None:
    """An engine leaves a child that nobody can find: it writes on when its attempt is sealed and the next one runs."""
    folder = tmp_path / "children"
    folder.mkdir()
    engine, child, campaign = tmp_path / "engine.py", tmp_path / "child.py", tmp_path / "overlapping.yaml"
    engine.write_text(ENGINE)
    child.write_text(CHILD)
    campaign.write_text(OVERLAPPING.format(python=sys.executable, engine=engine, child=child, folder=folder))
    try:
        tunebook("run", campaign, results=results, status=1)
        first, second = attempts(results)
        wrote = {label: (folder / label).stat().st_mtime for label in (first["attempt_id"], second["attempt_id"])}
    finally:
        (folder / "stop").touch()
    begun = datetime.fromisoformat(second["started_utc"]).timestamp()
    assert wrote[first["attempt_id"]] > begun + second["seconds"], (
        "the child of the first wrote through all of the second"
    )
    shown = followed(tunebook("logs", "overlapping", results=results).stdout)
    for fact, tag in ((first, "t0/baseline"), (second, "t1/baseline")):
        log = results / "records" / f"attempt-{fact['attempt_id']}" / "engine.log"
        lines = [line for line in log.read_text().splitlines() if " of " in line]
        labels = {line.rpartition(" of ")[2] for line in lines}
        assert labels == {fact["attempt_id"]}
        assert [line for line in lines if line.startswith("child")], "it wrote before the attempt ended too"
        assert {line.rpartition(" of ")[2] for where, line in shown if where == tag and " of " in line} == labels
    tunebook("store", "verify", results=results)
    wait_for_the_end_of([int(path.read_text()) for path in folder.glob("*-*") if path.read_text()])


def wait_for_the_end_of(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while any(map(lives, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in pids if lives(pid)] == []


def lives(pid: int) -> bool:
    """A zombie is gone: when its entry goes is the business of process 1."""
    stat = procfs.stat(pid)
    return stat is not None and not stat.zombie
