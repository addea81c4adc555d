"""A workload as OME's own benchmark takes it, and what it can not take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml

from runner.domain.campaign import Campaign, Hardware, LoadSearch, Scenario
from runner.domain.load import LoadKind, Prefix
from runner.render.benchmark_job import benchmark_job, lacking
from tests import make


def on_gpus(gpu: str) -> Campaign:
    of = make.campaign()
    entry = replace(of.entries[0], runtime="vllm")
    workload = replace(of.workload, each_level=replace(of.workload.each_level, duration=90.0, requests=None))
    return replace(of, hardware=Hardware(gpus=2, gpu=gpu), entries=(entry, *of.entries[1:]), workload=workload)


def test_text_is_golden(golden: Callable[[str, str], None]) -> None:
    of = on_gpus("NVIDIA-H100-80GB-HBM3")
    golden("kubernetes/benchmark-job.yaml", benchmark_job(of, make.attempt(of, 4)))


def test_a_gpu_that_the_resource_does_not_know_is_left_out() -> None:
    of = on_gpus("L4")
    spec = yaml.safe_load(benchmark_job(of, make.attempt(of, 4)))["spec"]
    assert "serviceMetadata" not in spec
    assert spec["maxTimePerIteration"] == 2, "whole minutes, not fewer than asked"


def test_what_can_not_be_said() -> None:
    of = make.campaign()
    assert lacking(of) is None
    for changed, told in (
        (replace(of.workload, load_kind=LoadKind.RATE), "the load is rate"),
        (replace(of.workload, load_search=LoadSearch(1, 8)), "this one is searched"),
        (replace(of.workload, scenarios=(Scenario("trace", "trace", 0, 0),)), "trace can not be said"),
        (replace(of.workload, prefix=Prefix(length=64)), "a shared prefix can not be said"),
    ):
        why = lacking(replace(of, workload=changed))
        assert why is not None
        assert told in why


@pytest.mark.parametrize("gpu", ["A100", "MI300"])
def test_the_engine_is_told_where_the_resource_knows_it(gpu: str) -> None:
    of = on_gpus(gpu)
    told = yaml.safe_load(benchmark_job(of, make.attempt(of, 4)))["spec"]["serviceMetadata"]
    assert (told["engine"], told["gpuType"], told["gpuCount"]) == ("vLLM", gpu, 2)
