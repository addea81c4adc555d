"""Ranks per load, and turns of the order: told from scatter only where the repeats tell."""

from __future__ import annotations

from runner.stats.ranking import Samples, Turn, standings, turns

LLAMA, VLLM, HF = (26.5, 28.1, 18.8), (9.4, 9.0, 7.3), (11.5, 10.3, 8.3)


def test_the_median_ranks_and_a_neighbour_within_scatter_is_not_told_apart() -> None:
    found = standings({"vllm": VLLM, "llama": LLAMA, "hf": HF}, higher_is_better=True)
    assert [(name, one.rank, one.told_apart) for name, one in found.items()] == [
        ("llama", 1, True), ("hf", 2, True), ("vllm", 3, False),
    ]  # fmt: skip
    assert (found["llama"].middle, found["llama"].low, found["llama"].high, found["llama"].attempts) == (
        26.5, 18.8, 28.1, 3,
    )  # fmt: skip


def test_less_is_better_where_the_goal_says_so() -> None:
    found = standings({"slow": (0.3, 0.31), "fast": (0.1, 0.11)}, higher_is_better=False)
    assert [(name, one.rank, one.told_apart) for name, one in found.items()] == [("fast", 1, True), ("slow", 2, True)]


def test_one_value_each_is_ranked_and_never_told_apart() -> None:
    found = standings({"a": (10.0,), "b": (1.0,), "none": ()}, higher_is_better=True)
    assert [(name, one.rank, one.told_apart) for name, one in found.items()] == [("a", 1, True), ("b", 2, False)]


def test_equal_medians_share_a_rank_and_the_next_one_is_not_moved_up() -> None:
    found = standings({"a": (3.0,), "b": (2.0,), "c": (1.0, 3.0), "d": (1.0,)}, higher_is_better=True)
    assert [(name, one.rank) for name, one in found.items()] == [("a", 1), ("b", 2), ("c", 2), ("d", 4)]


def test_a_turn_that_both_ends_prove_is_sure_and_stands_first() -> None:
    one = {"a": (10.0, 10.1, 10.2), "b": (5.0, 5.1, 5.2), "c": (9.9, 10.4, 10.0)}
    many = {"a": (20.0, 20.1, 20.2), "b": (40.0, 40.1, 40.2), "c": (20.4, 19.9, 20.3)}
    assert turns([one, many], higher_is_better=True) == (
        Turn("a", "b", ahead=0, behind=1, sure=True),
        Turn("b", "c", ahead=1, behind=0, sure=True),
        Turn("a", "c", ahead=0, behind=1, sure=False),
    )


def test_a_sure_pair_of_loads_is_named_rather_than_the_first_one() -> None:
    loads: list[Samples] = [
        {"a": (10.0, 12.0), "b": (9.0, 12.5)},
        {"a": (20.0, 20.1, 20.2), "b": (10.0, 10.1, 10.2)},
        {"a": (20.0, 20.1, 20.2), "b": (40.0, 40.1, 40.2)},
    ]
    assert turns(loads, higher_is_better=True) == (Turn("a", "b", ahead=1, behind=2, sure=True),)


def test_the_same_order_everywhere_is_no_turn_and_equal_medians_are_none_either() -> None:
    loads: list[Samples] = [{"a": (2.0, 2.1), "b": (1.0, 1.1)}, {"a": (3.0, 3.1), "b": (3.0, 3.1)}]
    assert turns(loads, higher_is_better=True) == ()


def test_a_load_that_one_of_two_never_reached_says_nothing_about_them() -> None:
    loads: list[Samples] = [{"a": (2.0, 2.1), "b": (1.0, 1.1)}, {"a": (3.0, 3.1)}, {"b": (9.0, 9.1), "a": ()}]
    assert turns(loads, higher_is_better=True) == ()
