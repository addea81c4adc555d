"""Which machine takes the next attempt, and what is said when none can."""

from __future__ import annotations

import threading

import pytest

from runner.executors import Lost
from runner.executors.ray._places import Node, Places

BIG, SMALL, HEAD = Node("b1", "big/b1", 4), Node("s1", "small/s1", 1), Node("h1", "head/h1", 0, cpus=0)


def places(*nodes: Node, gpus: int = 1, patience: float = 0.0) -> Places:
    return Places(lambda: nodes, gpus, lambda: False, patience)


def test_the_one_with_the_fewest_attempts_and_then_the_first_by_name() -> None:
    here = places(BIG, SMALL, HEAD)
    assert [here.take() for _ in range(5)] == [BIG, SMALL, BIG, BIG, BIG]


def test_a_machine_with_a_fault_comes_last() -> None:
    here = places(BIG, SMALL)
    here.give_back(here.take(), fault=True)
    assert here.take() == SMALL
    assert here.take() == BIG


def test_a_machine_that_is_gone_is_not_taken_again_though_it_is_still_listed() -> None:
    here = places(BIG, SMALL)
    here.give_back(here.take(), fault=True, gone=True)
    assert here.take() == SMALL
    assert here.here() == [SMALL]


def test_without_gpus_an_attempt_has_the_whole_machine_and_a_head_without_cpus_takes_none() -> None:
    here = places(BIG, SMALL, HEAD, gpus=0)
    assert {here.take(), here.take()} == {BIG, SMALL}
    waiting: list[Node] = []
    thread = threading.Thread(target=lambda: waiting.append(here.take()))
    thread.start()
    thread.join(0.5)
    assert not waiting
    here.give_back(SMALL, fault=False)
    thread.join(60)
    assert waiting == [SMALL]


def test_alone_is_one_attempt_however_many_gpus_there_are() -> None:
    here = Places(lambda: [BIG, SMALL], 1, lambda: False, 0.0, alone=True)
    assert {here.take(), here.take()} == {BIG, SMALL}
    waiting = threading.Thread(target=here.take)
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    here.give_back(BIG)
    waiting.join(60)
    assert not waiting.is_alive()


def test_what_no_machine_can_hold_is_given_up_with_what_was_asked_and_what_there_is() -> None:
    with pytest.raises(Lost) as lost:
        places(BIG, SMALL, gpus=8, patience=0.3).take()
    assert lost.value.what == (
        "no machine took it in 0.3 s: asked for 8 GPUs on one machine; there is big/b1 with 4 GPUs, small/s1 with 1 GPU"
    )
    assert not lost.value.stopped


def test_of_machines_that_take_no_part_nobody_is_taken() -> None:
    here = places(BIG, SMALL)
    here.keep(["small/s1"])
    assert here.take() == SMALL
    gone = places(patience=0.0)
    gone.keep(["small/s1"])
    with pytest.raises(Lost, match=r"there is no living machine; chosen for this run: small/s1"):
        gone.take()


def test_asked_to_stop_it_chooses_no_machine() -> None:
    with pytest.raises(Lost) as lost:
        Places(lambda: [BIG], 1, lambda: True).take()
    assert lost.value.stopped


def test_a_machine_that_comes_back_is_taken() -> None:
    there: list[Node] = []
    here = Places(lambda: list(there), 1, lambda: False, 60.0)
    taken: list[Node] = []
    thread = threading.Thread(target=lambda: taken.append(here.take()))
    thread.start()
    there.append(SMALL)
    thread.join(60)
    assert taken == [SMALL]
