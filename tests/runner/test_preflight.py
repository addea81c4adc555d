"""Whether this machine has the hardware of a campaign, asked before its first attempt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.campaign import Deploy, Hardware
from runner.errors import OtherHardware
from runner.preflight import refuse_unless_ready
from tests import make


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "H100:2")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def refusal(hardware: Hardware, deploy: Deploy | None = None) -> str | None:
    """What a campaign for this hardware is refused with, if it is because of the hardware."""
    of = replace(make.campaign(), hardware=hardware, deploy=deploy or Deploy("local"))
    of = replace(of, entries=tuple(replace(entry, runtime="simulated") for entry in of.entries))
    of = replace(of, model=replace(of.model, id="simulated/tiny"))
    try:
        refuse_unless_ready(of, Path())
    except OtherHardware as error:
        [problem] = error.problems()
        return problem.what
    return None


def test_gpus_that_are_there_are_no_reason_to_refuse() -> None:
    assert refusal(Hardware()) is None
    assert refusal(Hardware(gpus=2)) is None
    assert refusal(Hardware(gpus=1, gpu="h100")) is None


@pytest.mark.parametrize("hardware", [Hardware(gpus=3), Hardware(gpus=1, gpu="H200")])
def test_too_few_or_others_are(hardware: Hardware) -> None:
    said = refusal(hardware)
    assert said is not None
    assert f"asks for {hardware.label} and this machine has 2x NVIDIA H100 80GB HBM3" in said


def test_a_server_elsewhere_needs_none_here() -> None:
    assert refusal(Hardware(gpus=8, gpu="B200"), Deploy("attach", {"url": "http://h:1"})) is None
