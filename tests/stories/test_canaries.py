"""Secrets of every kind, planted in the runner's environment and said by the engine wherever it can speak, stand in
no record, store, page, event, report or child that does not need them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.make import canaries
from tests.stories._world import assert_nothing_left, attempts, environment, tunebook

pytestmark = pytest.mark.story

ENGINE = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

port, how, said, seen = int(sys.argv[1]), sys.argv[2], json.loads(Path(sys.argv[3]).read_text()), Path(sys.argv[4])
text = " | ".join(said)
(seen / "engine.json").write_text(json.dumps(dict(os.environ)))
for line in said:
    print(line, flush=True)
print("x" * 300000 + text, flush=True)

def note_the_client():
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words, found = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"loadgens" in words and os.environ["TUNEBOOK_ATTEMPT"].encode() in found:
            (seen / "client.txt").write_bytes(found)

class Engine(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, kind, body):
        self.send_response(status)
        for n, line in enumerate(said):
            self.send_header(f"X-Said-{n}", " ".join(line.split()))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200 if self.path == "/health" else 404, "application/json", json.dumps({"said": said}).encode())

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        stream = "text/event-stream" in self.headers.get("Accept", "")
        if stream:
            note_the_client()
            print("asked with", self.headers, text, file=sys.stderr, flush=True)
        if stream and how == "errors":
            return self.answer(500, "application/json", json.dumps({"error": {"message": text}}).encode())
        if not stream:
            answer = {"choices": [{"text": text, "message": {"content": text}}]}
            return self.answer(200, "application/json", json.dumps(answer).encode())
        chunks = [{"choices": [{"index": 0, "delta": {"content": line}, "finish_reason": None}]} for line in said[:8]]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
        chunks.append({"choices": [], "usage": {"prompt_tokens": 16, "completion_tokens": 8, "total_tokens": 24}})
        lines = ["data: " + json.dumps(one) for one in chunks] + ["data: [DONE]", ""]
        self.answer(200, "text/event-stream", chr(10).join(line + chr(10) for line in lines).encode())

ThreadingHTTPServer(("127.0.0.1", port), Engine).serve_forever()
"""

CAMPAIGN = """\
tunebook: 1
name: canaries
model: {{id: some/model}}
runtimes:
  - runtime: command
    command: ["{python}", "{engine}", "{{port}}", "{how}", "{said}", "{seen}"]
    env: [GITHUB_TOKEN]
workload:
  scenarios: ["D(16,8)"]
  load: {{concurrency: [1]}}
  each_level: {{duration: 5s, requests: 4, warmup: 1, request_timeout: 5s}}
objective: {{metric: output_throughput}}
search: {{trials: 1}}
timeouts: {{load: 60s, ready: 10s, level: 60s, no_progress: 30s, stop: 1s}}
"""


