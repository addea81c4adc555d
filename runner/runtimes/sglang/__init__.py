"""SGLang's OpenAI server, started as the module `sglang.launch_server`, which every version has; 0.5.23 would rather
be called `sglang serve`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.domain.campaign import Campaign, Entry
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.parameters import Scalar, Values
from runner.domain.trial import Configuration, Diagnosis, EngineFacts, Exit, Health, Launch, Placement
from runner.errors import Problem
from runner.runtimes import Runtime, _abstract, _flags, _hub_engine, _prometheus, _rules, _signatures
from runner.runtimes.sglang.elsewhere import UNSUPPORTED

HERE = Path(__file__).parent
FLAGS = _flags.load(HERE / "flags.toml")
ABSTRACT = _abstract.load(HERE / "abstract.toml")
RULES = _rules.load(HERE / "rules.toml")
SIGNATURES = _signatures.load(HERE / "signatures.toml", _hub_engine.SIGNATURES)

MODULE = "sglang.launch_server"
RESERVED = ("model-path", "model", "served-model-name", "host", "port", "revision")

OURS: Values = {"enable-metrics": True}
"""Without this flag SGLang serves no `/metrics`: we set it, unless the campaign does. Its counters cost a count."""

GPUS = {"tp-size": "tensor parallel", "pp-size": "pipeline parallel", "dp-size": "data parallel"}

HISTOGRAMS = ("sglang:queue_time_seconds",)

SETTINGS = (
    "attention_backend", "chunked_prefill_size", "context_length", "dtype", "kv_cache_dtype", "max_prefill_tokens",
    "max_running_requests", "max_total_num_tokens", "mem_fraction_static", "page_size", "sampling_backend",
    "schedule_policy",
)  # fmt: skip


class Sglang:
    """Options of an entry: `python`, the interpreter that has sglang (ours when left out); `version`, where the
    image's tag does not tell it."""

    name = "sglang"
    title = "SGLang"
    needs_file = False
    loads_hub = True
    abstract = ABSTRACT
    rules = RULES

    def check(self, entry: Entry) -> list[Problem]:
        return _hub_engine.check(entry, FLAGS, RESERVED, UNSUPPORTED)

    def spoken(self, flags: Values, entry: Entry) -> dict[str, Scalar]:
        return _flags.spoken(flags, FLAGS, OURS)

    def needs(self, entry: Entry) -> list[Problem]:
        return _hub_engine.needs(entry, self.title, ["sglang"], f"run `tunebook engine install {self.name}`")

    def reject(
        self, configuration: Configuration, campaign: Campaign, ground: Ground = NOTHING_KNOWN
    ) -> tuple[str, str] | None:
        inside = configuration.flags.get("enable-dp-attention") is True
        sizes = {flag: what for flag, what in GPUS.items() if not (inside and flag == "dp-size")}
        return (
            _hub_engine.of_another_version(configuration, campaign, FLAGS)
            or _hub_engine.too_many_gpus(configuration, campaign, sizes)
            or _rules.refusal(RULES, configuration, campaign, ground)
        )

    def launch(self, configuration: Configuration, entry: Entry, placement: Placement) -> Launch:
        flags = _hub_engine.revision(placement) + _flags.spell({**OURS, **configuration.flags}, FLAGS)

        def command(python: str, model: str, host: str, port: str) -> tuple[str, ...]:
            names = ("--model-path", model, "--served-model-name", placement.served_model)
            return (python, "-m", MODULE, *names, "--host", host, "--port", port, *flags)

        return Launch(
            argv=command(placement.python, placement.model_path, placement.host, str(placement.port)),
            env=dict(configuration.env),
            health=Health("/health"),
            portable=command("python3", "$MODEL", "127.0.0.1", "$PORT"),
        )

    def diagnose(self, log: str, exit: Exit | None, entry: Entry) -> Diagnosis | None:
        return _signatures.diagnose(log, exit, SIGNATURES)

    def facts(self, base_url: str, log: str) -> EngineFacts:
        """`/server_info` since 0.5.x; its older name answers in every version so far."""
        told = _hub_engine.asked(base_url, "/server_info") or _hub_engine.asked(base_url, "/get_server_info")
        states = told.get("internal_states")
        inner = states[0] if isinstance(states, list) and states and isinstance(states[0], dict) else {}
        known: dict[str, Any] = inner | told
        settings = {name: known[name] for name in SETTINGS if isinstance(known.get(name), str | int | float)}
        return EngineFacts(self.title, str(told.get("version") or "unknown"), "", settings)

    def counters(self, base_url: str) -> Mapping[str, float]:
        return _prometheus.counters(base_url, histograms=HISTOGRAMS)


RUNTIME: Runtime = Sglang()
