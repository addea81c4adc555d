"""An engine whose worker is over while its server lives on and answers 503. What its log says goes before the count of
a client, where a signature says that this is the end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.stories._world import assert_nothing_left, attempts, tunebook

pytestmark = pytest.mark.story

SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def do_POST(self):
        print("worker over: the cache holds 128 tokens", flush=True)
        self.send_response(503); self.end_headers(); self.wfile.write(b"the worker is dead")
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""

CAMPAIGN = """\
tunebook: 1
name: dead-worker
model: {{id: simulated/tiny}}
runtimes:
  - runtime: command
    command: ["{python}", "{server}", "{{port}}"]
    signatures: [{{pattern: "worker over", cause: kv_too_small, rule: worker{fatal}}}]
workload:
  scenarios: ["D(16,8)"]
  load: {{concurrency: [1]}}
  each_level: {{duration: 5s, requests: 2}}
objective: {{metric: output_throughput, at: worst}}
search: {{sampler: grid, trials: 1}}
timeouts: {{load: 20s, ready: 2s, level: 20s, no_progress: 10s, stop: 1s}}
"""


@pytest.mark.parametrize(("fatal", "cause"), [(", fatal: true", "kv_too_small"), ("", "error_rate")])
def test_a_signature_of_the_end_says_more_than_refusals(tmp_path: Path, results: Path, fatal: str, cause: str) -> None:
    server, campaign = tmp_path / "server.py", tmp_path / "dead-worker.yaml"
    server.write_text(SERVER, encoding="utf-8")
    campaign.write_text(CAMPAIGN.format(python=sys.executable, server=server, fatal=fatal), encoding="utf-8")
    tunebook("run", campaign, results=results, status=1)
    [fact] = attempts(results)
    assert (fact["outcome"], fact["failure"]["cause"], fact["failure"]["phase"]) == ("failed", cause, "ready")
    assert ("worker over" in fact["failure"]["evidence"]) == bool(fatal)
    assert_nothing_left(results)
