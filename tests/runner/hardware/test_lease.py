"""Leases between real processes: one owner for each GPU, and none that outlives its process."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.domain.campaign import Hardware
from runner.errors import NoGpu, Unwritable
from runner.hardware import locks
from runner.hardware.lease import VISIBLE, lacking, leased
from runner.hardware.locks import FOLDER, WAIT, lease_folder, lease_path, leases, read_lease
from runner.hardware.probes import gpus_here

ROOT = Path(__file__).parents[3]
ME = {"host": "here", "pid": os.getpid(), "campaign": "mine"}
ONE = Hardware(gpus=1)
Holder = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two simulated GPUs and a folder of leases of the test's own; nobody waits."""
    for name, value in {FOLDER: str(tmp_path / "leases"), "TUNEBOOK_FAKE_GPUS": "H100:2", WAIT: "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(VISIBLE, raising=False)
    return tmp_path / "leases"


@pytest.fixture
def holder() -> Iterator[Holder]:
    """Starts processes that hold GPUs, and ends them."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.runner.hardware._holder", *map(str, words)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=60)


def holds(process: subprocess.Popen[str]) -> list[str]:
    """What a holder has, once it has it."""
    assert process.stdout is not None
    return process.stdout.readline().split()


def test_a_lease_says_who_holds_what_and_is_given_back(folder: Path) -> None:
    with leased(ONE, ME) as (gpu,):
        told = read_lease(lease_path(gpu.uuid))
        assert told is not None
        assert (told["name"], told["label"], told["campaign"], told["pid"]) == (gpu.uuid, "GPU 0", "mine", os.getpid())
        assert [one["name"] for one in leases()] == [gpu.uuid]
    assert leases() == []
    assert [path.name for path in folder.iterdir()] == [f"{gpu.uuid}.lock"]


def test_it_is_given_back_when_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError), leased(ONE, ME):
        raise ZeroDivisionError
    with leased(Hardware(gpus=2), ME) as both:
        assert len(both) == 2


def test_one_process_has_no_gpu_twice() -> None:
    with leased(ONE, ME) as (first,), leased(ONE, ME) as (second,):
        assert first.uuid != second.uuid
        with pytest.raises(
            NoGpu, match=r"no 1x GPU came free in 0 s: GPU 0 is held by pid \d+ of campaign mine on here"
        ):
            leased(ONE, ME).__enter__()


def test_all_or_none_so_that_no_two_wait_for_each_other() -> None:
    with leased(ONE, ME), pytest.raises(NoGpu, match="GPU 1 is free"):
        leased(Hardware(gpus=2), ME).__enter__()
    with leased(Hardware(gpus=2), ME):
        pass


def test_another_process_is_named_and_a_killed_one_holds_nothing(holder: Holder) -> None:
    other = holder("hold", 2)
    assert set(holds(other)) == {gpu.uuid for gpu in gpus_here()}
    with pytest.raises(NoGpu, match=f"GPU 1 is held by pid {other.pid} of campaign held-by-a-test"):
        leased(ONE, ME).__enter__()
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert len(leases()) == 2, "its words stay, and mean nothing"
    with leased(Hardware(gpus=2), ME) as both:
        assert {one["pid"] for one in leases()} == {os.getpid()}
        assert len(both) == 2


def test_a_child_that_outlives_its_parent_holds_nothing(holder: Holder) -> None:
    other = holder("hold", 2, "inherit")
    child = int(holds(other)[-1])
    try:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        with leased(Hardware(gpus=2), ME) as both:
            assert len(both) == 2
    finally:
        os.kill(child, signal.SIGKILL)


def test_who_waits_says_for_whom_and_has_it_next(holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WAIT, "600")
    other = holder("hold", 2)
    held = holds(other)
    heard: list[str] = []

    def hear(reason: str) -> None:
        heard.append(reason)
        other.communicate(timeout=60)  # its stdin ends: it gives back

    with leased(Hardware(gpus=2, gpu="h100"), ME, on_wait=hear) as both:
        assert {gpu.uuid for gpu in both} == set(held)
    assert [line.partition(" of ")[0] for line in heard] == [
        f"waiting for 2x h100: GPU 0 is held by pid {other.pid}"
    ]  # fmt: skip


def test_who_shall_stop_waits_no_longer(holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WAIT, "600")
    holds(holder("hold", 2))
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(NoGpu, match=r"stopped while waiting for 1x GPU: GPU 0 is held"):
        leased(ONE, ME, should_stop=stop).__enter__()


@pytest.mark.parametrize(("count", "gpus"), [(1, "H100:2"), (2, "H100:3")])
def test_no_two_processes_ever_hold_one_gpu(
    count: int, gpus: str, holder: Holder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", gpus)
    monkeypatch.setenv(WAIT, "600")
    marks = tmp_path / "held"
    marks.mkdir()
    racers = [holder("race", count, 5, marks) for _ in range(4)]
    assert [racer.wait() for racer in racers] == [0] * 4
    assert list(marks.iterdir()) == []


def test_too_few_gpus_is_no_reason_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WAIT, "600")
    with pytest.raises(NoGpu, match=r"3x GPU wanted, and this machine has 2x NVIDIA H100 80GB HBM3"):
        leased(Hardware(gpus=3), ME).__enter__()
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "none")
    with pytest.raises(NoGpu, match="no GPU that tunebook can lease"):
        leased(ONE, ME).__enter__()


def test_what_a_scheduler_hides_is_not_leased(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "1")
    with leased(ONE, ME) as (gpu,):
        assert gpu.index == 1
    assert "CUDA_VISIBLE_DEVICES=1 shows" in str(lacking(Hardware(gpus=2)))
    assert lacking(ONE) is None


def test_a_folder_for_everybody_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        with leased(ONE, ME) as (gpu,):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
            assert stat.S_IMODE(lease_path(gpu.uuid).stat().st_mode) == 0o666
    finally:
        os.umask(before)


def test_a_file_that_was_swept_is_locked_anew(folder: Path) -> None:
    """A lock on a file that nobody can open any more would be no lock."""
    with leased(ONE, ME) as (gpu,):
        pass
    handle = os.open(lease_path(gpu.uuid), os.O_RDWR)
    lease_path(gpu.uuid).unlink()
    with leased(ONE, ME) as (again,):
        assert again.uuid == gpu.uuid
        assert lease_path(gpu.uuid).stat().st_ino != os.fstat(handle).st_ino
    os.close(handle)


def test_nothing_is_written_through_a_link(folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    folder.mkdir()
    lease_path(gpus_here()[0].uuid).symlink_to(victim)
    with pytest.raises(Unwritable, match="is no file"):
        leased(ONE, ME).__enter__()
    assert victim.read_text(encoding="utf-8") == "precious"


def test_the_folder_is_the_same_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER)
    first = lease_folder()
    monkeypatch.setenv("TMPDIR", "/nowhere")
    monkeypatch.setenv("HOME", "/nowhere")
    assert lease_folder() == first
    assert first.is_absolute()
    assert first.parent in (Path("/var/lock"), Path("/tmp"))


@pytest.mark.parametrize(("setting", "seconds"), [("12", 12.0), ("", 3600.0), ("-1", 0.0), ("soon", 3600.0)])
def test_how_long_to_wait(setting: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WAIT, setting)
    assert locks._patience() == seconds
