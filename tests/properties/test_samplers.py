"""Samplers over random spaces, and whether telling failures helps: on a toy landscape, seeded, with fixed answers."""

from __future__ import annotations

import random

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Choice, EntrySpace, Float, Int, Parameter, Point, Scalar, Space
from runner.samplers import Told, samplers
from runner.samplers._known import learnable
from runner.samplers._optuna import SEVERITY, study_of
from runner.samplers._seeding import point_key
from runner.samplers._space_to_optuna import Teller, suggested_point
from runner.space.expand import enumerate_points, random_point, size
from runner.stats.pareto import hypervolume
from runner.util.codec import from_plain, to_plain

EXAMPLES = settings(max_examples=25, deadline=None)

VALUES: st.SearchStrategy[Scalar] = st.one_of(
    st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, "f16", "1", "true"])
)
PARAMETERS: st.SearchStrategy[Parameter] = st.one_of(
    st.lists(VALUES, min_size=1, max_size=4, unique_by=repr).map(lambda values: Choice(tuple(values))),
    st.builds(lambda low, more, log: Int(low, low + more, log), st.integers(1, 50), st.integers(0, 90), st.booleans()),
    st.builds(lambda low, more, step: Int(low, low + more, step=step), st.integers(-5, 5), st.integers(0, 30),
              st.integers(1, 7)),
    st.builds(lambda low, more, log: Float(low, low + more, log), st.floats(0.01, 5), st.floats(0.01, 90),
              st.booleans()),
)  # fmt: skip


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    entries = []
    for name in ("one", "two")[: draw(st.integers(1, 2))]:
        names = draw(st.lists(st.sampled_from(["a", "b-c", "d"]), max_size=3, unique=True))
        entries.append(EntrySpace(name, {key: draw(PARAMETERS) for key in names}))
    return Space(tuple(entries))


@EXAMPLES
@given(spaces(), st.integers(0, 2**40), st.sampled_from(list(Goal)), st.sampled_from(["random", "tpe", "grid"]))
def test_any_space_any_seed_the_same_order_and_the_same_after_a_restart(
    space: Space, seed: int, goal: Goal, name: str
) -> None:
    sampler, search = samplers.get(name), Search(seed=seed, startup=3)

    def run(told: list[Told], trials: int) -> list[Told]:
        for number in range(len(told), trials):
            point = sampler.ask(space, goal, told, (), search, number, 0)
            if point is None:
                break
            failed = len(point_key(point)) % 3 == 0
            told.append(Told(number, point, None if failed else float(number), 0.9 if failed else 0.0))
        return told

    whole = run([], 7)
    assert run(whole[:4], 7) == whole
    reread = from_plain(Space, to_plain(space))
    if whole:  # the order of keys in a file is not the order of anything
        turned = Space(tuple(EntrySpace(e.entry, dict(list(e.parameters.items())[::-1])) for e in reread.entries))
        again = sampler.ask(turned, goal, whole[:-1], (), search, len(whole) - 1, 0)
        assert again is not None
        assert point_key(again) == point_key(whole[-1].point)


@EXAMPLES
@given(spaces(), st.integers(0, 100))
def test_the_grid_comes_once_and_whole(space: Space, seed: int) -> None:
    if size(space) > 60:
        return
    told: list[Told] = []
    while (
        point := samplers.get("grid").ask(space, Goal.MAXIMIZE, told, (), Search(seed=seed), len(told), 0)
    ) is not None:
        told.append(Told(len(told), point, 1.0, 0.0))
    keys = [point_key(one.point) for one in told]
    assert sorted(keys) == sorted(point_key(point) for point in enumerate_points(space))
    assert len(set(keys)) == len(keys)


def test_a_capped_grid_varies_every_parameter() -> None:
    """In listed order its first 16 of 256 points would all share the first values."""
    space = Space((EntrySpace("a", {name: Choice((1, 2, 3, 4)) for name in "pqrs"}),))
    told: list[Told] = []
    for number in range(16):
        point = samplers.get("grid").ask(space, Goal.MAXIMIZE, told, (), Search(seed=1), number, 0)
        assert point is not None
        told.append(Told(number, point, 1.0, 0.0))
    for name in "pqrs":
        assert len({one.point.values[name] for one in told}) == 4


def test_points_that_the_author_excludes_come_last_in_the_grid() -> None:
    space = Space((EntrySpace("a", {"x": Int(1, 4), "y": Int(1, 4)}, where=("x <= y",)),))
    told: list[Told] = []
    for number in range(16):
        point = samplers.get("grid").ask(space, Goal.MAXIMIZE, told, (), Search(), number, 0)
        assert point is not None
        told.append(Told(number, point, 1.0, 0.0))
    good = [one.point.values["x"] <= one.point.values["y"] for one in told]  # type: ignore[operator]
    assert good == [True] * 10 + [False] * 6


