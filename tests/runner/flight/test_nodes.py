"""Which machines of a cluster take part in a run, and records that come home from them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.campaign.load import load
from runner.domain.campaign import Campaign, Hardware
from runner.domain.failure import Outcome, Phase
from runner.domain.hardware import Gpu, HostFacts
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.errors import NotReady, OtherHardware, StoreDamaged
from runner.executors import Executor, Lost
from runner.flight import there
from runner.flight.home import Collected, collect, seal_lost, take_home
from runner.flight.nodes import Nodes, joined, of_one_kind, survey
from runner.ground import ground_of
from runner.hardware.facts import host_facts
from runner.store.record import read_records, record_path, seal_attempt, verify_record
from runner.util.codec import from_plain, to_plain
from tests import make
from tests.stories._world import write_campaign


class Machines:
    """An executor whose machines say what a test wants; nothing runs on them."""

    name = "machines"
    away = True

    def __init__(self, hosts: dict[str, HostFacts], **changes: dict[str, Any]) -> None:
        ours = there.node_facts({}, lambda: False, lambda message: None)
        self.facts: dict[str, Any] = {
            name: {**ours, "host": to_plain(host), **changes.get(name, {})} for name, host in hosts.items()
        }
        self.lacks: dict[str, str] = {}
        self.other: set[str] = set()
        self.kept: list[str] = []

    def open(self, slots: int, gpus: int = 0, address: str | None = None, alone: bool = False) -> None: ...

    def machines(self) -> list[str]:
        return list(self.facts)

    def everywhere(
        self, function: str, payload: dict[str, Any], places: Collection[str] | None = None
    ) -> dict[str, Any]:
        if function == "runner.flight.there:node_facts":
            return {name: self.facts[name] for name in places or self.facts}
        if function == "runner.flight.there:prepare":
            return {
                name: {"lacks": self.lacks.get(name, ""), "fits": name not in self.other, "waiting": []}
                for name in places or self.facts
            }
        raise AssertionError(function)

    def keep(self, places: Collection[str]) -> None:
        self.kept = list(places)

    def submit(
        self, function: str, payload: dict[str, Any], emit: Callable[[dict[str, Any]], None], rescue: str = ""
    ) -> Future[Any]:
        raise AssertionError("nothing runs here")

    def cancel(self) -> None: ...

    def close(self) -> None: ...


def host(*names: str, cpu: str = "EPYC") -> HostFacts:
    gpus = tuple(Gpu(f"GPU-{number}", name, 80 * 2**30, number) for number, name in enumerate(names))
    return replace(host_facts(), gpus=gpus, cpu_model=cpu)


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return replace(load(write_campaign(tmp_path)), hardware=Hardware(gpus=1, gpu="H100"))


def test_a_machine_of_pinned_attempts_has_one_at_a_time(campaign: Campaign, tmp_path: Path) -> None:
    pinned = replace(campaign, hardware=Hardware(gpus=1, gpu="H100", cpus=2))
    found, _ = survey(Machines({"a": host("H100", "H100"), "b": host("H100", "H100")}), pinned, tmp_path, tmp_path, [])
    assert found.slots == 2


def test_machines_of_the_most_frequent_kind_take_part_and_the_others_hear_why(
    campaign: Campaign, tmp_path: Path
) -> None:
    executor = Machines({
        "a": host("H100"), "b": host("H100", "H100"), "c": host("H100", cpu="Xeon"), "d": host("H100", "L4"),
        "e": host("H100"),
    })  # fmt: skip
    executor.lacks["e"] = "vLLM 0.33.0 is not installed"
    found, came = survey(executor, campaign, tmp_path, tmp_path, [])
    assert (executor.kept, found.slots, came.came) == (["a", "b"], 3, ())
    assert found.lines(campaign) == [
        "attempts run on a: 1x H100",
        "attempts run on b: 2x H100",
        "c takes no part: another kind of machine than those that measure",
        "d takes no part: its GPUs are H100, L4, and Ray can not choose among them",
        "e takes no part: vLLM 0.33.0 is not installed",
    ]


def test_a_lineage_goes_on_with_the_kind_that_it_began_with(campaign: Campaign) -> None:
    hosts = {"a": host("H100"), "b": host("H100"), "c": host("H100", cpu="Xeon")}
    before = replace(make.attempt(make.campaign(), 0), outcome=Outcome.MEASURED, host=host("H100", cpu="Xeon"))
    assert list(of_one_kind(hosts, campaign, [before])) == ["c"]
    strange = replace(before, host=host("A100"))
    assert of_one_kind(hosts, campaign, [strange]) == {}


def test_when_nobody_can_each_machine_says_why(campaign: Campaign, tmp_path: Path) -> None:
    executor = Machines({"a": host("H100")})
    executor.lacks["a"] = "no model here"
    with pytest.raises(NotReady, match="no machine of the cluster can run campaign 'story': a takes no part: no model"):
        survey(executor, campaign, tmp_path, tmp_path, [])
    with pytest.raises(NotReady, match="no living machine of the cluster can hold an attempt"):
        survey(Machines({}), replace(campaign, hardware=Hardware()), tmp_path, tmp_path, [])


def test_a_campaign_for_other_gpus_than_any_machine_has_is_told_from_one_that_can_not_run(
    campaign: Campaign, tmp_path: Path
) -> None:
    """`run --matching` skips the one and not the other."""
    executor = Machines({"a": host("L4"), "b": host("L4")})
    executor.lacks = {"a": "it asks for 1x H100 and this machine has 1x L4", "b": "so it is here"}
    executor.other = {"a", "b"}
    with pytest.raises(OtherHardware) as other:
        survey(executor, campaign, tmp_path, tmp_path, [])
    assert "a takes no part: it asks for 1x H100 and this machine has 1x L4" in other.value.problems()[0].what
    executor.other = {"a"}
    with pytest.raises(NotReady):
        survey(executor, campaign, tmp_path, tmp_path, [])
    with pytest.raises(OtherHardware, match="1 problem"):
        survey(Machines({}), campaign, tmp_path, tmp_path, [])


def test_another_tunebook_is_refused_by_name(campaign: Campaign, tmp_path: Path) -> None:
    executor = Machines({"a": host("H100"), "b": host("H100")}, b={"version": "9.9", "python": "3.99.0"})
    executor.facts["c"] = Lost("no module named runner", place="c")
    with pytest.raises(NotReady) as refused:
        survey(executor, campaign, tmp_path, tmp_path, [])
    ours = executor.facts["a"]
    assert refused.value.what == (
        f"b has another tunebook: version 9.9, here {ours['version']}; python 3.99.0, here {ours['python']}; "
        "c can not run tunebook: no module named runner"
    )


def test_who_joins_late_takes_part_or_hears_why_not(campaign: Campaign, tmp_path: Path) -> None:
    hosts = {"a": host("H100"), "b": host("H100", "H100"), "c": host("H100", cpu="Xeon"), "d": host("H100")}
    executor = Machines(hosts, d={"code": "0" * 12})
    first = Nodes({"a": hosts["a"]}, (), 1)
    new, came = joined(executor, campaign, tmp_path, tmp_path, first, ["b", "c", "d"])
    assert (list(new.hosts), new.slots, came) == (["b"], 2, Collected())
    assert executor.kept == ["a", "b"]
    other, code = "c takes no part: another kind of machine than those that measure", executor.facts["a"]["code"]
    assert new.left_out == (other, f"d takes no part: has another tunebook: code {'0' * 12}, here {code}")


def test_a_late_record_changes_nothing_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver gave the attempt up; the machine had measured it all the same."""
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    here, given_up, same = tmp_path / "here", make.attempt(make.campaign(), 1), make.attempt(make.campaign(), 2, n=2)
    key = there.key_of(here)
    far = there.home(key)
    here.mkdir()
    for attempt in (given_up, same):
        seal_attempt(far, attempt)
    take_home(here, there.packed(record_path(far, RecordKind.ATTEMPT, same.attempt_id)))
    ours = seal_lost(here, given_up, Lost("NodeDiedError", place="a/1", gone=True), None, Phase.LOAD)
    before = {path: path.read_bytes() for path in sorted((here / "records").rglob("*")) if path.is_file()}
    names = [path.name for path in (far / "records").iterdir()]
    executor = OneMachine()
    said = {"a/1": {"lacks": "", "waiting": names}}
    found = collect(executor, here, said)
    told = "it counts as infra since its driver gave it up, and that stays"
    assert found == Collected((), (f"a/1 had a late record of trial {ours.number}, measured: {told}",))
    assert {path: path.read_bytes() for path in sorted((here / "records").rglob("*")) if path.is_file()} == before
    assert list((far / "records").iterdir()) == []


