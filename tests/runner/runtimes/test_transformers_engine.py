"""The real `transformers serve` with a real model, converted for it: it serves, and it fails as its flags provoke.

Runs where `tunebook engine install transformers` was run, or TUNEBOOK_TRANSFORMERS_PYTHON names an interpreter that
has it. Half a minute, and half a minute more where the model is not converted yet.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from runner.domain.campaign import Timeouts
from runner.domain.failure import Cause, Phase
from runner.domain.parameters import Scalar
from runner.domain.trial import Exit
from runner.runtimes.transformers import RUNTIME
from runner.util import net
from tests.runner.runtimes._real_engine import RealEngine

pytestmark = pytest.mark.heavy

ENGINE = RealEngine(
    RUNTIME,
    "transformers",
    Timeouts(load=180, ready=120, no_progress=180, stop=5),
    flags={"device": "cpu"},
    env={"OMP_NUM_THREADS": "1"},
)
PAGED: dict[str, Scalar] = {"continuous-batching": True, "cb-block-size": 32, "cb-num-blocks": 64}


@pytest.fixture(scope="module")
def folder() -> Path:
    return ENGINE.folder()


@pytest.mark.parametrize("flags", [{}, PAGED], ids=["one by one", "continuous batching"])
def test_it_serves_says_who_it_is_and_answers_to_the_asked_length(
    tmp_path: Path, folder: Path, flags: dict[str, Scalar]
) -> None:
    with ENGINE.started(tmp_path, folder, flags) as one:
        assert one.failure is None
        status, said = one.ask(7)
        assert (status, said["usage"]["completion_tokens"]) == (200, 7)
        assert one.ask(60)[1]["choices"][0]["finish_reason"] == "stop"
        status, said = one.ask(60, **one.launch.ignore_eos)
        assert (status, said["usage"]["completion_tokens"]) == (200, 60)
        assert one.log.count("CB: True") == (4 if flags else 0)
        facts = RUNTIME.facts(one.url, one.log)
        assert RUNTIME.counters(one.url) == {}
        assert one.engine.poll() is None
        one.engine.stop(10.0)
    assert facts.name == "Transformers"
    assert facts.version[0].isdigit()
    assert facts.build.startswith("torch ")
    assert facts.settings["OMP_NUM_THREADS"] == "1"


def test_an_unknown_flag(tmp_path: Path, folder: Path) -> None:
    found, ended = ENGINE.fails(tmp_path, folder, {"cb-num-block": 3})
    assert (found.cause, found.phase, ended) == (Cause.BAD_FLAG, Phase.START, Exit(2))
    assert "--cb-num-block" in found.evidence


def test_a_taken_port(tmp_path: Path, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0.0)
        found, _ = ENGINE.fails(tmp_path, folder, port=taken.getsockname()[1])
    assert (found.cause, found.phase) == (Cause.PORT, Phase.START)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found, _ = ENGINE.fails(tmp_path, tmp_path / "empty", {})
    assert (found.cause, found.phase) == (Cause.MODEL_MISSING, Phase.LOAD)


def test_a_request_that_the_cache_can_not_hold_ends_the_worker_and_not_the_server(tmp_path: Path, folder: Path) -> None:
    """The pre-check counts the tokens of the workload; a chat template adds some."""
    with ENGINE.started(tmp_path, folder, PAGED | {"cb-num-blocks": 4}) as one:
        assert one.failure is None
        body = {"model": one.engine.endpoint.model, "max_tokens": 8, "stream": True}
        body |= {"messages": [{"role": "user", "content": " ".join(map(str, range(200)))}]}
        _, text = net.post_json(f"{one.url}/v1/chat/completions", body, 120)
        assert b"No requests can be scheduled" in text
        assert one.engine.poll() is None
        found = RUNTIME.diagnose(one.log, None, ENGINE.entry)
        assert net.get(f"{one.url}/health", 10)[0] == 503
    assert found is not None
    assert (found.cause, found.fatal) == (Cause.KV_TOO_SMALL, True)


def test_a_cache_larger_than_the_memory_is_known_at_the_first_request(tmp_path: Path, folder: Path) -> None:
    with ENGINE.started(tmp_path, folder, PAGED | {"cb-num-blocks": 4_000_000}) as one:
        assert one.failure is not None
        assert one.failure.phase is Phase.READY
        found = RUNTIME.diagnose(one.log, one.engine.poll(), ENGINE.entry)
    assert found is not None
    assert (found.cause, found.fatal) == (Cause.OOM_LOAD, True)
