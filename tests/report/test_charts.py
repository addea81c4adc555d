"""Every chart of the folder: valid, without a theme, and drawn with many rows, with one and with none."""

from __future__ import annotations

import json
import typing
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from report.charts import Chart, Data, Words, charts, specs
from report.charts._style import DARK, ENTRY_COLOURS, PHASE_COLOURS, PHASES
from report.figures import Figures
from report.gather import gather, prepare, query_names
from report.publish import Publisher
from report.render import by_campaign
from runner.domain.failure import Phase
from runner.store.reader import open_snapshot
from tests import make
from tests.make.trend import write_trend
from tests.make.wide import capacity_levels as searched_levels

WORDS: dict[str, Any] = {
    "score": "Output throughput (tok/s)", "entries": ["f16", "q8"], "phases": ["start", "load"], "metric": "ttft",
    "load": "Users", "axis": "Seconds", "parameter": "threads", "setting": "s",
    "scenario": "D(100,20)", "bars": 52, "outcome": "objective", "at": "best at", "which": ["best", "default"],
    "verdicts": ["not told apart"], "across": "batch-size", "down": "threads",
}  # fmt: skip


@pytest.fixture(scope="session")
def data(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Data:
    everything = gathered(filled)
    others = {name: everything["smollm-gpu"][name] for name in ("front", "gpu_series")}  # two objectives, and a GPU
    levels = searched_levels((1, 1.0), (4, 0.96), (16, 0.2), (8, 0.6))
    results = tmp_path_factory.mktemp("capacities")
    make.write_store(results, attempts=[replace(make.attempt(number=0), levels=levels)])
    capacities = gathered(results)["smollm-cpu"]["capacities"]
    nightly = gathered(write_trend(tmp_path_factory.mktemp("trend") / "results").results)["smollm-nightly"]
    sessions = {"trend_sessions": nightly["trend_sessions"]}
    return {**everything["smollm-cpu"], **others, **sessions, "capacities": capacities}


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Of a campaign with trials enough to say which parameters matter."""
    results = tmp_path_factory.mktemp("searched") / "results"
    return gathered(make.write_searched(results).results)["smollm-searched"]


def gathered(results: Path) -> dict[str, dict[str, Any]]:
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        return dict(by_campaign(gather(connection, query_names(), Publisher([]))))


def filled_in(value: Any, words: Words) -> Any:
    """The spec as the browser draws it."""
    if isinstance(value, str) and value[:1] == "@":
        return words[value[1:]]
    if isinstance(value, dict):
        return {key: filled_in(one, words) for key, one in value.items()}
    return [filled_in(one, words) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", charts.names())
def test_the_constant_is_annotated(name: str) -> None:
    assert typing.get_type_hints(import_module(f"report.charts.{name}")).get("CHART") is Chart


@pytest.mark.parametrize("name", charts.names())
@pytest.mark.parametrize("many", [None, 1, 0])
def test_it_is_drawn(name: str, many: int | None, data: Data, searched: Data) -> None:
    import vl_convert

    chart = charts.get(name)
    rows: Sequence[Any] = chart.rows(searched if name in ("importance", "feasible") else data)[:many]
    words = WORDS | {word: rows[0].get(word, WORDS.get(word, "s")) if rows else "s" for word in ("setting", "metric")}
    spec = filled_in(specs([name])[name], {word: words[word] for word in chart.words})
    assert "@" not in json.dumps(spec)
    # A container has no width outside of a page.
    svg = vl_convert.vegalite_to_svg(spec | {"width": 400, "datasets": {"rows": rows}})
    assert svg.startswith("<svg")
    if many is None:
        assert chart.missing(rows, words) is None
        assert any(character.isdigit() for character in chart.caption(rows, words))
    if many == 0:
        assert chart.missing(rows, words)


def test_specs_carry_no_theme_and_no_data(data: Data) -> None:
    for name, spec in specs(charts.names()).items():
        assert not {"config", "datasets"} & set(spec), name
        assert len(json.dumps(spec)) < 6000, name


def test_a_failed_trial_is_never_drawn_at_its_penalty(data: Data) -> None:
    rows = charts.get("history").rows(data)
    failed = [row for row in rows if row["status"] == "failed"]
    assert len(failed) == 5
    assert all(row["score"] is None for row in failed)
    assert all("tok/s" in row["penalty_text"] for row in failed)


def test_what_failed_at_another_level_is_not_on_the_frontier(data: Data) -> None:
    rows = charts.get("pareto").rows(data)
    assert any(row["status"] == "failed" for row in rows)
    assert not any(row["on_front"] for row in rows if row["status"] != "succeeded")
    for entry in {row["entry"] for row in rows}:
        front = sorted((row["ttft"], row["throughput"]) for row in rows if row["on_front"] and row["entry"] == entry)
        assert front
        assert [t for _, t in front] == sorted(t for _, t in front)


def test_every_phase_and_every_colour_is_known() -> None:
    assert list(PHASES) == [phase.value for phase in Phase]
    assert set(ENTRY_COLOURS) | set(PHASE_COLOURS) <= set(DARK)


def test_a_figure_that_lacks_a_word_is_a_build_error(data: Data) -> None:
    figures = Figures("x", "index.md", ["latency"], data, None)
    with pytest.raises(KeyError, match="metric"):
        figures.figure("latency")
