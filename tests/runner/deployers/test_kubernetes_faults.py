"""An API server that says no, says it too late, or says nothing: answers over HTTP, as faults of a real one look."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from runner.deployers import PlaceRequest, deployers
from runner.deployers.kubernetes import api, connection, refusal, workload
from runner.deployers.kubernetes.workload import Log, removed
from runner.domain.campaign import Deploy
from runner.domain.failure import Cause, Failure
from runner.domain.trial import Health, Launch, Placement
from runner.errors import LeftBehind, NotReady

DEPLOYER = deployers.get("kubernetes")
JOBS = "/apis/batch/v1/namespaces/tune/jobs"
JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "tb-1", "labels": {"tunebook.attempt": "1"}}}


def status(code: int, reason: str, message: str, **details: Any) -> tuple[int, dict[str, str], bytes]:
    body = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return code, {"Content-Type": "application/json"}, json.dumps(body).encode()


def found(body: Any, code: int = 200) -> tuple[int, dict[str, str], bytes]:
    return code, {"Content-Type": "application/json"}, json.dumps(body).encode()


@dataclass
class Server:
    """`answers`: "METHOD /path" -> what comes, one after the other; the last one for ever. Else an empty list."""

    url: str = ""
    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def next(self, line: str) -> Any:
        self.asked.append(line)
        left = self.answers.get(line)
        if not left:
            return found({"items": []})
        return left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()

    class Answers(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = server.next(f"{self.command} {self.path.partition('?')[0]}")
            if answer is None:  # the connection ends without a word
                self.close_connection = True
                return
            code, headers, body = answer
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, format: str, *args: Any) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(api, "_PAUSE", 0.01)
    monkeypatch.setattr(api, "_LONGEST", 0.05)
    with serving() as one:
        file = tmp_path / "kubeconfig"
        config = {
            "current-context": "c", "clusters": [{"name": "k", "cluster": {"server": one.url}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "tune"}}],
            "users": [{"name": "u", "user": {"token": "the-token-of-u"}}],
        }  # fmt: skip
        file.write_text(json.dumps(config), encoding="utf-8")
        monkeypatch.setenv("KUBECONFIG", str(file))
        yield one


@pytest.fixture
def cluster(server: Server) -> Iterator[api.Cluster]:
    with connection.connected(None, None, patience=2.0) as one:
        yield one


def test_a_busy_server_is_asked_again(server: Server, cluster: api.Cluster) -> None:
    busy = status(429, "TooManyRequests", "later")
    busy[1]["Retry-After"] = "1"
    server.answers[f"POST {JOBS}"] = [busy, status(500, "InternalError", "etcd has no leader"), found(JOB, 201)]
    assert cluster.create(JOB)["kind"] == "Job"
    assert server.asked == [f"POST {JOBS}"] * 3


def test_a_create_whose_answer_was_lost_is_not_a_conflict(server: Server, cluster: api.Cluster) -> None:
    server.answers[f"POST {JOBS}"] = [None, status(409, "AlreadyExists", "it exists")]
    server.answers[f"GET {JOBS}/tb-1"] = [found(JOB)]
    assert cluster.create(JOB)["metadata"]["name"] == "tb-1"


def test_what_somebody_else_made_is_a_conflict(server: Server, cluster: api.Cluster) -> None:
    server.answers[f"POST {JOBS}"] = [None, status(409, "AlreadyExists", "it exists")]
    server.answers[f"GET {JOBS}/tb-1"] = [found({**JOB, "metadata": {"name": "tb-1"}})]
    with pytest.raises(api.Refused, match="it exists"):
        cluster.create(JOB)
    server.answers[f"POST {JOBS}"] = [status(409, "AlreadyExists", "it exists")]
    with pytest.raises(api.Refused, match="it exists"):
        cluster.create(JOB)


@pytest.mark.parametrize(
    ("answer", "rule", "told"),
    [
        (status(422, "Invalid", "no", causes=[{"field": "spec.x", "message": "Needed"}]), "manifest", "spec.x: Needed"),
        (status(403, "Forbidden", "exceeded quota: gpus"), "quota", "exceeded quota"),
        (status(403, "Forbidden", "cannot create jobs"), "forbidden", "cannot create"),
        (status(409, "Conflict", "object was modified"), "conflict", "modified"),
        ((502, {"Content-Type": "text/html"}, b"<h1>Bad\nGateway</h1>"), "api-server", "HTTP 502 <h1>Bad Gateway</h1>"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_value_of_the_attempt(
    server: Server, cluster: api.Cluster, answer: Any, rule: str, told: str
) -> None:
    server.answers[f"POST {JOBS}"] = [answer]
    with pytest.raises(api.Refused) as caught:
        cluster.create(JOB)
    failure = refusal(caught.value)
    assert (failure.cause, failure.rule) == (Cause.INFRA, rule)
    assert told in failure.evidence


def test_who_is_not_known_is_told_once(server: Server) -> None:
    server.answers["GET /version"] = [status(401, "Unauthorized", "Unauthorized")]
    with pytest.raises(NotReady, match="does not know us"), connection.connected(None, None, 1.0) as cluster:
        cluster.version()


def test_a_page_of_a_proxy_is_no_answer(server: Server, cluster: api.Cluster) -> None:
    server.answers["GET /version"] = [(200, {"Content-Type": "text/html"}, b"<h1>log in</h1>")]
    with pytest.raises(api.Away, match="does not answer as an API server does"):
        cluster.version()


def test_a_delete_that_hangs_is_told_by_name(
    server: Server, cluster: api.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workload, "PATIENCE", 0.3)
    there = {**JOB, "metadata": {**JOB["metadata"], "uid": "u", "finalizers": ["example.org/wait"]}}  # type: ignore[dict-item]
    server.answers[f"GET {JOBS}"] = [found({"items": [there]})]
    server.answers[f"DELETE {JOBS}/tb-1"] = [found(there)]
    with pytest.raises(NotReady, match=r"job tb-1: held by the finalizer example.org/wait"):
        removed(cluster, "1", ("tunebook.attempt=1",), 0.0)
    assert server.asked.count(f"DELETE {JOBS}/tb-1") == 1


def test_a_log_that_breaks_off_goes_on_where_it_was(server: Server, cluster: api.Cluster, tmp_path: Path) -> None:
    place = "GET /api/v1/namespaces/tune/pods/p/log"
    text = {"Content-Type": "text/plain"}
    server.answers[place] = [
        (200, text, b"one\ntw"),
        (500, text, b"no"),
        (200, text, b"one\ntwo\n"),
        (200, text, b"one\ntwo\nthree\n"),
    ]
    log = Log(cluster, "p", "engine", tmp_path / "log")
    until(lambda: server.asked.count(place) >= 4)
    log.finish()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\nthree\n"


def test_a_server_that_dies_in_the_middle_is_infra(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PATIENCE", 0.2)
    monkeypatch.setattr(connection.connect, "__defaults__", (0.2,))
    monkeypatch.setattr(workload, "PATIENCE", 0.2)
    server.answers[f"POST {JOBS}"] = [None]
    request = PlaceRequest(
        "1", "org/model", "model", "", tmp_path, tmp_path / "log", {"tunebook.attempt": "1"}, options={"image": "e:1"}
    )
    place = DEPLOYER.place(request, Deploy("kubernetes"))
    assert isinstance(place, Placement)
    failure = DEPLOYER.start(Launch(("serve",), {}, Health(), ()), place, request)
    assert isinstance(failure, Failure)
    assert (failure.cause, failure.rule) == (Cause.INFRA, "api-server")


def test_one_kind_that_may_not_be_listed_hides_no_other(server: Server, cluster: api.Cluster) -> None:
    there = {**JOB, "metadata": {"name": "tb-1", "uid": "u"}}
    server.answers[f"GET {JOBS}"] = [found({"items": [there]}), found({"items": []})]
    server.answers[f"DELETE {JOBS}/tb-1"] = [found(there)]
    server.answers["GET /api/v1/namespaces/tune/pods"] = [status(403, "Forbidden", "cannot list pods")]
    with pytest.raises(LeftBehind, match="cannot list pods"):
        removed(cluster, "1", ("tunebook.attempt=1",), 0.0)
    assert f"DELETE {JOBS}/tb-1" in server.asked


def test_a_plugin_for_tokens_that_fails_is_said(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    config = json.loads(file.read_text())
    plugin = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "no-such-plugin"}
    config["users"][0]["user"] = {"exec": plugin}
    file.write_text(json.dumps(config))
    [problem] = DEPLOYER.needs(Deploy("kubernetes"))
    assert "no-such-plugin" in problem.what


def test_without_a_kubeconfig_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    [problem] = DEPLOYER.needs(Deploy("kubernetes"))
    assert "no way to a Kubernetes cluster" in problem.what
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/a:{tmp_path}/b")
    [problem] = DEPLOYER.needs(Deploy("kubernetes"))
    assert "KUBECONFIG names 2 files" in problem.what
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/a")
    [problem] = DEPLOYER.needs(Deploy("kubernetes"))
    assert f"{tmp_path}/a" in problem.what


def test_an_unknown_context_is_said(server: Server) -> None:
    [problem] = DEPLOYER.needs(Deploy("kubernetes", {"context": "lab"}))
    assert "Context 'lab' not found" in problem.what


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.02)
