"""Which CPUs an attempt gets, on machines as the kernel describes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runner.domain.campaign import Hardware
from runner.hardware import cores
from runner.hardware.cores import Cores, CpuSet, cores_here, divided, numbers

Machine = Callable[..., Cores]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A tree as /sys/devices has it. `siblings`: the CPUs of each core as the kernel writes them; `nodes`: those of
    each NUMA node."""

    def make(
        siblings: list[str], nodes: Mapping[int, str] | None = None, mine: str = "", quota: int = 999, **files: str
    ) -> Cores:
        every: set[int] = set()
        for text in siblings:
            for cpu in numbers(text):
                every.add(cpu)
                write(f"system/cpu/cpu{cpu}/topology/core_cpus_list", text)
        for node, text in (nodes or {}).items():
            write(f"system/node/node{node}/cpulist", text)
        for name, text in files.items():
            write(name.replace("__", "/"), text)
        ours = numbers(mine) or every
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: ours)
        monkeypatch.setattr(cores, "cpus_allowed", lambda: min(len(ours), quota))
        return cores_here(tmp_path)

    def write(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n", encoding="ascii")

    return make


def teams(here: Cores, wanted: Hardware) -> list[CpuSet]:
    """What attempt after attempt gets, until nothing is left."""
    free, found = list(here.all), []
    while team := here.choose(free, wanted):
        found.append(divided(team, wanted))
        free = [core for core in free if core not in team]
    return found


def test_this_machine_has_the_cores_that_the_kernel_lets_us_use() -> None:
    here = cores_here()
    cpus = [cpu for core in here.all for cpu in core.cpus]
    assert cpus
    assert set(cpus) <= os.sched_getaffinity(0)
    assert len(set(cpus)) == len(cpus)
    assert 1 <= here.at_most <= len(cpus)


def test_an_attempt_gets_whole_cores_and_its_load_generator_others(machine: Machine) -> None:
    here = machine(["0,4", "1,5", "2,6", "3,7"])
    wanted = Hardware(cpus=2)
    assert teams(here, wanted) == [CpuSet((0, 4), (1,)), CpuSet((2, 6), (3,))], "5 and 7 stay empty"
    assert here.sets(wanted) == 2
    assert teams(here, Hardware(cpus=3)) == [CpuSet((0, 1, 4), (2,))]
    assert here.sets(Hardware(cpus=3)) == 1


def test_without_cpus_of_its_own_the_load_generator_shares_those_of_the_engine(machine: Machine) -> None:
    here = machine(["0", "1"])
    assert teams(here, Hardware(cpus=1, client_cpus=0)) == [CpuSet((0,), (0,)), CpuSet((1,), (1,))]


def test_an_attempt_stays_on_one_node_where_one_is_large_enough(machine: Machine) -> None:
    here = machine([str(n) for n in range(8)], {0: "0-3", 1: "4-7"})
    three = Hardware(cpus=2)
    assert teams(here, three) == [CpuSet((0, 1), (2,)), CpuSet((4, 5), (6,))], "3 and 7 are of two nodes"
    assert here.sets(three) == 2
    six = Hardware(cpus=5)
    assert teams(here, six) == [CpuSet((0, 1, 2, 3, 4), (5,))], "no node has six: all that are"
    assert here.sets(six) == 1


def test_a_small_set_goes_where_a_large_one_no_longer_fits(machine: Machine) -> None:
    here = machine([str(n) for n in range(8)], {0: "0-3", 1: "4-7"})
    free = [core for core in here.all if core.cpus not in ((4,), (5,))]
    assert [core.node for core in here.choose(free, Hardware(cpus=1))] == [1, 1]


def test_slow_cores_are_left_out(machine: Machine) -> None:
    hybrid = machine(["0,1", "2,3", "4", "5", "6", "7"], cpu_atom__cpus="4-7")
    assert [core.cpus for core in hybrid.all] == [(0, 1), (2, 3)]
    assert hybrid.at_most == 4


def test_small_cores_of_arm_are_left_out(machine: Machine) -> None:
    sizes = {f"system__cpu__cpu{n}__cpu_capacity": "1024" if n > 1 else "420" for n in range(4)}
    assert [core.cpus for core in machine(["0", "1", "2", "3"], **sizes).all] == [(2,), (3,)]


def test_cores_that_are_ours_in_part_are_left_out_where_others_are_whole(machine: Machine) -> None:
    assert [core.cpus for core in machine(["0,4", "1,5", "2,6", "3,7"], mine="0,1,5,2,6").all] == [(1, 5), (2, 6)]


def test_a_core_has_one_name_whichever_part_of_it_is_ours(machine: Machine) -> None:
    whole, part = machine(["0,4", "1,5"]), machine(["0,4", "1,5"], mine="4,5")
    assert [core.name for core in part.all] == [core.name for core in whole.all] == ["cpu-0", "cpu-1"]
    assert [core.label for core in part.all] == ["CPU 4", "CPU 5"]


def test_a_scheduler_that_gives_one_thread_of_each_core_gives_cores(machine: Machine) -> None:
    assert [core.cpus for core in machine(["0,2", "1,3"], mine="0,1").all] == [(0,), (1,)]


@pytest.mark.parametrize(
    ("siblings", "quota", "wanted", "why"),
    [
        (["0", "1"], 9, Hardware(cpus=2), "this machine has 2 CPUs, for engine (2) and load generator (1)"),
        (["0,1"], 9, Hardware(cpus=1), "this machine has 2 CPUs, 2 to a core, for engine (1) and load generator (1)"),
        (["0", "1", "2", "3"], 2, Hardware(cpus=2), "this machine has 2 CPUs, for engine (2) and load generator (1)"),
        (["0"], 9, Hardware(cpus=1), "this machine has 1 CPU, for engine (1) and load generator (1)"),
    ],
)
def test_what_a_machine_can_never_give(
    machine: Machine, siblings: list[str], quota: int, wanted: Hardware, why: str
) -> None:
    here = machine(siblings, quota=quota)
    assert here.missing(wanted) == why
    assert here.sets(wanted) == 0


def test_a_quota_bounds_how_many_attempts_run_at_a_time(machine: Machine) -> None:
    here = machine([str(n) for n in range(8)], quota=4)
    assert here.missing(Hardware(cpus=1)) is None
    assert here.sets(Hardware(cpus=1)) == 2


def test_a_system_that_pins_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity")
    assert cores_here().missing(Hardware(cpus=1)) == "this system pins no process to CPUs"


def test_lists_of_the_kernel() -> None:
    assert numbers("0-3,8,10-11\n") == {0, 1, 2, 3, 8, 10, 11}
    assert numbers("") == set()