class OneMachine(Machines):
    """One that does what it is asked, in this process."""

    def __init__(self) -> None:
        super().__init__({"a/1": host("H100")})

    def everywhere(
        self, function: str, payload: dict[str, Any], places: Collection[str] | None = None
    ) -> dict[str, Any]:
        module, _, name = function.partition(":")
        asked = getattr(importlib.import_module(module), name)
        return {"a/1": json.loads(json.dumps(asked(payload, lambda: False, lambda message: None)))}


def test_a_record_travels_and_is_what_it_was(tmp_path: Path) -> None:
    far, here = tmp_path / "there", tmp_path / "here"
    here.mkdir()
    attempt = make.attempt(make.campaign(), 1)
    sealed = seal_attempt(far, attempt)
    packed = json.loads(json.dumps(there.packed(sealed)))
    take_home(here, packed)
    take_home(here, packed)
    mine = record_path(here, RecordKind.ATTEMPT, attempt.attempt_id)
    assert verify_record(mine) == []
    assert {file.name: file.read_bytes() for file in mine.iterdir()} == {
        file.name: file.read_bytes() for file in sealed.iterdir()
    }
    assert [path.name for path in here.iterdir()] == ["records"]


def test_a_record_that_changed_on_its_way_is_refused(tmp_path: Path) -> None:
    packed = there.packed(seal_attempt(tmp_path / "there", make.attempt(make.campaign(), 1)))
    here = tmp_path / "here"
    here.mkdir()
    with pytest.raises(StoreDamaged):
        take_home(here, {**packed, "sha256": "0" * 64})
    with pytest.raises(StoreDamaged, match="no name of an attempt's record"):
        take_home(here, {**packed, "record": "../attempt-x"})
    assert list(read_records(here)) == []


