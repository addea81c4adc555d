"""What every GPU probe promises, whatever the machine has; those with GPUs to show are given some."""

from __future__ import annotations

import pytest

from runner.domain.hardware import Gpu
from runner.hardware.probes import PROBES, Probe
from runner.hardware.probes.nvidia import Nvidia
from runner.hardware.probes.simulated import Simulated
from runner.util.codec import from_plain, to_plain
from tests.fake_nvml import GIB, Card, FakeNvml, NVMLError_LibraryNotFound

CUT = Card("GPU-2", mig=[1, 1], parts=[Card("MIG-1", "NVIDIA H100 MIG 1g.10gb", 10 * GIB, mute=("utilization",))])


def equipped() -> dict[str, Probe]:
    """Members of the folder as they stand on this machine, and those that can be given GPUs with some."""
    members: dict[str, Probe] = {f"{name}, here": PROBES.get(name) for name in PROBES.names()}
    members["simulated, with GPUs"] = Simulated({"TUNEBOOK_FAKE_GPUS": "H100:2,L4:1"})
    members["nvidia, with GPUs"] = Nvidia(lambda: FakeNvml(Card("GPU-0", mig=[0, 0]), Card("GPU-1"), CUT))
    members["nvidia, without driver"] = Nvidia(lambda: FakeNvml(refuses=NVMLError_LibraryNotFound()))
    return members


@pytest.fixture(params=equipped())
def probe(request: pytest.FixtureRequest) -> Probe:
    return equipped()[str(request.param)]


def test_it_says_why_it_sees_nothing(probe: Probe) -> None:
    reason = probe.unavailable()
    if reason is not None:
        assert reason == reason.strip()
        assert reason
        assert "\n" not in reason
        assert "Traceback" not in reason
        assert probe.gpus() == ()


def test_every_gpu_has_a_uuid_of_its_own_a_name_and_memory(probe: Probe) -> None:
    found = probe.gpus()
    assert len({gpu.uuid for gpu in found}) == len(found)
    for gpu in found:
        assert gpu.uuid.startswith(("GPU-", "MIG-"))
        assert gpu.name
        assert gpu.memory_bytes > 2**30
        assert from_plain(Gpu, to_plain(gpu)) == gpu


def test_asking_again_gives_the_same_gpus(probe: Probe) -> None:
    assert probe.gpus() == probe.gpus()


def test_a_state_is_within_what_the_gpu_has(probe: Probe) -> None:
    for gpu in probe.gpus():
        state = probe.state(gpu.uuid)
        assert state is not None
        assert state.memory_used_bytes is not None
        assert 0 <= state.memory_used_bytes <= gpu.memory_bytes
        assert state.utilization is None or 0 <= state.utilization <= 1
        assert state.power_watts is None or 0 <= state.power_watts < 5000


def test_a_stranger_has_no_state(probe: Probe) -> None:
    assert probe.state("GPU-00000000-0000-0000-0000-000000000000") is None


def test_what_was_cut_into_parts_is_not_given_away_as_a_whole(probe: Probe) -> None:
    found = probe.gpus()
    assert {gpu.parent for gpu in found} & {gpu.uuid for gpu in found} == set()
    assert [gpu for gpu in found if gpu.mig] == []