def test_a_huge_grid_is_drawn_not_listed() -> None:
    space = Space((EntrySpace("a", {f"p{i}": Int(1, 1000) for i in range(12)}),))
    first = samplers.get("grid").ask(space, Goal.MAXIMIZE, (), (), Search(seed=1), 0, 0)
    assert first is not None
    assert first != samplers.get("grid").ask(space, Goal.MAXIMIZE, (), (), Search(seed=1), 0, 1)


CONDITIONAL = Space(
    (
        EntrySpace("a", {"x": Int(1, 64, log=True), "y": Choice((True, False))}),
        EntrySpace("b", {"z": Float(0.0, 1.0)}),
    )
)


def test_told_parameters_are_those_that_ran() -> None:
    import optuna

    history = [
        Told(0, Point("a"), 10.0, 0.0),
        Told(1, Point("b"), None, 0.85),
        Told(2, Point("a", {"x": 7, "y": True}), 12.0, 0.0),
        Told(3, Point("b", {"z": 0.25}), None, 0.3),
        Told(4, Point("b", {"z": 0.5}), None, 0.0),  # unmeasured
    ]
    pending = [Point("b", {"z": 0.75})]
    known = learnable(history)
    study = study_of(CONDITIONAL, Goal.MAXIMIZE, known, pending, optuna.samplers.RandomSampler(seed=0))
    *finished, running = study.get_trials()
    assert [trial.params for trial in finished] == [
        {"entry": "a"},
        {"entry": "b"},
        {"entry": "a", "a.x": 7, "a.y": "true"},
        {"entry": "b", "b.z": 0.25},
    ]
    assert [trial.value for trial in finished] == [10.0, 10.0, 12.0, 10.0]  # failures hold the worst success
    assert [trial.constraints for trial in finished] == [{SEVERITY: s} for s in (0.0, 0.85, 0.0, 0.3)]
    assert {trial.state.name for trial in finished} == {"COMPLETE"}
    assert (running.state.name, running.params) == ("RUNNING", {"entry": "b", "b.z": 0.75})
    assert study.best_trial.value == 12.0


def test_true_and_one_are_two_values() -> None:
    space = Space((EntrySpace("a", {"x": Choice((1, True, "1"))}),))
    told = [Teller(space).told(Point("a", {"x": value}))[0]["a.x"] for value in (1, True, "1")]
    assert told == ["1", "true", '"1"']


def test_ascending_numbers_are_told_as_ordered_and_come_back_as_they_were() -> None:
    import optuna

    choices = {"p": Choice((1, 2, 4, 8)), "q": Choice((4, 2, 8)), "r": Choice((1, 2)), "s": Choice((0.5, 1, 1.5))}
    space = Space((EntrySpace("a", dict(choices)),))
    values: dict[str, Scalar] = {"p": 4, "q": 2, "r": 2, "s": 1}
    told, kinds = Teller(space).told(Point("a", values))
    assert told == {"entry": "a", "a.p": 2, "a.q": "2", "a.r": "2", "a.s": 1}
    assert kinds["a.p"] == optuna.distributions.IntDistribution(0, 3)
    trial = optuna.trial.FixedTrial(told)
    back = suggested_point(space, trial)  # type: ignore[arg-type]
    assert point_key(back) == point_key(Point("a", values))  # 1 is still 1 and not 1.0


@pytest.mark.parametrize("name", samplers.names())
def test_parallel_asks_are_all_different(name: str) -> None:
    """Six at once on a space of 16, ten of which ran: every one of the rest, once."""
    space = Space((EntrySpace("a", {"x": Choice((1, 2, 4, 8)), "y": Choice(("p", "q", "r", "s"))}),))
    every = list(enumerate_points(space))
    told = [Told(number, point, float(number % 7), 0.0) for number, point in enumerate(every[:10])]
    pending: list[Point] = []
    for number in range(10, 16):
        for skip in range(200):
            point = samplers.get(name).ask(space, Goal.MAXIMIZE, told, pending, Search(startup=4), number, skip)
            assert point is not None
            if name == "random" and point_key(point) in {point_key(p) for p in every[:10] + pending}:
                continue  # it looks at nothing: the caller refuses what it knows
            pending.append(point)
            assert skip == 0 or name == "random"
            break
    assert {point_key(point) for point in pending} == {point_key(point) for point in every[10:]}


