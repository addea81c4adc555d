"""`search.stop: auto`: it waits for enough trials, it ends in words, and the records alone decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from runner.decide import Over, SoFar, Step, next_step
from runner.domain.campaign import Campaign, Entry, Search
from runner.domain.failure import EndReason, Outcome, Role
from runner.domain.parameters import EntrySpace, Int, Point
from runner.domain.trial import Attempt
from runner.enough import QUIET, USUAL_NOISE, found_before, found_enough, noise_of
from runner.lineage import Lineage
from runner.runtimes import configuration as configuration_of
from tests import make


def of(stop: str = "auto", trials: int = 40) -> Campaign:
    space = EntrySpace("a", {"threads": Int(1, 512)})
    entry = Entry("a", "simulated", space=space)
    search = Search(sampler="random", trials=trials, startup=4, baseline=False, stop=stop)
    return make.campaign(entries=(entry,), search=search, slos=())


def tried(campaign: Campaign, scores: Sequence[float | None]) -> list[Attempt]:
    attempts = []
    for number, score in enumerate(scores):
        chosen = configuration_of(campaign.entry("a"), Point("a", {"threads": number + 1}))
        failed = None if score is not None else make.failure()
        attempts.append(make.attempt(campaign, number, configuration=chosen, throughput=score or 1.0, failed=failed))
    return attempts


FLAT = [100.0, *(99.0 + 0.05 * (n % 7) for n in range(20))]
RISING = [50.0 * 1.06**n for n in range(21)]


def test_a_flat_search_ends_as_converged_in_words() -> None:
    campaign = of()
    over = next_step(campaign, Lineage.of(campaign, 0, tried(campaign, FLAT)), SoFar())
    assert isinstance(over, Over)
    assert over.reason is EndReason.CONVERGED
    assert over.message.startswith("19 more trials would improve output_throughput by ")
    assert "less than the noise of one measurement (3.0 %, assumed: too little was measured twice)" in over.message
    assert over.message.endswith("; the last 20 trials brought nothing")


@pytest.mark.parametrize(
    ("campaign", "scores"),
    [
        (of("never"), FLAT),
        (of(), RISING),
        (of(), FLAT[: 4 + QUIET - 1]),  # too few after start-up
        (of(), [*FLAT[:-3], 120.0, 99.0, 99.0]),  # progress of a moment ago
        (of(), [100.0, *(None for _ in range(30))]),  # one success says nothing of the next
    ],
)
def test_it_goes_on(campaign: Campaign, scores: Sequence[float | None]) -> None:
    assert isinstance(next_step(campaign, Lineage.of(campaign, 0, tried(campaign, scores)), SoFar()), Step)


def test_more_trials_let_it_go_on_and_resuming_changes_nothing() -> None:
    campaign = of()
    scores = [100.0, *(90.0 + (n % 9) for n in range(24))]
    attempts = tried(campaign, scores)
    few = replace(campaign, search=replace(campaign.search, trials=len(scores) + 1))
    many = replace(campaign, search=replace(campaign.search, trials=2000))
    assert found_enough(few, Lineage.of(few, 0, attempts)) is not None
    assert found_enough(few, Lineage.of(few, 0, attempts)) == found_enough(few, Lineage.of(few, 0, tuple(attempts)))
    assert found_enough(many, Lineage.of(many, 0, attempts)) is None


def test_a_search_that_found_enough_stays_ended_until_more_is_asked() -> None:
    """Repeats that confirm show a smaller noise than was assumed, under which the search would not have ended."""
    campaign = of()
    attempts = tried(campaign, RISING)
    start = make.run_start(campaign)
    end = make.run_end(start, end_reason=EndReason.CONVERGED, message="enough")
    before = found_before(campaign, start, end)
    assert before == "enough"
    over = next_step(campaign, Lineage.of(campaign, 0, attempts), SoFar(enough=before))
    assert over == Over(EndReason.CONVERGED, message="enough")
    more = replace(campaign, search=replace(campaign.search, trials=60))
    never = replace(campaign, search=replace(campaign.search, stop="never"))
    other = replace(campaign, objective=replace(campaign.objective, at="c=1"))
    assert [found_before(one, start, end) for one in (more, never, other)] == ["", "", ""]
    assert found_before(campaign, start, None) == "", "it was killed"
    assert found_before(campaign, start, make.run_end(start)) == "", "it ended by something else"


def test_a_withdrawn_trial_of_an_ended_search_is_measured_again() -> None:
    campaign = of()
    attempts = tried(campaign, FLAT)
    gone = [replace(one, outcome=Outcome.INTERRUPTED) if one.number == 3 else one for one in attempts]
    step = next_step(campaign, Lineage.of(campaign, 0, gone), SoFar(enough="enough"))
    assert isinstance(step, Step)
    assert step.number == 3


def test_the_noise_is_what_repeats_scatter_and_three_percent_where_there_are_none() -> None:
    campaign = of()
    attempts = tried(campaign, [100.0, 80.0])
    assert noise_of(Lineage.of(campaign, 0, attempts))[0] == USUAL_NOISE
    for number, speeds in enumerate(((110.0, 90.0, 100.0), (72.0, 88.0, 80.0))):
        for repeat, speed in enumerate(speeds, 1):
            attempts.append(
                make.attempt(campaign, number, configuration=attempts[number].configuration, throughput=speed,
                             role=Role.CONFIRM, repeat=repeat, n=10 * number + repeat + 50)
            )  # fmt: skip
    noise, told = noise_of(Lineage.of(campaign, 0, attempts))
    assert noise == pytest.approx(0.083, abs=0.005)
    assert told == "from 8 repeated measurements"
