"""What tokens take, in words and from the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from report.cost import cheapest, loads_text, machine_time, per_million, price
from report.gather import gather, prepare
from report.publish import Publisher
from runner.store.reader import open_snapshot
from tests import make


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[dict[str, Any]]]]:
    results: Path = tmp_path_factory.mktemp("cost") / "results"
    make.write_store(results)
    make.write_gpus(results)
    make.write_all_failed(results)
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        yield gather(connection, ("costs", "spent", "leaderboard"), Publisher([]))


@pytest.mark.parametrize(
    ("hours", "gpus", "text"),
    [
        (None, 1, "–"),
        (0.5, 2, "30 GPU-minutes"),
        (1.234, 1, "1.23 GPU-hours"),
        (12.0, 0, "12 machine-hours"),
        (0.001, 0, "3.6 machine-seconds"),
    ],
)
def test_machine_time_says_of_what(hours: float | None, gpus: int, text: str) -> None:
    assert machine_time(hours, gpus) == text


@pytest.mark.parametrize(
    ("amount", "text"), [(None, "–"), (12.345, "12.35 USD"), (0.1, "0.10 USD"), (0.0123, "0.012 USD")]
)
def test_a_price_keeps_its_digits(amount: float | None, text: str) -> None:
    assert price(amount, "USD") == text


@pytest.mark.parametrize(
    ("joules", "text"), [(None, "–"), (0.42, "420 kJ"), (3.0, "3 MJ"), (2500.0, "2.5 GJ"), (1e-7, "0.1 J")]
)
def test_energy_is_that_of_a_million_tokens(joules: float | None, text: str) -> None:
    assert per_million(joules) == text


def test_loads_are_a_range() -> None:
    assert loads_text({"load_kind": "concurrency", "load_low": 1.0, "load_high": 8.0}) == "1 user to 8 users"
    assert loads_text({"load_kind": "rate", "load_low": 2.0, "load_high": 2.0}) == "2 requests/s"


def test_time_and_price_follow_from_throughput(data: dict[str, list[dict[str, Any]]]) -> None:
    """2.49 USD per hour of one GPU, as tests.make has it."""
    gpu = [row for row in data["costs"] if row["campaign_name"] == "smollm-gpu"]
    assert gpu
    for row in gpu:
        assert row["hours"] == pytest.approx(1e6 / row["output_throughput"] / 3600)
        assert row["price"] == pytest.approx(2.49 * row["hours"])
        assert row["currency"] == "USD"
    cpu = [row for row in data["costs"] if row["campaign_name"] == "smollm-cpu"]
    assert cpu
    assert all(row["price"] is None and row["gpus"] == 0 for row in cpu)


def test_the_cheapest_load_of_each_trial(data: dict[str, list[dict[str, Any]]]) -> None:
    found = cheapest(data["costs"])
    for row in found:
        mine = [
            one
            for one in data["costs"]
            if (one["campaign_name"], one["number"]) == (row["campaign_name"], row["number"])
        ]
        assert row["hours"] == min(one["hours"] for one in mine)
    assert len({(row["campaign_name"], row["number"]) for row in data["costs"]}) == len(found)


def test_what_measuring_took_counts_failures(data: dict[str, list[dict[str, Any]]]) -> None:
    by = {row["campaign_name"]: row for row in data["spent"]}
    assert by["smollm-hopeless"]["hours_lost"] == by["smollm-hopeless"]["hours"] > 0
    assert 0 < by["smollm-cpu"]["hours_lost"] < by["smollm-cpu"]["hours"]
    assert by["smollm-gpu"]["price"] == pytest.approx(2.49 * by["smollm-gpu"]["hours"], rel=1e-3)


def test_the_leaderboard_has_every_campaign_once(data: dict[str, list[dict[str, Any]]]) -> None:
    by = {row["campaign"]: row for row in data["leaderboard"]}
    assert len(by) == len(data["leaderboard"]) == 3
    assert by["smollm-hopeless"]["number"] is None
    assert by["smollm-cpu"]["verdict"] == "better"
    assert by["smollm-cpu"]["low"] > 0
    assert by["smollm-gpu"]["price"] > 0
