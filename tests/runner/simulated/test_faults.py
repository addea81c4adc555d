"""The spelling of faults, and that a share means the same requests each time."""

from __future__ import annotations

import pytest

from runner.simulated.faults import FAULTS, Fault, Script, parse, parse_all


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hang", Fault("hang", 1.0, 1.0)),
        ("storm_503:0.3", Fault("storm_503", 0.3, 0.3)),
        ("hang_after_tokens:7:0.5", Fault("hang_after_tokens", 7.0, 0.5)),
        ("cut_stream:0.2@5", Fault("cut_stream", 0.2, 0.2, 5)),
        ("hang@l2", Fault("hang", 1.0, 1.0, 0, 2)),
        ("slow_load:3.5", Fault("slow_load", 3.5, 1.0)),
        ("crash_at_level:1", Fault("crash_at_level", 1.0, 1.0)),
    ],
)
def test_spelling(text: str, fault: Fault) -> None:
    assert parse(text) == fault


@pytest.mark.parametrize("text", ["hangs", "", "hang:", "hang@x", "storm_503:a"])
def test_what_is_no_fault(text: str) -> None:
    with pytest.raises(ValueError, match="is no fault"):
        parse(text)


def test_several_in_one_text_and_none() -> None:
    assert [fault.name for fault in parse_all(["hang,reset:0.5", "none"])] == ["hang", "reset"]


def test_a_share_hits_about_so_many_and_always_the_same() -> None:
    script = Script([parse("reset:0.3")], seed=5)
    hits = [bool(script.request(number, None)) for number in range(2000)]
    assert hits == [bool(script.request(number, None)) for number in range(2000)]
    assert hits != [bool(Script([parse("reset:0.3")], seed=6).request(n, None)) for n in range(2000)]
    assert 0.25 < sum(hits) / len(hits) < 0.35


def test_a_fault_waits_for_its_request_or_its_level() -> None:
    script = Script(parse_all(["hang@3", "reset@l1"]), seed=0)
    assert not script.request(2, 0)
    assert set(script.request(3, 0)) == {"hang"}
    assert set(script.request(3, 1)) == {"hang", "reset"}
    assert "reset" not in script.request(9, None)


def test_every_kind_says_what_it_does() -> None:
    assert all(kind.what for kind in FAULTS.values())
