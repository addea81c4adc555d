"""Campaigns whose engines are pods, from file to record, on a real API server; a pod is a process of this machine."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from runner.util import net
from tests.kube.kubelet import Kubelet
from tests.kube.stand_in import register
from tests.kube.waiting import until
from tests.kube_server import KubeApi
from tests.stories._world import CONTAINED, assert_nothing_left, attempts, start, tunebook

pytestmark = [pytest.mark.kube, pytest.mark.story]

CAMPAIGN: dict[str, Any] = {**CONTAINED, "name": "in-pods"}


@dataclass
class Place:
    folder: Path
    api: KubeApi
    node: Kubelet
    namespace: str
    port: int

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def campaign(self, *faults: str, **deploy: Any) -> Path:
        flags = {"time-scale": 0.02, **({"fault": ",".join(faults)} if faults else {})}
        entry = {
            "runtime": "simulated", "flags": flags, "space": {"max-num-seqs": [1, 2, 4]}, "python": sys.executable,
            "image": "lab/simulated:1",
        }  # fmt: skip
        where = {"namespace": self.namespace, "port": self.port}
        path = self.folder / "in-pods.yaml"
        path.write_text(
            json.dumps({**CAMPAIGN, "deploy": {"kind": "kubernetes", **where, **deploy}, "runtimes": [entry]})
        )
        return path

    def pod(self, name: str) -> str:
        """A pod that runs, and what it would have in TUNEBOOK_POD."""
        about = {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
        made = self.api.do("POST", f"/api/v1/namespaces/{self.namespace}/pods", about)
        self.becomes(name, "Running")
        return f"{self.namespace}/{name}/{made['metadata']['uid']}"

    def becomes(self, name: str, phase: str) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{name}/status"
        self.api.do("PATCH", path, {"status": {"phase": phase}})

    def objects(self) -> list[str]:
        """Of the namespace, models aside."""
        found = []
        for place in ("/api/v1/{}/pods", "/api/v1/{}/services", "/apis/batch/v1/{}/jobs"):
            path = place.format(f"namespaces/{self.namespace}")
            found += [f"{path} {one['metadata']['name']}" for one in self.api.do("GET", path)["items"]]
        return found


@pytest.fixture
def place(tmp_path: Path, kube_api: KubeApi, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("KUBECONFIG", str(kube_api.kubeconfig))
    logs = tmp_path / "node"
    logs.mkdir()
    with Kubelet(kube_api, namespace, logs) as node:
        yield Place(tmp_path, kube_api, node, namespace, net.free_port("127.0.0.1"))


def test_campaign_to_record(place: Place) -> None:
    path = place.campaign()
    assert "kubernetes" in tunebook("plan", path, results=place.results).stdout
    said = tunebook("run", path, results=place.results)
    made = attempts(place.results)
    assert [one["outcome"] for one in made] == ["measured"] * 2, [one["failure"] for one in made]
    assert all(one["placement"]["node"].startswith("stand-in-") for one in made)
    assert all(one["placement"]["image_digest"] == f"sha256:{'1f' * 32}" for one in made)
    assert all({"pull", "start", "load"} <= {phase["phase"] for phase in one["phases"]} for one in made)
    log = place.results / "records" / f"attempt-{made[0]['attempt_id']}" / "engine.log"
    assert "listening on" in log.read_text()
    assert place.objects() == []
    assert_nothing_left(place.results)
    assert said.returncode == 0
    command = tunebook("render", "in-pods", "--as", "kubernetes", results=place.results).stdout
    assert f"lab/simulated@sha256:{'1f' * 32}" in command


def test_the_load_comes_from_a_pod_beside_the_engine(place: Place) -> None:
    """Its rows and events come through the API server, and are those of a client that runs here."""
    path = place.campaign(endpoint=f"http://127.0.0.1:{place.port}", load_image="lab/tunebook:1", load_cpus=1)
    tunebook("run", path, results=place.results)
    made = attempts(place.results)
    assert [one["outcome"] for one in made] == ["measured"] * 2, [one["failure"] for one in made]
    assert [[level["ok"] for level in one["levels"]] for one in made] == [[6, 6]] * 2
    with duckdb.connect() as memory:
        files = [f"{place.results}/records/attempt-{one['attempt_id']}/requests.parquet" for one in made]
        memory.execute("SELECT count(*) FROM read_parquet(?) WHERE kind = 'measure'", [files])
        assert memory.fetchone() == (24,)
    assert place.objects() == []
    assert_nothing_left(place.results)


def test_a_load_generator_of_another_tunebook_measures_nothing(place: Place) -> None:
    code = 'print(\'{"event": "remote", "code": "other"}\', flush=True); input()'
    place.node.instead = [sys.executable, "-c", code]
    path = place.campaign(endpoint=f"http://127.0.0.1:{place.port}", load_image="lab/tunebook:1")
    tunebook("run", path, results=place.results, status=None)
    [*made] = attempts(place.results)
    assert {one["outcome"] for one in made} == {"infra"}
    assert all("load_image has another tunebook" in one["failure"]["evidence"] for one in made), made[0]["failure"]
    assert place.objects() == []


def test_a_crash_is_the_trials_and_a_registry_is_not(place: Place) -> None:
    tunebook("run", place.campaign("crash_load"), results=place.results, status=1)
    assert {one["failure"]["cause"] for one in attempts(place.results)} == {"crash"}
    assert {one["outcome"] for one in attempts(place.results)} == {"failed"}
    assert place.objects() == []


def test_a_driver_that_is_killed_leaves_what_reap_ends(place: Place) -> None:
    path = place.campaign("slow_load:5000")
    with start("run", path, results=place.results) as driver:
        until(lambda: place.node.living())
        os.kill(driver.pid, signal.SIGKILL)
    assert place.objects(), "a pod does not die with its driver"
    said = tunebook("reap", results=place.results).stdout
    assert "job tb-" in said
    assert place.objects() == []
    assert place.node.living() == 0
    assert [one["outcome"] for one in attempts(place.results)] == ["interrupted"]


def test_the_next_night_ends_what_a_killed_one_has_left(place: Place) -> None:
    """Nights are pods of other names. What is told of one that still runs, or by who is in no pod, is nothing."""
    last, this = place.pod("night-1"), place.pod("night-2")
    path = place.campaign("slow_load:5000")
    with start("run", path, results=place.results, TUNEBOOK_POD=last) as driver:
        until(lambda: place.node.living())
        os.kill(driver.pid, signal.SIGKILL)
    [file] = (place.results / "running").glob("*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "host": "night-1"}), encoding="utf-8")
    for pod in ("", this, "elsewhere/night-2/1", f"{place.namespace}/night-2/another-uid"):
        tunebook("reap", results=place.results, TUNEBOOK_POD=pod)
        assert place.node.living() == 1, "the last night may still run"
    place.becomes("night-1", "Failed")
    tunebook("reap", results=place.results)
    assert place.node.living() == 1, "and who is in no pod can not know"
    assert "job tb-" in tunebook("reap", results=place.results, TUNEBOOK_POD=this).stdout
    assert place.node.living() == 0
    assert [one["outcome"] for one in attempts(place.results)] == ["interrupted"]
    for name in ("night-1", "night-2"):
        place.api.do("DELETE", f"/api/v1/namespaces/{place.namespace}/pods/{name}", {"gracePeriodSeconds": 0})
    assert place.objects() == []


def test_a_cluster_that_is_not_there_is_one_message(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    config = place.folder / "elsewhere"
    url = f"https://127.0.0.1:{net.free_port('127.0.0.1')}"
    config.write_text(place.api.kubeconfig.read_text().replace(place.api.url, url))
    monkeypatch.setenv("KUBECONFIG", str(config))
    said = tunebook("run", place.campaign(), results=place.results, status=4)
    assert "does not answer" in said.stderr
    assert not (place.results / "records").exists() or attempts(place.results) == []


def test_what_preflight_says_of_a_cluster(place: Place) -> None:
    register(place.api)
    asked = ("preflight", "--require", "kubernetes", "--format", "json")
    said = json.loads(tunebook(*asked, results=place.results).stdout)
    findings = {one["name"]: one for one in said["findings"]}
    assert findings["kubernetes"]["there"]
    assert "v1.20" in findings["kubernetes"]["what"]
    assert "no model agent runs" in findings["ome"]["what"]
    assert "modelAgent.enabled" in findings["ome"]["remedy"]