def test_an_earlier_campaign_stands_in_for_the_start_up() -> None:
    """Told with negative numbers, it is knowledge: the first proposal of its own comes near what did well in it."""
    rng = random.Random(1)
    points = [random_point(CLIFF, rng) for _ in range(30)]
    earlier = [Told(number - 30, point, *cliff(point)) for number, point in enumerate(points)]
    asked = [
        samplers.get("tpe").ask(CLIFF, Goal.MAXIMIZE, earlier, (), Search(seed=seed, startup=6), 0, 0)
        for seed in range(12)
    ]
    served = sum(cliff(point)[0] is not None for point in asked if point is not None)
    assert served > 2 * 12 / 3  # a third of the space serves


CLIFF = Space(
    (EntrySpace("a", {"memory": Float(0.0, 1.0), "batch": Int(1, 512, log=True), "cache": Choice(("f", "q"))}),)
)


def cliff(point: Point) -> tuple[float | None, float]:
    """Faster with more memory and larger batches, up to the edge where it dies: two thirds of the space."""
    memory, batch = point.values["memory"], point.values["batch"]
    assert isinstance(memory, float)
    assert isinstance(batch, int)
    if memory + batch / 512 > 0.45:
        return None, 0.8
    return 100 * memory + batch / 10, 0.0


def failures(sampler: str, seed: int, *, told_to_sampler: bool) -> int:
    """Failed trials among the last 25 of 40."""
    told: list[Told] = []
    died: list[bool] = []
    for number in range(40):
        point = samplers.get(sampler).ask(CLIFF, Goal.MAXIMIZE, told, (), Search(seed=seed, startup=6), number, 0)
        assert point is not None
        score, severity = cliff(point)
        died.append(score is None)
        if score is not None or told_to_sampler:
            told.append(Told(number, point, score, severity))
    return sum(died[15:])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_told_failures_keep_tpe_out_of_the_region_that_fails(seed: int) -> None:
    with_failures = failures("tpe", seed, told_to_sampler=True)
    assert with_failures < failures("tpe", seed, told_to_sampler=False)
    assert with_failures < failures("random", seed, told_to_sampler=True)


def test_when_everything_fails_the_milder_failure_attracts() -> None:
    """No success at all: severity alone leads from start-up failures towards those under load."""
    told: list[Told] = []
    for number in range(40):
        point = samplers.get("tpe").ask(CLIFF, Goal.MAXIMIZE, told, (), Search(seed=3, startup=6), number, 0)
        assert point is not None
        memory = point.values["memory"]
        assert isinstance(memory, float)
        told.append(Told(number, point, None, 0.2 + 0.7 * memory))
    first = sum(one.severity for one in told[:10])
    last = sum(one.severity for one in told[-10:])
    assert last < 0.75 * first


def test_tpe_finds_more_of_a_front_than_random_points_do() -> None:
    """Two objectives that pull against each other along x, and a y that only costs: the front is y = 0."""
    space = Space((EntrySpace("a", {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0), "z": Float(0.0, 1.0)}),))

    def found(name: str, seed: int) -> float:
        told: list[Told] = []
        for number in range(30):
            point = samplers.get(name).ask(space, Goal.MAXIMIZE, told, (), Search(seed=seed), number, 0)
            assert point is not None
            x, y, z = (float(point.values[key]) for key in "xyz")
            failed = z > 0.8  # a fifth of the space fails
            cost = y + z / 2
            told.append(
                Told(number, point, None, 0.8) if failed else Told(number, point, x - cost, 0.0, (1 - x * x - cost,))
            )
        values = [(told.score, *told.also) for told in told if told.score is not None]
        return hypervolume(values, (-1.5, -1.5), (True, True))

    better = sum(found("tpe", seed) > found("random", seed) for seed in range(6))
    assert better >= 5


def test_a_score_of_another_campaign_does_not_stand_for_several_objectives() -> None:
    space = Space((EntrySpace("a", {"x": Float(0.0, 1.0)}),))
    told = [
        Told(-1, Point("a", {"x": 0.5}), 7.0, 0.0),
        Told(0, Point("a", {"x": 0.1}), 1.0, 0.0, (2.0,)),
        Told(1, Point("a", {"x": 0.2}), None, 0.8),
    ]
    study = study_of(space, Goal.MINIMIZE, told, (), optuna.samplers.RandomSampler(seed=0))
    assert [trial.values for trial in study.trials] == [[1.0, 2.0], [1.0, 2.0]]
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
