"""What somebody means by a name or a part of an id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.domain.records import RecordKind
from runner.errors import UnknownId
from runner.known import Known, Target, find
from runner.store.record import seal
from tests import make

FIRST, SECOND, OTHER = (
    "019c0000-0000-7000-8000-000000000001",
    "019c0000-0000-7000-8000-000000000002",
    "019d0000-0000-7000-8000-000000000003",
)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """Two runs of one campaign (the second has its next series) and one of another; two attempts each."""
    results = tmp_path_factory.mktemp("known")
    chat, batch = make.campaign(name="chat"), make.campaign(name="batch")
    for n, (run_id, of, series) in enumerate(((FIRST, chat, 0), (SECOND, chat, 1), (OTHER, batch, 0))):
        start = make.run_start(of, run_id=run_id, series=series, started_utc=make.utc(1000 * n))
        seal(results, RecordKind.RUN_START, run_id, start)
        for number in (0, 7):
            values = {"threads": number} if number else {}
            make.seal_one(
                results,
                make.attempt(of, number, values=values, n=10 * n + number, series=series, run_id=run_id),
            )
    return Known(results)


def attempts_of(known: Known, target: Target) -> list[tuple[str, str]]:
    return [(one.run_id, one.name) for one in known.attempts() if target.holds(one)]


@pytest.mark.parametrize("text", ["chat", SECOND, SECOND.upper()])
def test_a_name_is_its_latest_run(known: Known, text: str) -> None:
    target = find(known, text)
    assert (target.kind, target.id) == ("run", SECOND)
    assert attempts_of(known, target) == [(SECOND, "t0/baseline"), (SECOND, "t7/search")]


def test_nothing_is_the_latest_run_of_all(known: Known) -> None:
    assert find(known, None).id == OTHER


def test_a_trial_is_one_of_the_latest_series(known: Known) -> None:
    target = find(known, "chat#7")
    assert (target.kind, attempts_of(known, target)) == ("trial", [(SECOND, "t7/search")])
    assert find(known, target.id[:8]) == target


def test_an_attempt_is_only_itself(known: Known) -> None:
    attempt = known.attempts()[0]
    target = find(known, attempt.attempt_id)
    assert target.kind == "attempt"
    assert [one.attempt_id for one in known.attempts() if target.holds(one)] == [attempt.attempt_id]


def test_a_part_of_an_id_that_is_unique_will_do(known: Known) -> None:
    assert find(known, "019d").id == OTHER


@pytest.mark.parametrize("text", ["019c0000", "chart", "chat#3", "chat#x", "019d1", "019", "zzz", "", "#7", "\x1b[2J"])
def test_what_nobody_is_called_names_the_nearest(known: Known, text: str, golden: Callable[[str, str], None]) -> None:
    with pytest.raises(UnknownId) as raised:
        find(known, text)
    lines = "\n".join(raised.value.problems()[0].lines()).replace(str(known.results), "RESULTS")
    name = {"": "empty", "\x1b[2J": "escape"}.get(text, text.replace("#", "-"))
    golden(f"known/{name}.txt", lines + "\n")


@pytest.mark.parametrize("text", [None, "chat"])
def test_nothing_ran_yet(tmp_path: Path, text: str | None) -> None:
    with pytest.raises(UnknownId) as raised:
        find(Known(tmp_path), text)
    assert raised.value.hint is not None
    assert "--results" in raised.value.hint


def test_a_damaged_record_hides_only_itself(tmp_path: Path) -> None:
    make.write_store(tmp_path, ingested=False)
    known = Known(tmp_path)
    before = len(known.attempts())
    folder = known.attempts()[0].folder
    (folder / "attempt.json").write_text("{")
    assert len(Known(tmp_path).attempts()) == before - 1
