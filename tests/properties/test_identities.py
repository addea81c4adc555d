"""Units read back what they write; identities follow from content alone, and never change between versions."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.ids import campaign_id, canonical, fingerprint, rules_id, trial_id, uuid7
from runner.domain.units import LONGEST, format_duration, format_size, parse_duration, parse_size

relaxed = settings(deadline=None, max_examples=150)

UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


@relaxed
@given(st.integers(0, 10**6), st.sampled_from(sorted(UNITS)))
def test_a_duration_is_its_number_times_its_unit(count: int, unit: str) -> None:
    if count * UNITS[unit] <= LONGEST:
        assert parse_duration(f"{count}{unit}") == pytest.approx(count * UNITS[unit])
        assert parse_duration(f" {count} {unit} ") == parse_duration(f"{count}{unit}")


@relaxed
@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from(sorted(UNITS))), min_size=1, max_size=4))
def test_a_duration_of_parts_is_their_sum(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{count}{unit}" for count, unit in parts)
    assert parse_duration(text) == pytest.approx(sum(count * UNITS[unit] for count, unit in parts))


@relaxed
@given(st.floats(0.001, LONGEST))
def test_what_a_duration_is_written_as_reads_back_and_is_written_the_same_again(seconds: float) -> None:
    text = format_duration(seconds)
    assert format_duration(parse_duration(text)) == text


@relaxed
@given(st.integers(0, 10**6), st.sampled_from(sorted(SIZES)))
def test_a_size_is_its_number_times_its_unit(count: int, unit: str) -> None:
    assert parse_size(f"{count}{unit}") == parse_size(f"{count} {unit}") == count * SIZES[unit]


@relaxed
@given(st.integers(0, 2**50))
def test_a_size_for_people_is_read_back_to_a_tenth_of_a_percent_or_its_last_digit(count: int) -> None:
    text = format_size(count)
    step = 0.05 * SIZES.get(text.split()[1], 10**12)
    assert abs(parse_size(text) - count) <= step + 0.001 * count


@relaxed
@given(st.text(max_size=12))
def test_a_size_is_read_or_refused(text: str) -> None:
    try:
        count = parse_size(text)
    except ValueError:
        return
    assert count >= 0


scalars: st.SearchStrategy[Any] = st.one_of(
    st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)


@relaxed
@given(st.dictionaries(st.text(max_size=6), scalars, max_size=5), st.randoms(use_true_random=False))
def test_a_fingerprint_survives_json_and_the_order_of_keys(flags: dict[str, Any], rng: random.Random) -> None:
    """Through a record and back it is the same configuration."""
    flags = {name: value for name, value in flags.items() if canonical(value).isprintable()}
    items = list(json.loads(json.dumps(flags)).items())
    rng.shuffle(items)
    assert fingerprint("e", dict(items), {}) == fingerprint("e", flags, {})


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"a": True}), ({"a": 1}, {"a": "1"}), ({"a": 1}, {"a": 2}), ({"a": 1}, {"b": 1}), ({}, {"a": 0}),
     ({"a": 1}, {"a": 1.0}), ({"a": 0.1}, {"a": 0.10000001})],
)  # fmt: skip
def test_what_starts_an_engine_otherwise_has_another_fingerprint(one: dict[str, Any], other: dict[str, Any]) -> None:
    """1 and 1.0 too: an engine that reads a whole number refuses `--n 1.0`, so they are two command lines."""
    assert fingerprint("e", one, {}) != fingerprint("e", other, {})


def test_entry_and_environment_count() -> None:
    known = {
        fingerprint("e", {}, {}),
        fingerprint("f", {}, {}),
        fingerprint("e", {}, {"A": "1"}),
        fingerprint("e", {"A": "1"}, {}),
    }
    assert len(known) == 4


PINNED: dict[str, Any] = {
    "default": ("f16", {}, {}),
    "typed": ("f16", {"threads": 4, "temp": 0.5, "flash-attn": True, "cache": "q8_0"}, {"OMP_NUM_THREADS": "2"}),
    "unicode": ("é", {"name": "日本 \u202e"}, {}),
    "numbers": ("n", {"one": 1, "one.0": 1.0, "big": 2**53, "small": 1e-300, "minus": -0.0}, {}),
}


def test_identities_are_what_they_always_were(golden: Callable[[str, str], None]) -> None:
    """A change here orphans every trial that was ever measured: never accept it for less than a new format."""
    lines = [f"fingerprint {name}: {fingerprint(*parts)}" for name, parts in PINNED.items()]
    lines += [
        f"trial: {trial_id('a' * 64, 1, 'b' * 16)}",
        f"trial of the next series: {trial_id('a' * 64, 2, 'b' * 16)}",
        f"campaign: {campaign_id('c' * 64)}",
        f"rules: {rules_id({'objective': 'output_throughput', 'slos': []})}",
        f"uuid7: {uuid7(1_772_413_200_000, bytes(range(10)))}",
        f"canonical: {canonical({'b': [1, 1.0, True, None, 'é'], 'a': {}})}",
    ]
    golden("identities.txt", "\n".join(lines) + "\n")
