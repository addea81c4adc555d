"""How many attempts fit on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner import slots
from runner.campaign.load import load
from runner.domain.campaign import Campaign, Deploy, Hardware
from runner.hardware.cores import Core, Cores
from runner.slots import slots_here
from tests.stories._world import write_campaign


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "L4:1,H100:5")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return load(write_campaign(tmp_path))


@pytest.mark.parametrize(
    ("gpus", "gpu", "wanted", "most"),
    [(1, "H100", 3, 3), (1, "H100", 9, 5), (2, "H100", 9, 2), (2, None, 9, 3), (5, "H100", 2, 1), (1, "L4", 1, 1)],
)
def test_as_many_as_there_are_gpus_for(campaign: Campaign, gpus: int, gpu: str | None, wanted: int, most: int) -> None:
    found, why = slots_here(replace(campaign, hardware=Hardware(gpus=gpus, gpu=gpu)), wanted)
    assert found == most
    assert bool(why) == (most < wanted)


def test_fewer_are_told_with_the_reason(campaign: Campaign) -> None:
    _, why = slots_here(replace(campaign, hardware=Hardware(gpus=2, gpu="H100")), 4)
    assert why == "2 of 4 slots: an attempt takes 2x H100, and 5 are here"


def test_what_is_hidden_from_us_gives_no_slot(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    assert slots_here(replace(campaign, hardware=Hardware(gpus=1, gpu="H100")), 5)[0] == 2


def test_one_on_cpu_and_one_at_a_live_server(campaign: Campaign) -> None:
    why = "without GPUs an attempt has the whole machine; hardware.cpus gives each CPUs of its own"
    assert slots_here(campaign, 2) == (1, f"1 of 2 slots: {why}")
    attached = replace(campaign, deploy=Deploy("attach"), hardware=Hardware(gpus=1))
    assert slots_here(attached, 2) == (1, "1 of 2 slots: one live server takes one load at a time")


def test_as_many_as_have_cpus_of_their_own(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "cores_here", lambda: Cores(tuple(Core((n,)) for n in range(8)), 8))
    pinned = replace(campaign, hardware=Hardware(cpus=2))
    assert slots_here(pinned, 2) == (2, "")
    why = "an attempt takes 2 CPUs and 1 for its load generator, in whole cores, of 8"
    assert slots_here(pinned, 3) == (2, f"2 of 3 slots: {why}")


@pytest.mark.parametrize(
    ("hardware", "label"),
    [
        (Hardware(), "CPU"),
        (Hardware(cpus=1), "1 CPU"),
        (Hardware(cpus=4, client_cpus=0), "4 CPUs shared with the client"),
        (Hardware(cpus=4, client_cpus=2), "4 CPUs and 2 of the client"),
        (Hardware(gpus=2, gpu="H100", cpus=8), "2x H100, 8 CPUs"),
    ],
)
def test_what_is_pinned_stands_in_the_label_that_numbers_are_grouped_by(hardware: Hardware, label: str) -> None:
    assert hardware.label == label


def test_gpus_and_cpus_both_bound_them(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "cores_here", lambda: Cores(tuple(Core((n,)) for n in range(8)), 8))
    both = replace(campaign, hardware=Hardware(gpus=1, gpu="H100", cpus=3))
    why = "an attempt takes 3 CPUs and 1 for its load generator, in whole cores, of 8"
    assert slots_here(both, 9) == (2, f"2 of 9 slots: {why}")
    assert slots_here(replace(both, hardware=Hardware(gpus=5, gpu="H100", cpus=1)), 9)[0] == 1
