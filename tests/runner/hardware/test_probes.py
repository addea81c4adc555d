"""Each probe by itself: the grammar of the simulated one, what a driver may answer, and who is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.domain.hardware import Gpu, HostFacts
from runner.errors import UsageError
from runner.hardware.facts import host_facts
from runner.hardware.probes import asked, gpus_here, state_of
from runner.hardware.probes.metal import Metal
from runner.hardware.probes.nvidia import Nvidia
from runner.hardware.probes.rocm import Rocm
from runner.hardware.probes.simulated import MODELS, VARIABLE, Simulated, parse
from runner.util.codec import from_plain
from tests.fake_nvml import (
    GIB,
    Card,
    FakeNvml,
    NVMLError,
    NVMLError_DriverNotLoaded,
    NVMLError_LibraryNotFound,
    NVMLError_LibRmVersionMismatch,
)


def nvidia(*cards: Card) -> Nvidia:
    fake = FakeNvml(*cards)
    return Nvidia(lambda: fake)


# simulated


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("none", []),
        ("NONE", []),
        ("H100", ["NVIDIA H100 80GB HBM3"]),
        ("h100:2", ["NVIDIA H100 80GB HBM3"] * 2),
        ("H100:1, L4:2", ["NVIDIA H100 80GB HBM3", "NVIDIA L4", "NVIDIA L4"]),
    ],
)
def test_the_variable_names_gpus(text: str, names: list[str]) -> None:
    found = parse(text)
    assert [gpu.name for gpu in found] == names
    assert [gpu.index for gpu in found] == list(range(len(names)))


@pytest.mark.parametrize("word", MODELS)
def test_a_model_is_believable(word: str) -> None:
    [gpu] = parse(word)
    assert 14 * GIB < gpu.memory_bytes < 200 * GIB
    assert gpu.compute_capability is not None
    assert gpu.power_limit_watts is not None
    assert gpu.label == "GPU 0"


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("H10O:2", "'H10O' in 'H10O:2' is no GPU model", "did you mean 'H100'?"),
        ("non", "'non' in 'non' is no GPU model", "did you mean 'none'?"),
        ("?", "'?' in '?' is no GPU model", "known: none, or T4, V100"),
        ("H100:0", "'H100:0' in 'H100:0' is no number of GPUs", "write H100:2"),
        ("H100:two", "'H100:two' in", "write H100:2"),
        ("H100:", "'H100:' in", "write H100:2"),
        ("H100:60,L4:5", "'L4:5' in", "write L4:2"),
        ("H100,,L4", "'' in 'H100,,L4' is no GPU model", "known: none"),
    ],
)
def test_a_bad_value_is_one_error_with_what_was_meant(text: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        Simulated({VARIABLE: text}).unavailable()
    assert what in refused.value.what
    assert VARIABLE in refused.value.what
    assert hint in str(refused.value.hint)


def test_two_processes_mean_the_same_simulated_gpu() -> None:
    """A lease is by UUID: `uuid5` of number and model, so it can be written down here."""
    assert [gpu.uuid for gpu in parse("H100:2")] == [
        "GPU-8b43b889-816c-5337-ae57-462bcda6f8b5",
        "GPU-9768522f-af05-5a8f-a2f3-c73eb1ec3282",
    ]


# who is asked


def test_where_gpus_are_simulated_no_real_one_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "L4:2")
    assert [probe.name for probe in asked()] == ["simulated"]
    first, second = gpus_here()
    assert (first.name, second.index) == ("NVIDIA L4", 1)
    state = state_of(second.uuid)
    assert state is not None
    assert state.utilization == 0.0
    assert host_facts().gpus == (first, second)
    monkeypatch.setenv(VARIABLE, "none")
    assert gpus_here() == ()
    assert host_facts().gpus == ()


def test_a_machine_always_has_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert "cpu" in [probe.name for probe in asked()]


# nvidia


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NVMLError_LibraryNotFound(), "no NVIDIA driver: its library libnvidia-ml.so.1 is not there"),
        (NVMLError_DriverNotLoaded(), "the NVIDIA driver is not loaded"),
        (NVMLError_LibRmVersionMismatch(), "the NVIDIA driver says: RM has detected an NVML/RM version mismatch."),
    ],
)
def test_trouble_of_the_driver_is_a_phrase(error: NVMLError, reason: str) -> None:
    probe = Nvidia(lambda: FakeNvml(refuses=error))
    assert probe.unavailable() == reason
    assert probe.gpus() == ()
    assert probe.state("GPU-0") is None


def test_without_the_package_it_says_so() -> None:
    def load() -> None:
        raise ModuleNotFoundError("No module named 'pynvml'")

    assert Nvidia(load).unavailable() == "the Python package nvidia-ml-py is not installed"


def test_a_driver_without_gpus_is_no_gpu() -> None:
    assert nvidia().unavailable() == "the NVIDIA driver sees no GPU"


def test_the_facts_of_a_gpu() -> None:
    [gpu] = nvidia(Card("GPU-0", mig=[0, 0])).gpus()
    assert gpu == Gpu(
        uuid="GPU-0",
        name="NVIDIA H100 80GB HBM3",
        memory_bytes=80 * GIB,
        index=0,
        driver="580.95.05",
        cuda="12.8",
        compute_capability="9.0",
        mig=False,
        power_limit_watts=700.0,
        max_sm_mhz=1980,
        max_memory_mhz=2619,
    )


def test_the_parts_of_a_cut_gpu_stand_for_it() -> None:
    cut = Card("GPU-1", mig=[1, 1], parts=[Card("MIG-a", "H100 MIG 1g.10gb", 10 * GIB), Card("MIG-b", total=10 * GIB)])
    found = nvidia(Card("GPU-0"), cut).gpus()
    assert [(gpu.uuid, gpu.parent, gpu.index) for gpu in found] == [
        ("GPU-0", None, 0),
        ("MIG-a", "GPU-1", 1),
        ("MIG-b", "GPU-1", 1),
    ]
    assert found[1].memory_bytes == 10 * GIB
    assert found[1].label == "GPU MIG-a"
    assert found[1].compute_capability == "9.0"


@pytest.mark.parametrize("question", ["power", "temperature", "clocks", "capability", "mig", "name"])
def test_what_a_driver_does_not_say_is_none_and_no_more(question: str) -> None:
    probe = nvidia(Card("GPU-0", mig=[0, 0], mute=(question,)))
    [gpu] = probe.gpus()
    told = {
        "power": gpu.power_limit_watts,
        "clocks": gpu.max_sm_mhz,
        "capability": gpu.compute_capability,
        "mig": gpu.mig,
        "temperature": getattr(probe.state("GPU-0"), "temperature_celsius", 0),
        "name": None if gpu.name == "NVIDIA GPU" else gpu.name,
    }
    assert told[question] is None
    assert [name for name, value in told.items() if value is None] == [question]


def test_what_a_gpu_does_now() -> None:
    state = nvidia(Card("GPU-0", busy=93, used=70 * GIB, reasons=0x04 | 0x40 | 0x01, pids=(9, 7, 9))).state("GPU-0")
    assert state is not None
    assert (state.utilization, state.memory_used_bytes) == (0.93, 70 * GIB)
    assert (state.power_watts, state.temperature_celsius) == (123.456, 41.0)
    assert (state.sm_mhz, state.memory_mhz) == (1755, 2619)
    assert state.throttled == ("power cap", "hardware thermal slowdown")
    assert (state.ecc_errors, state.pids) == (0, (7, 9))


def test_a_gpu_that_fell_off_the_bus_is_gone_and_the_others_stay() -> None:
    probe = nvidia(Card("GPU-0", lost=True), Card("GPU-1"))
    assert [gpu.uuid for gpu in probe.gpus()] == ["GPU-1"]
    assert probe.state("GPU-0") is None
    assert probe.state("GPU-1") is not None


def test_a_driver_that_was_replaced_is_opened_anew() -> None:
    fake = FakeNvml(Card("GPU-0"))
    probe = Nvidia(lambda: fake)
    assert len(probe.gpus()) == 1
    fake.is_open = False
    assert probe.unavailable() == "the NVIDIA driver says: Uninitialized"
    assert len(probe.gpus()) == 1
    assert fake.opened == 2


# vendors that are only recognised


def test_amd_gpus_are_recognised(tmp_path: Path) -> None:
    for number, simds in enumerate((0, 304)):
        node = tmp_path / str(number)
        node.mkdir()
        (node / "properties").write_text(f"cpu_cores_count {8 - number}\nsimd_count {simds}\n", encoding="utf-8")
    assert Rocm(tmp_path, {"rocm-smi": "/opt/rocm/bin/rocm-smi"}.get).unavailable() is None
    assert "neither rocm-smi nor amd-smi" in str(Rocm(tmp_path, lambda name: None).unavailable())
    assert "shows no GPU" in str(Rocm(tmp_path / "0", lambda name: name).unavailable())


@pytest.mark.parametrize(
    ("system", "machine", "reason"),
    [
        ("Darwin", "arm64", None),
        ("Darwin", "x86_64", "no Apple GPU in a machine of type x86_64"),
        ("Linux", "aarch64", "Metal is Apple's and this is Linux"),
    ],
)
def test_apple_gpus_are_recognised(system: str, machine: str, reason: str | None) -> None:
    assert Metal(system, machine).unavailable() == reason


# records


def test_a_record_without_the_newer_facts_is_read() -> None:
    """Sealed records are never rewritten."""
    old = {
        "host": "gpu-1", "boot_id": "b", "cpu_model": "x", "cpu_count": 8, "memory_bytes": 1, "os": "o", "kernel": "k",
        "python": "3.11.2", "gpus": [{"uuid": "GPU-0", "name": "NVIDIA L4", "memory_bytes": 24 * GIB}],
    }  # fmt: skip
    assert from_plain(HostFacts, old).gpus == (Gpu("GPU-0", "NVIDIA L4", 24 * GIB),)
