"""What the shim needs of genai-bench: every private name, looked for before it is replaced, and what stands in place of
its tokenizer and its log. Runs in genai-bench's interpreter, beside `shim.py`."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any

VERSION = "0.0.5"
NAMES = {
    "genai_bench.cli.cli": (
        "cli", "Environment", "validate_tokenizer", "get_run_params", "manage_run_time", "create_workbook",
        "load_one_experiment", "plot_experiment_data_flexible", "plot_single_scenario_inference_speed_vs_throughput",
    ),
    "genai_bench.user.openai_user": (
        "requests.post", "requests.exceptions", "OpenAIUser.sample", "OpenAIUser.send_request",
        "OpenAIUser.collect_metrics", "OpenAIUser.chat", "OpenAIUser.embeddings",
    ),
    "genai_bench.metrics.aggregated_metrics_collector": (
        "AggregatedMetricsCollector.aggregate_metrics_data", "AggregatedMetricsCollector.save",
        "AggregatedMetricsCollector.set_run_metadata", "AggregatedMetricsCollector.clear",
    ),
    "genai_bench.logging": ("LoggingManager.get_file_handler", "LoggingManager.get_console_handler"),
    "genai_bench.protocol": ("UserChatRequest", "UserEmbeddingRequest", "UserResponse"),
}  # fmt: skip
"""Everything private that is replaced or used. A genai-bench that lacks one is another program."""

LOG_LINE, LOG_BYTES = 400, 256 * 1024


class Unfit(Exception):
    """This genai-bench is not the one that this file was written for."""


def load() -> dict[str, Any]:
    """Every module of NAMES. Raises Unfit with all that is missing."""
    try:
        importlib.import_module("genai_bench")  # first: it patches the standard library for gevent
        found = importlib.import_module("importlib.metadata").version("genai-bench")
        if found != VERSION:
            raise Unfit(f"genai-bench {found} is installed, and {VERSION} is driven")
        modules = {name: importlib.import_module(name) for name in NAMES}
    except ImportError as error:
        raise Unfit(f"genai-bench can not be imported: {error}") from None
    missing = [f"{name}.{path}" for name, paths in NAMES.items() for path in paths if not has(modules[name], path)]
    if missing:
        raise Unfit(f"genai-bench {found} has no {', '.join(missing)}")
    return modules


def has(thing: Any, path: str) -> bool:
    for name in path.split("."):
        if not hasattr(thing, name):
            return False
        thing = getattr(thing, name)
    return True


class Words:
    """In place of a tokenizer. genai-bench asks it only where a server does not count; chunks are counted then."""

    def encode(self, text: str, **_more: Any) -> list[str]:
        return text.split()


class ShortLog(logging.Handler):
    """Its console log: shortened lines, and a last one when it has grown enough."""

    def __init__(self) -> None:
        super().__init__()
        self.left = LOG_BYTES

    def emit(self, record: logging.LogRecord) -> None:
        if self.left <= 0:
            return
        text = f"{record.levelname} {record.name}: {record.getMessage()}".replace("\n", " | ")
        if len(text) > LOG_LINE:
            text = f"{text[:LOG_LINE]}..."
        self.left -= len(text)
        sys.stderr.write(text + "\n")
        if self.left <= 0:
            sys.stderr.write("genai-bench said more, which is left out\n")
        sys.stderr.flush()
