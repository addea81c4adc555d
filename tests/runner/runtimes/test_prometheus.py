from __future__ import annotations

from runner.runtimes._prometheus import parse

PAGE = """\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 31
# TYPE llamacpp:n_tokens_max counter
llamacpp:n_tokens_max 77
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 2
# TYPE vllm:request_success_total counter
vllm:request_success_total{finished_reason="stop, {x} 9",model_name="m"} 5.0
vllm:request_success_total{finished_reason="length",model_name="m"} 2.0 1395066363000
# TYPE vllm:preemptions counter
vllm:preemptions_total 1e+03
# TYPE vllm:bad_total counter
vllm:bad_total NaN
vllm:broken_total
untyped_total 4

"""


def test_counters_are_read_and_summed_over_labels() -> None:
    assert parse(PAGE) == {
        "llamacpp:prompt_tokens_total": 31.0,
        "vllm:request_success_total": 7.0,
        "vllm:preemptions_total": 1000.0,
    }


def test_what_is_no_metrics_page_has_no_counters() -> None:
    assert parse("<html>not found</html>") == {}
