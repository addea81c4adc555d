"""A value that is passed through by name stands in no file, whatever the engine does with it."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from tests.stories._world import assert_nothing_left, attempts, tunebook

pytestmark = pytest.mark.story

CANARY = "blue-giraffe-73"

ENGINE = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

canary, asked = os.environ["MY_CANARY"], 0
print("started with", canary, flush=True)

class Engine(BaseHTTPRequestHandler):
    def say(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.say(200 if self.path == "/health" else 404, {"error": canary})

    def do_POST(self):
        global asked
        self.rfile.read(int(self.headers["Content-Length"]))
        asked += 1
        print("refused", canary, flush=True)
        if asked == 1 and sys.argv[2] == "ready":
            self.say(200, {"choices": [{"text": "a"}]})
        else:
            self.say(400 + 100 * (asked % 2), {"error": {"message": "x" * int(sys.argv[3]) + " bad key " + canary}})

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Engine).serve_forever()
"""

CAMPAIGN = """\
tunebook: 1
name: canary
model: {{id: some/model}}
runtimes:
  - runtime: command
    command: ["{python}", "{engine}", "{{port}}", "{how}", "{padding}"]
    env: [MY_CANARY]
workload:
  scenarios: ["D(16,8)"]
  load: {{concurrency: [1]}}
  each_level: {{duration: 5s, requests: 4, warmup: 1, request_timeout: 5s}}
objective: {{metric: output_throughput}}
search: {{trials: 1}}
timeouts: {{load: 60s, ready: 2s, level: 60s, no_progress: 30s, stop: 1s}}
"""


# With 258 letters in front the client cuts the message in the middle of the value.
@pytest.mark.parametrize(("how", "padding"), [("ready", 0), ("ready", 258), ("never", 0)])
def test_a_passed_value_stands_in_no_file(tmp_path: Path, results: Path, how: str, padding: int) -> None:
    engine = tmp_path / "engine.py"
    engine.write_text(ENGINE)
    path = tmp_path / "canary.yaml"
    path.write_text(CAMPAIGN.format(python=sys.executable, engine=engine, how=how, padding=padding))
    done = tunebook("run", path, "--json", results=results, status=None, MY_CANARY=CANARY)
    [fact] = attempts(results)
    assert fact["failure"]["cause"] == "error_rate", fact["failure"]
    [log] = results.glob("records/attempt-*/engine.log")
    assert "refused [redacted]" in log.read_text(), "the engine did say it"
    files = [file for file in results.rglob("*") if file.is_file()]
    assert [str(file) for file in files if CANARY[:10].encode() in file.read_bytes()] == []
    assert CANARY[:10] not in done.stdout + done.stderr
    rows = duckdb.read_parquet(str(log.parent / "requests.parquet")).fetchall()  # compressed: bytes show nothing
    assert CANARY[:10] not in str(rows)
    assert ("[redacted]" in str(rows)) is (how == "ready")
    assert_nothing_left(results)
