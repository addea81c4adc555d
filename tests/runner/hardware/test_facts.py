from __future__ import annotations

from pathlib import Path

import pytest

from runner.hardware import facts, load
from runner.util.codec import from_json, to_json


def test_this_machine_has_facts_that_can_be_sealed() -> None:
    found = facts.host_facts()
    assert from_json(type(found), to_json(found)) == found
    assert found.host
    assert found.cpu_model
    assert found.cpu_count >= 1
    assert found.memory_bytes > 2**20
    assert found.kernel.startswith("Linux")


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_quota_of_the_control_group(tmp_path: Path, files: dict[str, str], cores: float | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert facts._quota(tmp_path) == cores


def test_the_quota_caps_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpu.max").write_text("20000 100000\n")
    monkeypatch.setattr(facts, "CGROUP", tmp_path)
    assert facts.cpus_allowed() == 1


def test_steal_is_a_share_of_all_cpu_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = tmp_path / "stat"
    monkeypatch.setattr(load, "STAT", stat)
    stat.write_text("cpu  100 0 100 700 0 0 0 100 50 0\ncpu0 1 2 3\n")
    mark = load.begin()
    stat.write_text("cpu  150 0 130 800 0 0 0 120 99 0\ncpu0 1 2 3\n")
    assert load.end(mark).steal == 0.1  # 20 of 200 ticks
    assert load.end(load.begin()).steal == 0.0


def test_a_kernel_without_stat_steals_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "STAT", tmp_path / "absent")
    found = load.end(load.begin())
    assert (found.steal, found.cpus) == (0.0, facts.cpus_allowed())
    assert found.before >= 0
