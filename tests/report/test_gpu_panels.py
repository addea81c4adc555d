"""GPUs of the best trial over time: at most 300 points in a panel, its levels behind them, one sentence on CPUs."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from report.charts import Rows, charts
from report.gather import gather, prepare
from report.publish import Publisher
from runner.domain.hardware import Gpu
from runner.domain.records import RecordKind
from runner.store.ingest import ingest
from runner.store.reader import open_snapshot
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from tests import make
from tests.make.telemetry import samples
from tests.report.test_pages import rendered

CHART = charts.get("gpu")
POINTS = 300


def drawn(results: Path) -> Rows:
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        return CHART.rows(gather(connection, CHART.queries, Publisher([])))


def one_attempt(results: Path, gpus: int, every: float) -> None:
    of = make.gpu_campaign(gpus)
    seal(results, RecordKind.RUN_START, make.an_id(1), make.run_start(of))
    seal_rules(results, make.rules(of))
    one = make.attempt(of, 0)
    make.seal_one(results, one, samples=samples(one, every))
    ingest(results)
    snapshot(results)


@pytest.mark.parametrize(
    ("gpus", "every", "points", "looks"), [(1, 0.25, 36, 36), (1, 0.01, 300, 900), (4, 0.01, 300, 3600)]
)
def test_no_panel_has_more_than_300_points(tmp_path: Path, gpus: int, every: float, points: int, looks: int) -> None:
    one_attempt(tmp_path, gpus, every)
    rows = drawn(tmp_path)
    values = Counter(row["metric"] for row in rows if row["value"] is not None)
    assert values == dict.fromkeys(("gpu_memory", "gpu_power", "gpu_utilization"), points)
    assert max(values.values()) <= POINTS
    told = CHART.caption(rows, {"metric": "gpu_memory"})
    assert f"{looks} looks at {gpus} GPU" in told
    assert ("the most of each" in told) == (looks > points)


def test_peaks_of_memory_survive_and_the_rest_is_a_mean(tmp_path: Path) -> None:
    one_attempt(tmp_path, 1, 0.001)
    rows = drawn(tmp_path)
    memory = [row["value"] for row in rows if row["metric"] == "gpu_memory" and row["value"] is not None]
    assert max(memory) == pytest.approx(61.2 + 0.01 * 8999), "the last look"
    power = [row["value"] for row in rows if row["metric"] == "gpu_power" and row["value"] is not None]
    assert 150 + 300 * 0.4 < min(power) <= max(power) < 150 + 300 * 0.97 + 1e-9


def test_levels_lie_inside_what_was_measured_in_their_order(tmp_path: Path) -> None:
    one_attempt(tmp_path, 1, 0.25)
    rows = drawn(tmp_path)
    levels = [row for row in rows if row["level"] and row["metric"] == "gpu_power"]
    assert [row["level"] for row in levels] == ["D(100,20), 1 user", "D(100,20), 4 users"]
    ends = [edge for row in levels for edge in (row["seconds"], row["until"])]
    assert ends == sorted(ends)
    begin = 0.01 + 0.01 + 0.3 + 1.4 + 0.2
    assert begin <= ends[0]
    assert ends[-1] == pytest.approx(begin + 0.6 + 9.0, abs=0.02)
    assert "2 levels" in CHART.caption(rows, {"metric": "gpu_power"})


def test_a_sensor_that_says_nothing_has_no_panel(tmp_path: Path) -> None:
    of = make.gpu_campaign(1)
    seal(tmp_path, RecordKind.RUN_START, make.an_id(1), make.run_start(of))
    seal_rules(tmp_path, make.rules(of))
    one = make.attempt(of, 0)
    make.seal_one(tmp_path, one, samples=[{**row, "power_watts": None} for row in samples(one)])
    ingest(tmp_path)
    snapshot(tmp_path)
    rows = drawn(tmp_path)
    assert {row["metric"] for row in rows} == {"gpu_memory", "gpu_utilization"}
    assert CHART.missing(rows, {"metric": "gpu_power"})


def test_a_page_has_panels_on_gpus_and_a_sentence_without(tmp_path: Path) -> None:
    make.write_gpus(tmp_path / "gpus")
    page = rendered(tmp_path / "gpus")["campaigns/smollm-gpu/index.md"]
    assert page.markdown.count('data-spec="gpu"') == 3
    assert "GPU-00000000" not in str(page.rows["gpu"])
    make.write_store(tmp_path / "cpu")
    page = rendered(tmp_path / "cpu")["campaigns/smollm-cpu/index.md"]
    assert 'data-spec="gpu"' not in page.markdown
    assert page.markdown.count("the engines ran on CPUs") == 1


def test_without_samples_it_says_so(tmp_path: Path) -> None:
    of = make.gpu_campaign()
    host = replace(make.gpu_host(), gpus=(Gpu("GPU-1", "H100", 80 * 2**30, 0),))
    make.write_store(tmp_path, of=of, attempts=[make.attempt(of, 0, host=host)])
    page = rendered(tmp_path)["campaigns/smollm-gpu/index.md"]
    assert "no sample of the best trial is in the store" in page.markdown
