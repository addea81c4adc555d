"""A suite that nothing can fail proves nothing: each is handed a member that is broken on purpose."""

from __future__ import annotations

import os
import random
import sys
import types
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from runner.deployers import Deployer, Engine, PlaceRequest, deployers
from runner.deployers import local as local_deployer
from runner.domain.campaign import Deploy, Entry, Goal
from runner.domain.hardware import GpuState
from runner.domain.trial import Configuration, Launch, Placement
from runner.executors import Executor
from runner.executors.local import Local
from runner.hardware.probes.simulated import Simulated
from runner.loadgens import Can, LoadGenerator, loadgens
from runner.loadgens.native import NativeClient
from runner.runtimes import Runtime, runtimes
from runner.samplers import Sampler
from tests.contract import (
    test_deployers,
    test_executors,
    test_loadgens,
    test_probes,
    test_runtimes,
    test_samplers,
)
from tests.contract.bystander import answer, bystander
from tests.contract.seams import check_annotated, check_named, check_whole


class Wrapped:
    """A good member with some of its answers replaced."""

    def __init__(self, member: object, **changes: Any) -> None:
        self.__dict__.update(changes)
        self._member = member

    def __getattr__(self, name: str) -> Any:
        return getattr(self._member, name)


# what all seams promise


def test_a_member_without_annotation_is_refused() -> None:
    module = types.ModuleType("runner.runtimes.broken")
    with pytest.raises(AssertionError, match="write RUNTIME: Runtime"):
        check_annotated(module, "RUNTIME", Runtime)


def test_a_member_that_lacks_a_method_or_takes_other_arguments_is_refused() -> None:
    class Half:
        name = "half"
        away = False

        def open(self) -> None: ...

    with pytest.raises(AssertionError, match="other arguments"):
        check_whole(Half(), Executor)
    with pytest.raises(AssertionError, match="lacks title"):
        check_whole(Half(), Runtime)


def test_a_member_with_another_name_than_its_file_is_refused() -> None:
    with pytest.raises(AssertionError):
        check_named(Local(), "elsewhere")


# runtimes


def launching(**changes: Any) -> Any:
    """The simulated engine with another launch."""
    good = runtimes.get("simulated")

    def launch(configuration: Configuration, entry: Entry, placement: Placement) -> Launch:
        made = good.launch(configuration, entry, placement)
        return replace(made, **{key: change(made, configuration) for key, change in changes.items()})

    return Wrapped(good, launch=launch)


ENTRY = Entry("simulated", "simulated")


def test_a_runtime_that_shows_python_values_is_refused() -> None:
    broken = launching(argv=lambda made, c: (*made.argv, *map(str, c.flags.values())))
    with pytest.raises(AssertionError):
        test_runtimes.test_only_strings_in_the_command_line("simulated", broken, ENTRY)


def test_a_runtime_that_reads_its_surroundings_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = launching(env=lambda made, c: dict(os.environ))
    with pytest.raises(AssertionError):
        test_runtimes.test_launch_is_pure("simulated", broken, ENTRY, monkeypatch, tmp_path)


def test_a_runtime_that_publishes_a_path_is_refused() -> None:
    broken = launching(portable=lambda made, c: made.argv)
    with pytest.raises(AssertionError):
        test_runtimes.test_the_portable_form_names_nothing_of_this_machine("simulated", broken, ENTRY)


def test_a_runtime_that_sees_a_cause_in_nothing_is_refused() -> None:
    good = runtimes.get("simulated")
    broken: Any = Wrapped(good, diagnose=lambda log, exit, entry: good.diagnose("", test_runtimes._exit("oom"), entry))
    with pytest.raises(AssertionError):
        test_runtimes.test_nothing_in_the_log_is_no_diagnosis(broken, ENTRY)


# probes


