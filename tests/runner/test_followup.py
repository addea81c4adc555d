"""The follow-up of a search: what its evidence changes, and that `check` takes it whatever the evidence was."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.campaign.load import parse
from runner.domain.campaign import Campaign
from runner.domain.failure import Cause, Change, Failure, Hint, Outcome, Phase, Role
from runner.domain.parameters import Point, Scalar
from runner.domain.trial import Attempt
from runner.followup import FollowUp, follow_up
from runner.lineage import Lineage
from runner.render.yaml_text import yaml_text
from runner.space.resolve import resolve
from tests import make

FILE = Path("campaigns/search.yaml")
SPACE: dict[str, Any] = {
    "max-num-seqs": {"int": [1, 64], "log": True},
    "block-size": [8, 16, 32],
    "cache-dtype": ["f16", "q8", "q4"],
}


def written(space: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    entry = {"runtime": "simulated", "flags": {"threads": 2}, "space": SPACE if space is None else space}
    return {
        "tunebook": 1,
        "name": "search",
        "model": {"id": "simulated/tiny"},
        "runtimes": [entry],
        "workload": {"scenarios": ["D(100,20)"], "load": {"concurrency": [1, 4]}},
        "objective": {"metric": "output_throughput"},
        "search": {"sampler": "random", "trials": 8},
        **changes,
    }


@cache
def _parsed(text: str) -> Campaign:
    return parse(text, FILE)


def campaign_of(data: dict[str, Any]) -> Campaign:
    return _parsed(yaml.safe_dump(data))


def tried(of: Campaign, number: int, values: dict[str, Scalar], failed: Failure | None = None) -> Attempt:
    configuration = resolve(of.entries[0], Point(of.entries[0].name, values))
    outcome = Outcome.MEASURED if failed is None else Outcome.FAILED
    role = Role.SEARCH if values else Role.BASELINE
    return make.attempt(of, number, configuration=configuration, failed=failed, outcome=outcome, role=role)


def followed(data: dict[str, Any], trials: list[tuple[dict[str, Scalar], Failure | None]]) -> tuple[FollowUp, Campaign]:
    """The follow-up, read back through its text as a user would."""
    of = campaign_of(data)
    attempts = [tried(of, number, values, failed) for number, (values, failed) in enumerate(trials)]
    made = follow_up(data, Lineage.of(of, 0, attempts), "search-2")
    return made, parse(yaml_text(made.data, made.comments), FILE)


def early(*changes: Change) -> Failure:
    return Failure(Phase.LOAD, Cause.OOM_LOAD, "out of memory", hint=Hint("too much", changes) if changes else None)


LATE = Failure(Phase.MEASURE, Cause.CRASH, "died under load")


def test_a_bound_cuts_the_range_and_the_nearest_comes_first() -> None:
    made, new = followed(
        written(), [({}, early(Change("max-num-seqs", at_most=6))), ({"max-num-seqs": 4, "block-size": 16}, LATE)]
    )
    assert made.data["runtimes"][1]["space"]["max-num-seqs"] == {"int": [1, 6], "log": True}
    assert made.comments["runtimes", 1, "space", "max-num-seqs"] == ["trial 0: too much"]
    first = new.entries[0]
    assert first.name == "simulated-nearest"
    assert dict(first.flags) == {"threads": 2, "max-num-seqs": 4, "block-size": 16}
    assert not first.space.parameters
    assert new.search.baseline
    assert new.name == "search-2"


def test_values_that_only_failed_early_go_and_those_tried_once_stay() -> None:
    _, new = followed(
        written(),
        [
            ({"cache-dtype": "q4", "block-size": 16, "max-num-seqs": 50}, early()),
            ({"cache-dtype": "q4", "block-size": 8, "max-num-seqs": 40}, early()),
            ({"cache-dtype": "f16", "block-size": 16, "max-num-seqs": 8}, LATE),
            ({"cache-dtype": "q8", "block-size": 16, "max-num-seqs": 2}, early()),
        ],
    )
    space = new.entries[1].space.parameters
    assert getattr(space["cache-dtype"], "values", ()) == ("f16", "q8")
    assert getattr(space["block-size"], "values", ()) == (8, 16, 32)
    assert (getattr(space["max-num-seqs"], "low", 0), getattr(space["max-num-seqs"], "high", 0)) == (1, 39)


def test_a_combination_is_forbidden_and_its_parts_stay() -> None:
    change = Change("block-size", at_least=16, when="cache-dtype == 'q4'")
    q4: dict[str, Scalar] = {"cache-dtype": "q4", "block-size": 8, "max-num-seqs": 2}
    made, new = followed(written(), [({}, None), (q4, early(change)), (q4 | {"max-num-seqs": 3}, early(change))])
    assert made.data["runtimes"][0]["where"] == ["not (cache-dtype == 'q4') or block-size >= 16"]
    assert set(new.entries[0].space.parameters) == set(SPACE)
    assert [entry.name for entry in new.entries] == ["simulated"], "the best is the default: it comes first anyway"


def test_a_fixed_flag_is_changed_only_when_nothing_worked_with_it() -> None:
    data = written(runtimes=[{"runtime": "simulated", "flags": {"max-num-seqs": 64}, "space": {"block-size": [8, 16]}}])
    change = Change("max-num-seqs", at_most=6)
    made, new = followed(data, [({}, early(change)), ({"block-size": 16}, early(change))])
    assert dict(new.entries[0].flags) == {"max-num-seqs": 6}
    assert ("runtimes", 0, "flags", "max-num-seqs") in made.comments
    _, kept = followed(data, [({}, early(change)), ({"block-size": 16}, None)])
    assert {entry.flags["max-num-seqs"] for entry in kept.entries} == {64}


def test_a_limit_is_raised_and_an_slo_is_not() -> None:
    data = written(slo={"ttft_p99": {"max": "500ms", "hard": True}}, timeouts={"load": "20s"})
    slow = Failure(
        Phase.LOAD, Cause.HANG, "slow", None, True, hint=Hint("slow", (Change("timeouts.load", at_least=40),))
    )
    made, new = followed(data, [({}, slow), ({"block-size": 8}, slow)])
    assert new.timeouts.load == 40
    of = campaign_of(data)
    missed = make.attempt(of, 0, configuration=resolve(of.entries[0], Point("simulated", {})), ttft=0.3)
    made = follow_up(data, Lineage.of(of, 0, [missed]), "search-2")
    assert made.data["slo"] == data["slo"]
    assert made.comments["slo", "ttft_p99"][-1].endswith("max: 1.8s (1.8 s)")


def test_an_entry_that_never_answered_is_left_out_where_another_did() -> None:
    data = written(runtimes=[
        {"runtime": "simulated", "name": "good", "space": {"block-size": [8, 16]}},
        {"runtime": "simulated", "name": "bad", "space": {"block-size": [8, 16]}},
    ])  # fmt: skip
    of = campaign_of(data)
    attempts = []
    for number, (entry, failed) in enumerate([("good", None), ("bad", early()), ("bad", early())]):
        one = resolve(of.entry(entry), Point(entry, {"block-size": (8, 8, 16)[number]}))
        attempts.append(make.attempt(of, number, configuration=one, failed=failed))
    made = follow_up(data, Lineage.of(of, 0, attempts), "search-2")
    assert [entry["name"] for entry in made.data["runtimes"]] == ["good-best", "good"]
    assert any("Left out: bad" in line for line in made.head)


def test_what_an_engine_says_can_not_leave_its_comment() -> None:
    nasty = Failure(
        Phase.LOAD, Cause.OOM_LOAD, "x", hint=Hint("a\nname: evil\x1b[31m\u2028b", (Change("max-num-seqs", at_most=2),))
    )
    made, new = followed(written(), [({}, nasty), ({"max-num-seqs": 8}, nasty)])
    assert new.name == "search-2"
    assert all("\n" not in line and "\x1b" not in line for lines in made.comments.values() for line in lines)


values = st.fixed_dictionaries(
    {
        "max-num-seqs": st.integers(1, 64),
        "block-size": st.sampled_from([8, 16, 32]),
        "cache-dtype": st.sampled_from(["f16", "q8", "q4"]),
    }
)
numbers = st.integers(1, 80).map(float)
changes = st.one_of(
    st.builds(Change, st.sampled_from(["max-num-seqs", "ctx-size", "threads", "timeouts.load"]), at_most=numbers),
    st.builds(Change, st.sampled_from(["max-num-seqs", "chunk-size", "timeouts.level"]), at_least=numbers),
    st.builds(
        Change,
        st.just("block-size"),
        value=st.sampled_from([8, 16, 64]),
        when=st.sampled_from(["", "cache-dtype == 'q4'", "nothing == 1"]),
    ),
    st.builds(Change, st.sampled_from(["threads", "block-size"]), remove=st.just(True)),
)
failures = st.one_of(st.none(), st.just(LATE), st.just(early()), changes.map(early))


@given(st.lists(st.tuples(values, failures), min_size=1, max_size=8))
@settings(max_examples=20, deadline=None)
def test_any_evidence_gives_a_file_that_check_takes(trials: list[tuple[dict[str, Scalar], Failure | None]]) -> None:
    made, new = followed(written(), trials)
    assert new.name == "search-2"
    good = [values for values, failed in trials if failed in (None, LATE)]
    best = next((values for values, failed in trials if failed is None), None) or (good[0] if good else None)
    if best is not None:  # what had no hint comes first as it was
        assert {name: new.entries[0].flags[name] for name in best} == best
    assert all(line for lines in made.comments.values() for line in lines)
