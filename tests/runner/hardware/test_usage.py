"""What an engine takes of its host: real processes, and RAPL counters as the kernel shows them."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.hardware import observer
from runner.hardware.observer import Observer
from runner.hardware.usage import Mark, Meter

BURNS = """
import sys, time
block = bytearray(64 * 2**20)
sys.stdin.readline()
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
print("done", flush=True)
sys.stdin.readline()
"""


@contextmanager
def burning() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", BURNS], stdin=-1, stdout=-1, text=True) as child:
        yield child
        child.communicate()


def told(child: subprocess.Popen[str], line: str = "go\n") -> None:
    assert child.stdin is not None
    child.stdin.write(line)
    child.stdin.flush()


def marked(meter: Meter) -> Mark:
    mark = meter.look()
    assert mark is not None
    return mark


def test_cpu_time_and_memory_of_the_engine_alone(tmp_path: Path) -> None:
    with burning() as engine, burning() as other:
        assert other.stdout is not None
        told(other)
        assert other.stdout.readline() == "done\n"
        meter = Meter(lambda: {engine.pid}, tmp_path)
        before = marked(meter)
        told(engine)
        assert engine.stdout is not None
        assert engine.stdout.readline() == "done\n"
        after = marked(meter)
        assert 0.25 <= after.cpu_seconds - before.cpu_seconds < 5
        assert after.joules is None, "no RAPL here"
        memory = meter.memory(before.at, after.at)
        assert len(memory) == 2
        assert 0.064 < memory[-1] < 1
        assert meter.memory(after.at + 1, after.at + 2) == []
        assert meter.seen == {engine.pid}


def test_what_an_ended_process_had_used_stays_and_a_new_one_counts_whole(tmp_path: Path) -> None:
    pids = {os.getpid()}
    meter = Meter(lambda: pids, tmp_path)
    before = marked(meter)
    with burning() as worker:
        pids.add(worker.pid)
        told(worker)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "done\n"
        during = marked(meter)
    after = marked(meter)
    assert during.cpu_seconds - before.cpu_seconds >= 0.25
    assert after.cpu_seconds >= during.cpu_seconds


def test_an_engine_elsewhere_is_not_measured_on_this_host(tmp_path: Path) -> None:
    package(tmp_path, 0, 5)
    assert Meter(lambda: None, tmp_path).look() is None


def package(powercap: Path, number: int, microjoules: int, name: str = "", most: int = 1000) -> Path:
    zone = powercap / f"intel-rapl:{number}"
    zone.mkdir(exist_ok=True)
    for file, text in {
        "name": name or f"package-{number}", "energy_uj": microjoules, "max_energy_range_uj": most,
    }.items():  # fmt: skip
        (zone / file).write_text(f"{text}\n")
    return zone


def test_energy_of_all_packages_over_a_counter_that_begins_anew(tmp_path: Path) -> None:
    package(tmp_path, 0, 900), package(tmp_path, 1, 100), package(tmp_path, 2, 0, "psys")
    part = tmp_path / "intel-rapl:0:0"
    part.mkdir()
    (part / "name").write_text("core\n")
    meter = Meter(lambda: {os.getpid()}, tmp_path)
    first = marked(meter)
    package(tmp_path, 0, 99), package(tmp_path, 1, 150), package(tmp_path, 2, 999, "psys")
    second = marked(meter)
    assert first.joules is not None
    assert second.joules is not None
    assert second.joules - first.joules == pytest.approx((200 + 50) / 1e6)


@pytest.mark.parametrize("broken", ["energy_uj", "name"])
def test_counters_that_may_not_be_read_give_no_energy(broken: str, tmp_path: Path) -> None:
    (package(tmp_path, 0, 5) / broken).unlink()
    assert marked(Meter(lambda: {os.getpid()}, tmp_path)).joules is None


@pytest.mark.parametrize("shared", [False, True])
def test_energy_of_packages_that_others_use_too_is_not_told(
    shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "Meter", functools.partial(Meter, powercap=tmp_path))
    zone = package(tmp_path, 0, 100)
    with Observer(lambda: {os.getpid()}, shared=shared) as seen:
        begun = time.monotonic()
        seen.begin()
        (zone / "energy_uj").write_text("900\n")
        time.sleep(0.01)
        values = seen.end(begun, time.monotonic() - begun).values
    assert "engine_cpu" in values
    assert ("cpu_energy" in values) is not shared
