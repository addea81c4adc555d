"""What live servers are asked: a stand-in on loopback gives the answers that the engines' sources give."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runner.runtimes import runtimes

PAGES: dict[str, Any] = {}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = PAGES.get(self.path)
        body = (found if isinstance(found, str) else json.dumps(found)).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    PAGES.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


VLLM_METRICS = """\
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 3.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
# TYPE vllm:num_preemptions_total counter
vllm:num_preemptions_total{engine="0",model_name="m"} 2.0
# TYPE vllm:num_preemptions_created gauge
vllm:num_preemptions_created{engine="0",model_name="m"} 1.7e+09
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 1000.0
vllm:prefix_cache_queries_total{engine="1",model_name="m"} 500.0
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 640.0
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="m"} 1500.0
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="m"} 320.0
# TYPE vllm:request_queue_time_seconds histogram
vllm:request_queue_time_seconds_bucket{engine="0",le="0.3",model_name="m"} 8.0
vllm:request_queue_time_seconds_bucket{engine="0",le="+Inf",model_name="m"} 10.0
vllm:request_queue_time_seconds_sum{engine="0",model_name="m"} 4.5
vllm:request_queue_time_seconds_count{engine="0",model_name="m"} 10.0
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",cache_dtype="auto",enable_prefix_caching="True",num_gpu_blocks="7091",x="1"} 1.0
"""


def test_what_vllm_counts(url: str) -> None:
    PAGES["/metrics"] = VLLM_METRICS
    assert runtimes.get("vllm").counters(url) == {
        "vllm:num_preemptions_total": 2.0,
        "vllm:prefix_cache_queries_total": 1500.0,
        "vllm:prefix_cache_hits_total": 640.0,
        "vllm:prompt_tokens_total": 1500.0,
        "vllm:generation_tokens_total": 320.0,
        "vllm:request_queue_time_seconds_sum": 4.5,
        "vllm:request_queue_time_seconds_count": 10.0,
    }


def test_who_vllm_says_it_is(url: str) -> None:
    PAGES["/version"] = {"version": "0.33.0"}
    PAGES["/v1/models"] = {"object": "list", "data": [{"id": "m", "max_model_len": 8192}]}
    PAGES["/metrics"] = VLLM_METRICS
    facts = runtimes.get("vllm").facts(
        url, "INFO [kv_cache_utils.py:1148] GPU KV cache size: 113,456 tokens, 7091 blocks"
    )
    assert (facts.name, facts.version) == ("vLLM", "0.33.0")
    assert facts.settings == {
        "max_model_len": 8192,
        "block_size": "16",
        "cache_dtype": "auto",
        "enable_prefix_caching": "True",
        "num_gpu_blocks": "7091",
        "kv_cache_tokens": 113456,
    }


@pytest.mark.parametrize("path", ["/server_info", "/get_server_info"])
def test_who_sglang_says_it_is(url: str, path: str) -> None:
    state = {"max_total_num_tokens": 131072, "last_gen_throughput": 3.5}
    PAGES[path] = {"version": "0.5.23", "dtype": "auto", "kv_cache_dtype": None, "internal_states": [state]}
    facts = runtimes.get("sglang").facts(url, "")
    assert (facts.name, facts.version) == ("SGLang", "0.5.23")
    assert facts.settings == {"dtype": "auto", "max_total_num_tokens": 131072}


def test_what_sglang_counts(url: str) -> None:
    PAGES["/metrics"] = (
        "# TYPE sglang:num_queue_reqs gauge\nsglang:num_queue_reqs 2.0\n"
        "# TYPE sglang:cached_tokens_total counter\nsglang:cached_tokens_total 512.0\n"
        "# TYPE sglang:num_retracted_requests_total counter\nsglang:num_retracted_requests_total 1.0\n"
        "# TYPE sglang:queue_time_seconds histogram\nsglang:queue_time_seconds_sum 0.5\n"
        "sglang:queue_time_seconds_count 4.0\n"
    )
    assert runtimes.get("sglang").counters(url) == {
        "sglang:cached_tokens_total": 512.0,
        "sglang:num_retracted_requests_total": 1.0,
        "sglang:queue_time_seconds_sum": 0.5,
        "sglang:queue_time_seconds_count": 4.0,
    }


def test_tensorrt_llm_counts_below_another_path_and_its_queue_of_statistics_is_not_emptied(url: str) -> None:
    PAGES["/version"] = {"version": "1.2.1"}
    PAGES["/metrics"] = []
    PAGES["/prometheus/metrics"] = (
        "# TYPE trtllm_request_success_total counter\n"
        'trtllm_request_success_total{finished_reason="length",model_name="undefined"} 7.0\n'
    )
    runtime = runtimes.get("tensorrt_llm")
    assert runtime.counters(url) == {"trtllm_request_success_total": 7.0}
    assert runtime.facts(url, "").version == "1.2.1"


@pytest.mark.parametrize("name", ["vllm", "sglang", "tensorrt_llm"])
@pytest.mark.parametrize("answer", ["no json", [], {"version": None, "data": 3, "internal_states": "x"}])
def test_an_answer_of_another_shape_is_no_error(url: str, name: str, answer: Any) -> None:
    for path in ("/version", "/v1/models", "/server_info", "/metrics"):
        PAGES[path] = answer
    assert runtimes.get(name).facts(url, "").version == "unknown"
    assert runtimes.get(name).counters(url) == {}
