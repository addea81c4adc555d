"""Which GPUs are chosen: the rules, and what holds for every choice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.domain.campaign import Hardware
from runner.domain.hardware import Gpu, GpuState
from runner.hardware.choice import BALANCE, Candidate, choose, matching, missing, visible

GIB = 2**30


def card(index: int, used: float = 0, busy: float | None = 0.0, name: str = "NVIDIA L4", total: int = 24) -> Candidate:
    """`used` and `total` in GiB."""
    state = GpuState(memory_used_bytes=int(used * GIB), utilization=busy)
    return Candidate(Gpu(f"GPU-{index}", name, total * GIB, index=index), state)


def chosen(candidates: list[Candidate], count: int) -> list[int | None]:
    return [one.gpu.index for one in choose(candidates, count)]


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (card(0), None),
        (card(0, busy=0.49), None),
        (card(0, busy=0.5), "busy 50%, memory 0%"),
        (card(0, used=19), None),
        (card(0, used=19.3), "busy 0%, memory 80%"),
        (card(0, used=1, busy=None), None),
        (Candidate(Gpu("GPU-9", "x", GIB, 9), None), "GPU 9 does not answer"),
        (Candidate(card(0).gpu, GpuState(24 * GIB, 1.0, pids=(7, 9))), "GPU 0 is in use by process 7, 9: busy 100%"),
    ],
)
def test_what_is_available(candidate: Candidate, words: str | None) -> None:
    told = candidate.in_use()
    assert (told is None) == (words is None)
    assert words is None or words in str(told)


def test_the_score_is_free_memory_and_idle_time() -> None:
    assert card(0, used=6, busy=0.25).score == pytest.approx(0.6 * 0.75 + 0.4 * 0.75)
    assert card(0).score == 1.0


def test_the_best_one_is_chosen_and_of_equals_the_first() -> None:
    assert chosen([card(0, used=4), card(1), card(2), card(3, busy=0.3)], 1) == [1]
    assert chosen([card(0, busy=0.9)], 1) == []
    assert chosen([], 1) == []


def test_several_are_balanced() -> None:
    """0 and 1 are emptier than 2 and 3, and 1 is too full to stand beside 0."""
    assert chosen([card(0), card(1, used=8), card(2, used=9), card(3, used=10)], 2) == [1, 2]
    assert chosen([card(0), card(1, used=8)], 2) == []
    assert chosen([card(0), card(1, used=4)], 2) == [0, 1]


def test_several_have_one_name() -> None:
    mixed = [card(0, name="NVIDIA A10"), card(1), card(2, name="NVIDIA A10")]
    assert chosen(mixed, 2) == [0, 2]
    assert chosen(mixed, 3) == []


cards = some.lists(
    some.builds(
        card,
        some.integers(0, 7),
        some.floats(0, 24),
        some.none() | some.floats(0, 1),
        some.sampled_from(["NVIDIA L4", "NVIDIA A10"]),
    ),
    max_size=8,
    unique_by=lambda one: one.gpu.uuid,
)


@given(cards, some.integers(1, 4))
def test_every_choice_is_whole_available_of_one_name_and_balanced(candidates: list[Candidate], count: int) -> None:
    team = choose(candidates, count)
    assert len(team) in (0, count)
    assert len({one.gpu.uuid for one in team}) == len(team)
    for one in team:
        assert one in candidates
        assert one.in_use() is None
        assert one.gpu.name == team[0].gpu.name
        assert one.free >= BALANCE * max(other.free for other in team)


@given(cards)
def test_one_is_always_found_where_one_is_available(candidates: list[Candidate]) -> None:
    free = [one for one in candidates if one.in_use() is None]
    team = choose(candidates, 1)
    assert bool(team) == bool(free)
    assert not team or team[0].score == max(one.score for one in free)


def test_a_part_of_the_name_in_any_case() -> None:
    gpus = [card(0, name="NVIDIA H100 80GB HBM3").gpu, card(1).gpu]
    assert [gpu.index for gpu in matching(gpus, "h100")] == [0]
    assert [gpu.index for gpu in matching(gpus, None)] == [0, 1]
    assert matching(gpus, "H200") == []


def test_what_a_machine_lacks() -> None:
    gpus = [card(0).gpu, card(1, name="NVIDIA A10").gpu, card(2).gpu]
    assert missing(gpus, Hardware(gpus=2)) is None
    assert missing(gpus, Hardware(gpus=1, gpu="A10")) is None
    assert missing(gpus, Hardware(gpus=2, gpu="A10")) == "this machine has 2x NVIDIA L4, 1x NVIDIA A10"
    assert missing(gpus, Hardware(gpus=3)) is not None, "GPUs of two kinds are no team"
    assert missing([], Hardware(gpus=1)) == "this machine has no GPU that tunebook can lease"


@pytest.mark.parametrize(
    ("setting", "left"),
    [(None, [0, 1]), ("", []), ("1", [1]), ("0,1", [0, 1]), ("GPU-1", [1]), (" GPU-0 , 7", [0]), ("NoDevFiles", [])],
)
def test_what_a_scheduler_shows(setting: str | None, left: list[int]) -> None:
    assert [gpu.index for gpu in visible([card(0).gpu, card(1).gpu], setting)] == left


def test_a_part_of_a_shown_gpu_is_shown() -> None:
    part = Gpu("MIG-a", "H100 MIG 1g.10gb", 10 * GIB, index=0, parent="GPU-0")
    assert visible([part], "GPU-0") == visible([part], "MIG-a") == visible([part], "0") == [part]
    assert visible([part], "MIG-b") == []