TABLES = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = 'asked'"


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment of everything that is started here."""
    for name, value in canaries.BY_NAME.items():
        monkeypatch.setenv(name, value)


def write_world(folder: Path, how: str) -> Path:
    """Engine, campaign and a repository whose remote holds a password."""
    (folder / "seen").mkdir()
    (folder / "engine.py").write_text(ENGINE)
    (folder / "said.json").write_text(json.dumps(canaries.said()))
    path = folder / "canaries.yaml"
    path.write_text(CAMPAIGN.format(python=sys.executable, engine=folder / "engine.py", how=how,
                                    said=folder / "said.json", seen=folder / "seen"))  # fmt: skip
    plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    remote = canaries.IN_CONTEXT["clone address"][0].format(canaries.IN_CONTEXT["clone address"][1]).split()[1]
    for words in ("init -q", f"remote add origin {remote}", "add canaries.yaml",
                  "-c user.name=a -c user.email=a@b.example commit -q -m x"):  # fmt: skip
        subprocess.run(["git", "-C", str(folder), *words.split()], env=plain, check=True)
    return path


@pytest.fixture
def project(tmp_path: Path, results: Path) -> Path:
    """A project with files of settings, where every command is given."""
    folder = tmp_path / "project"
    tunebook("new", "--project", folder, "--runtime", "simulated", results=results)
    for file, lines in canaries.ENV_FILES.items():
        (folder / file).write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    return folder


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below `folder` as text; of what is compressed, the values too."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield str(path), path.read_bytes().decode("utf-8", errors="replace")
        if path.suffix == ".parquet":
            yield f"{path} (values)", str(duckdb.read_parquet(str(path)).fetchall())
        if path.suffix == ".duckdb":
            with duckdb.connect() as store:
                store.execute(f"ATTACH '{path}' AS asked (READ_ONLY); USE asked")  # not called as a schema of it
                for schema, table in store.execute(TABLES).fetchall():
                    rows = store.execute(f'SELECT * FROM asked."{schema}"."{table}"').fetchall()
                    yield f"{path} ({schema}.{table})", str(rows)


def leaks(name: str, text: str) -> list[str]:
    return [f"{name}: {value}" for value in canaries.values() if value in text]


@pytest.mark.parametrize("how", ["answers", "errors"])
def test_no_secret_leaves(tmp_path: Path, project: Path, results: Path, how: str) -> None:
    path = write_world(tmp_path, how)
    done = tunebook("run", path, "--json", results=results, status=None, cwd=project)
    [fact] = attempts(results)
    assert fact["outcome"] == ("measured" if how == "answers" else "failed"), fact["failure"]
    built = tunebook("build", "--out", tmp_path / "public", results=results, cwd=project)
    asked = tunebook("sql", "SELECT * FROM failures, levels", results=results, cwd=project)
    assert len(leaks("the engine's words", " ".join(canaries.said()))) == len(canaries.values()), "we would see them"
    [log] = results.glob("records/attempt-*/engine.log")
    assert log.read_text().count("[redacted]") >= len(canaries.said()), "the engine did say it"

    found = [leak for name, text in texts(results) for leak in leaks(name, text)]
    found += [leak for name, text in texts(tmp_path / "public") for leak in leaks(name, text)]
    for said in (done, built, asked):
        found += leaks("output", said.stdout + said.stderr)
    assert not found, "\n".join(found)
    assert_nothing_left(results)

    engine = json.loads((tmp_path / "seen" / "engine.json").read_text())
    assert engine["GITHUB_TOKEN"] == canaries.BY_NAME["GITHUB_TOKEN"], "what the campaign names is passed"
    assert not engine.keys() & (canaries.named().keys() - {"GITHUB_TOKEN"})
    client = (tmp_path / "seen" / "client.txt").read_text()
    assert "PATH=" in client
    assert leaks("the client's environment", client) == []


def test_progress_for_people_shows_none(tmp_path: Path, project: Path, results: Path) -> None:
    path = write_world(tmp_path, "errors")
    done = tunebook("run", path, results=results, status=None, cwd=project)
    assert "error_rate" in done.stderr + done.stdout
    assert leaks("output", done.stdout + done.stderr) == []


BUG = """
import json, sys
from pathlib import Path
from runner.cli import _main, check
said = json.loads(Path(sys.argv.pop()).read_text())
def fail(*_, **__):
    raise ValueError(" | ".join(said))
check.COMMAND.callback = fail
sys.exit(_main.run_command_line(["check", "campaigns"]))
"""


def test_a_bug_report_holds_none(tmp_path: Path, project: Path, results: Path) -> None:
    said, reports = tmp_path / "said.json", tmp_path / "tmp"
    reports.mkdir()
    said.write_text(json.dumps(canaries.said()))
    done = subprocess.run(
        [sys.executable, "-c", BUG, "run", f"--password={canaries.BY_NAME['DB_PASSWORD']}", str(said)],
        env=environment(results, TMPDIR=str(reports)), capture_output=True, text=True, check=False,
        cwd=project,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    [report] = reports.glob("tunebook-bug-*.txt")
    assert "ValueError" in report.read_text()
    assert leaks("report", report.read_text()) == []
    assert leaks("output", done.stdout + done.stderr) == []