def probing(**changes: Any) -> Any:
    """Two simulated GPUs, some answers replaced."""
    return Wrapped(Simulated({"TUNEBOOK_FAKE_GPUS": "H100:2"}), **changes)


def finding(how: str) -> Any:
    first, second = probing().gpus()
    found = {
        "twins": (first, first),
        "nameless": (replace(first, uuid="0"), second),
        "parent": (first, replace(second, parent=first.uuid)),
        "cut": (replace(first, mig=True), second),
    }[how]
    return probing(gpus=lambda: found)


def test_a_probe_that_raises_or_stays_silent_about_why_is_refused() -> None:
    with pytest.raises(AssertionError):
        test_probes.test_it_says_why_it_sees_nothing(probing(unavailable=lambda: ""))
    with pytest.raises(AssertionError):
        test_probes.test_it_says_why_it_sees_nothing(probing(unavailable=lambda: "no driver"))


@pytest.mark.parametrize("found", ["twins", "nameless"])
def test_a_probe_whose_gpus_can_not_be_told_apart_is_refused(found: str) -> None:
    with pytest.raises(AssertionError):
        test_probes.test_every_gpu_has_a_uuid_of_its_own_a_name_and_memory(finding(found))


@pytest.mark.parametrize("found", ["parent", "cut"])
def test_a_probe_that_gives_a_gpu_away_twice_is_refused(found: str) -> None:
    with pytest.raises(AssertionError):
        test_probes.test_what_was_cut_into_parts_is_not_given_away_as_a_whole(finding(found))


def test_a_probe_that_changes_its_mind_is_refused() -> None:
    good = Simulated({"TUNEBOOK_FAKE_GPUS": "H100:2"})
    turns = iter((good.gpus(), good.gpus()[::-1]))
    broken: Any = Wrapped(good, gpus=lambda: next(turns))
    with pytest.raises(AssertionError):
        test_probes.test_asking_again_gives_the_same_gpus(broken)


def test_a_probe_that_makes_up_a_state_is_refused() -> None:
    full = GpuState(memory_used_bytes=2**60)
    with pytest.raises(AssertionError):
        test_probes.test_a_state_is_within_what_the_gpu_has(probing(state=lambda uuid: full))
    with pytest.raises(AssertionError):
        test_probes.test_a_stranger_has_no_state(probing(state=lambda uuid: GpuState()))


# samplers


class Forgetful:
    """Goes on drawing from where it stands, and a resumed run stands elsewhere. Seeded: this test has no luck."""

    name = "forgetful"

    def __init__(self) -> None:
        self.rng = random.Random(1)

    def ask(self, space: Any, goal: Goal, history: Any, pending: Any, search: Any, number: int, skip: int) -> Any:
        from runner.space.expand import random_point

        return random_point(space, self.rng)


class Stubborn:
    """Always the same point."""

    name = "stubborn"

    def ask(self, space: Any, *rest: Any) -> Any:
        from runner.space.expand import random_point

        return random_point(space, random.Random(1))


def test_a_sampler_with_a_state_is_refused() -> None:
    broken: Sampler = Forgetful()
    with pytest.raises(AssertionError):
        test_samplers.test_asking_changes_nothing(broken)
    with pytest.raises(AssertionError):
        test_samplers.test_a_resumed_campaign_proposes_what_the_uninterrupted_one_does(broken, 3)


def test_a_sampler_that_insists_is_refused() -> None:
    with pytest.raises(AssertionError):
        test_samplers.test_a_refused_proposal_is_followed_by_others(Stubborn())


# deployers


class Leaves:
    """Ends the engine's first process and forgets what that started."""

    name, title, options = "leaves", "Leaves", ()

    def __init__(self) -> None:
        self._good = local_deployer.Local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._good, name)

    def start(self, launch: Launch, placement: Placement, request: PlaceRequest) -> Engine:
        engine = self._good.start(launch, placement, request)
        first = min(engine.pids() or ())
        self.really_stop = engine.stop
        engine.stop = lambda grace: os.kill(first, 9)  # type: ignore[method-assign]
        return engine


