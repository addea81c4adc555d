"""What every result format promises: it knows its own files and no other's, takes numbers as they stand, and names the
place of what is wrong."""

from __future__ import annotations

import copy
import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.domain.foreign import ForeignMetric
from runner.imports import Malformed, Reading, ResultFormat, formats
from runner.util.codec import from_plain, to_plain

FILES = Path(__file__).parents[1] / "runner" / "imports" / "files"
SAMPLES = {
    "aiperf": "aiperf-0.13.0.json",
    "guidellm": "guidellm-0.8.1.json.gz",
    "llm-d": "llm-d-0.2.yaml",
    "vllm-bench": "vllm-bench-main.json",
}


def sample(name: str) -> dict[str, Any]:
    content = (FILES / SAMPLES[name]).read_bytes()
    text = (gzip.decompress(content) if SAMPLES[name].endswith(".gz") else content).decode()
    data: dict[str, Any] = yaml.safe_load(text) if SAMPLES[name].endswith(".yaml") else json.loads(text)
    return data


@pytest.fixture(params=formats.names())
def known(request: pytest.FixtureRequest) -> ResultFormat:
    return formats.get(request.param)


def published(data: Any, metric: ForeignMetric) -> Any:
    """What stands at the place that a number names."""
    found = data
    for part in metric.published_as.replace("]", "").replace("[", ".").split("."):
        if isinstance(found, list):
            found = found[int(part)]
        elif part in found:
            found = found[part]
        else:  # a key with a dot in it
            return data[metric.published_as]
    return found


def test_it_knows_its_own_files_alone(known: ResultFormat) -> None:
    assert [name for name in SAMPLES if known.recognises(sample(name))] == [known.name]
    others: list[dict[str, Any]] = [{}, {"version": 3}, {"benchmarks": 1}, {"metadata": []}, {"run": {}, "results": []}]
    for strange in others:
        assert not known.recognises(strange)


def test_every_number_is_the_published_one_in_our_unit(known: ResultFormat) -> None:
    data = sample(known.name)
    reading = known.read(data)
    factors = {("ms", "s"): 1e-3, ("ms/token", "s"): 1e-3, ("%", "ratio"): 1e-2}
    assert reading.levels
    for level in reading.levels:
        assert level.metrics
        for one in level.metrics:
            factor = factors.get((one.published_unit, one.unit), 1.0)
            assert one.value == pytest.approx(published(data, one) * factor, rel=1e-15, abs=0.0)
            assert math.isfinite(one.value)


def test_a_number_stands_once(known: ResultFormat) -> None:
    for level in known.read(sample(known.name)).levels:
        places = [one.published_as for one in level.metrics]
        assert len(places) == len(set(places))
        names = [(one.metric, one.stat) for one in level.metrics]
        assert len(names) == len(set(names))


def test_a_percentile_that_is_not_in_the_file_is_not_made(known: ResultFormat) -> None:
    data = sample(known.name)
    stats = {one.stat for level in known.read(data).levels for one in level.metrics}
    assert "p99" in stats
    thinner = _without_p99(data)
    assert "p99" not in {one.stat for level in known.read(thinner).levels for one in level.metrics}


def _without_p99(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: _without_p99(v) for k, v in data.items() if not (k == "p99" or str(k).startswith("p99_"))}
    return [_without_p99(one) for one in data] if isinstance(data, list) else data


def test_a_field_that_we_do_not_know_is_said(known: ResultFormat) -> None:
    before = known.read(sample(known.name))
    data = sample(known.name) | {"shiny": {"new": 1}}
    after = known.read(data)
    assert set(after.unread) - set(before.unread) == {"shiny"}
    assert after.levels == before.levels


def test_a_broken_number_is_named_by_its_place(known: ResultFormat) -> None:
    data = sample(known.name)
    one = known.read(data).levels[0].metrics[0]
    for wrong in ("fast", math.nan, math.inf, True, [1]):
        broken = copy.deepcopy(data)
        *way, last = one.published_as.replace("]", "").replace("[", ".").split(".")
        found: Any = broken
        for part in way:
            found = found[int(part)] if isinstance(found, list) else found[part]
        found[last] = wrong
        with pytest.raises(Malformed, match="is no finite number") as refused:
            known.read(broken)
        assert str(refused.value).startswith(f"{one.published_as}: ")


def test_reading_changes_nothing_and_survives_as_json(known: ResultFormat) -> None:
    data = sample(known.name)
    before = copy.deepcopy(data)
    reading = known.read(data)
    assert data == before
    assert from_plain(Reading, to_plain(reading)) == reading


def test_a_suite_without_a_sample_would_be_seen() -> None:
    assert set(SAMPLES) == set(formats.names())
