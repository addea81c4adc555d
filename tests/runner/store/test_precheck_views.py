"""Whether the pre-check was right, as the views say it."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from runner.stats.intervals import wilson
from runner.store.reader import open_snapshot
from tests import make


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Any:
    results = tmp_path_factory.mktemp("audits") / "results"
    make.write_audits(results)
    with closing(open_snapshot(results)) as connection:
        yield lambda text: connection.execute(text).fetchall()


def test_precision_and_recall(rows: Any) -> None:
    quality = rows("SELECT rule, predicts, rejected, audited, failed, precision, low, high, unforeseen, recall "
                   "FROM precheck_quality ORDER BY rule")  # fmt: skip
    low, high = wilson(1, 2)
    assert quality == [
        ("all", True, 3, 2, 1, 0.5, pytest.approx(low), pytest.approx(high), 1, pytest.approx(2 / 3)),
        ("memory", True, 3, 2, 1, 0.5, pytest.approx(low), pytest.approx(high), None, None),
        ("where", False, 1, 0, 0, None, None, None, None, None),
    ]


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (49, 50), (50, 50), (0, 50), (7, 11)])
def test_the_interval_is_that_of_the_statistics(rows: Any, k: int, n: int) -> None:
    [(low, high)] = rows(f"SELECT wilson_low({k}, {n}), wilson_high({k}, {n})")
    assert (low, high) == pytest.approx(wilson(k, n), abs=1e-9)
    assert rows("SELECT wilson_low(0, 0)") == [(None,)]


def test_an_audit_is_no_trial(rows: Any) -> None:
    assert rows("SELECT number, status FROM trials ORDER BY number") == [
        (0, "succeeded"), (1, "succeeded"), (2, "failed"),
    ]  # fmt: skip
    assert rows("SELECT max(score) < 100 FROM best") == [(True,)], "the audit served 900 tok/s, and is not the best"
    assert rows("SELECT failed, cause, evidence IS NOT NULL FROM precheck_audits ORDER BY failed") == [
        (False, None, False), (True, "oom_load", True),
    ]  # fmt: skip
