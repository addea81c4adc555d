"""Which campaigns may stand side by side."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from report.comparability import FACTS, IN_WORDS, comparable_groups
from report.gather import gather, prepare
from report.publish import Publisher
from runner.stats.compare import EQUAL_WITHIN_A_RUNTIME, MUST_BE_EQUAL, comparable
from runner.store.reader import open_snapshot
from tests.make.alike import ELSEWHERE, FIRST, SECOND, write_alike


def facts(results: Path) -> dict[str, dict[str, Any]]:
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        rows = gather(connection, ("compare_facts",), Publisher([]))["compare_facts"]
    return {row["campaign"]: row for row in rows}


def test_what_was_measured_under_equal_facts_is_one_group(tmp_path: Path) -> None:
    write_alike(tmp_path / "results")
    by = facts(tmp_path / "results")
    assert comparable(by[FIRST], by[SECOND]) is None
    assert str(comparable(by[FIRST], by[ELSEWHERE])).startswith("cpu_model differs")
    (group,) = comparable_groups(list(by.values()))
    assert group.campaigns == [FIRST, SECOND]


def test_the_facts_of_the_page_are_those_of_the_comparison(tmp_path: Path) -> None:
    """A fact that the query did not give would count as equal."""
    write_alike(tmp_path / "results")
    (one, *_) = facts(tmp_path / "results").values()
    assert set(one) >= {*MUST_BE_EQUAL, *EQUAL_WITHIN_A_RUNTIME, "runtime"}
    assert [name for name, _ in FACTS["always"]] == list(MUST_BE_EQUAL)
    assert set(IN_WORDS) == {*MUST_BE_EQUAL, *EQUAL_WITHIN_A_RUNTIME}