def test_of_a_machine_that_is_gone_the_driver_seals_what_it_knows(tmp_path: Path) -> None:
    first = make.attempt(make.campaign(), 1)
    lost = Lost("NodeDiedError: it is gone", place="a/1", gone=True)
    attempt = seal_lost(tmp_path, first, lost, host("H100"), Phase.LOAD)
    [record] = read_records(tmp_path)
    assert from_plain(Attempt, record.facts) == attempt
    assert attempt.outcome is Outcome.INFRA
    assert attempt.failure is not None
    assert attempt.failure.evidence == "a/1: NodeDiedError: it is gone"
    assert (attempt.phase, attempt.host.gpus[0].name) == (Phase.LOAD, "H100")
    asked_to_end = Lost("stopped", stopped=True)
    stopped = seal_lost(tmp_path, make.attempt(make.campaign(), 2, n=2), asked_to_end, None, Phase.PRECHECK)
    assert stopped.outcome is Outcome.INTERRUPTED


def test_an_executor_of_machines_is_one() -> None:
    executor: Executor = Machines({})
    assert executor.away


def test_the_precheck_stands_on_the_machines_that_measure_not_on_the_driver(campaign: Campaign) -> None:
    start = replace(make.run_start(), host=host())
    assert ground_of(start, campaign).gpu is None
    there = ground_of(replace(start, measured_on=host("H100")), campaign)
    assert (there.gpu, there.gpu_bytes) == ("H100", 80 * 2**30)