@dataclass
class EndsByPort:
    """Ends whoever listens on the port, and calls that clean."""

    good: Deployer
    victim: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.good, name)

    def reap(self, labels: Mapping[str, str], *_: object) -> list[str]:
        os.kill(self.victim, 9)
        return []


def request_for(tmp_path: Path) -> PlaceRequest:
    attempt = f"broken-{os.getpid()}-{tmp_path.name}"
    return PlaceRequest(
        attempt, "/models/none.gguf", "simulated", sys.executable, tmp_path, tmp_path / "engine.log",
        {"tunebook.attempt": attempt, "tunebook.run": "r"}, grace=0.3,
    )  # fmt: skip


def test_a_deployer_that_leaves_processes_is_refused(tmp_path: Path) -> None:
    request = request_for(tmp_path)
    leaves = Leaves()
    bench = test_deployers.Bench(leaves, request, Deploy("local"))  # type: ignore[arg-type]
    engine, _ = bench.start("leave_children")
    try:
        test_deployers.until_children(bench, 2)
        engine.stop(0.1)
        assert bench.left(), "the suite looks for exactly this"
    finally:
        leaves.really_stop(0.1)
    assert bench.left() == []


def test_ending_a_stranger_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="not ours"), bystander(tmp_path) as beside:
        reap_and_look(EndsByPort(deployers.get("local"), beside.pid), beside.port)


def reap_and_look(broken: EndsByPort, port: int) -> None:
    broken.reap({})
    test_deployers.until(lambda: answer(port) is None)


def test_touching_a_strange_file_is_noticed(tmp_path: Path) -> None:
    with pytest.raises((AssertionError, FileNotFoundError)), bystander(tmp_path):
        (tmp_path / "running" / "notes.txt").unlink()


# load generators


def test_a_load_generator_that_forgets_the_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(NativeClient):
        name = "deaf"
        can: frozenset[Can] = frozenset()

        def version(self) -> str:
            return "1"

        def command(self, job: Path, rows: Path) -> list[str]:
            return ["load", str(job)]

    broken: LoadGenerator = Deaf()
    monkeypatch.setattr(loadgens, "get", lambda name: broken)
    with pytest.raises(AssertionError):
        test_loadgens.test_the_command_is_plain_strings_with_both_paths("deaf", tmp_path, monkeypatch)


# executors


class Eager(Local):
    """As many attempts at a time as anybody submits."""

    def open(self, slots: int, gpus: int = 0, address: str | None = None, alone: bool = False) -> None:
        super().open(8)


class Deaf(Local):
    """Never asks anybody to stop."""

    def cancel(self) -> None: ...


class Swallows(Local):
    """A bug of an attempt comes out as a result."""

    def submit(self, function: str, payload: dict[str, Any], emit: Any, rescue: str = "") -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(super().submit(function, payload, emit).exception())
        return done


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken executor is waited for; not for a minute each."""
    monkeypatch.setattr(test_executors, "PATIENCE", 1.0)


def test_an_executor_with_more_slots_than_it_was_given_is_refused(tmp_path: Path, patience: None) -> None:
    with pytest.raises(AssertionError):
        test_executors.test_one_slot_is_one_attempt_after_the_other(Eager(), tmp_path)


def test_an_executor_that_does_not_cancel_is_refused(tmp_path: Path, patience: None) -> None:
    executor = Deaf()
    with pytest.raises((AssertionError, TimeoutError)):
        test_executors.test_cancel_asks_every_attempt_and_waits_for_none(executor, tmp_path)
    executor._stop.set()
    executor.close()


def test_an_executor_that_swallows_a_bug_is_refused(patience: None) -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_executors.test_a_bug_in_an_attempt_comes_out_of_its_future_and_harms_no_other(Swallows())
