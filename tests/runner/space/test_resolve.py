"""A point laid over the fixed flags and environment of its entry."""

from __future__ import annotations

import pytest

from runner.domain.campaign import Entry
from runner.domain.parameters import Point
from runner.space.resolve import default_point, resolve

ENTRY = Entry("fast", "simulated", flags={"ctx-size": 4096}, env={"OMP_NUM_THREADS": "2"})


def test_values_join_the_fixed_flags() -> None:
    made = resolve(ENTRY, Point("fast", {"parallel": 4, "env.OMP_WAIT_POLICY": "active", "env.LEVEL": 3.0}))
    assert made.flags == {"ctx-size": 4096, "parallel": 4}
    assert made.env == {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "active", "LEVEL": "3"}
    assert made.values == {"parallel": 4, "env.OMP_WAIT_POLICY": "active", "env.LEVEL": 3.0}
    assert (made.entry, made.runtime) == ("fast", "simulated")


def test_the_default_has_no_values() -> None:
    made = resolve(ENTRY, default_point(ENTRY))
    assert made.is_default
    assert made.flags == {"ctx-size": 4096}


def test_fingerprint_follows_what_runs_not_how_it_was_chosen() -> None:
    fixed = Entry("fast", "simulated", flags={"a": 1, "b": 2})
    chosen = Entry("fast", "simulated", flags={"a": 1})
    assert resolve(fixed, default_point(fixed)).fingerprint == resolve(chosen, Point("fast", {"b": 2})).fingerprint
    assert resolve(chosen, Point("fast", {"b": 3})).fingerprint != resolve(fixed, default_point(fixed)).fingerprint
    other = Entry("slow", "simulated", flags={"a": 1, "b": 2})
    assert resolve(other, default_point(other)).fingerprint != resolve(fixed, default_point(fixed)).fingerprint


def test_a_point_of_another_entry_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="can not be resolved"):
        resolve(ENTRY, Point("slow"))
