"""TensorRT-LLM's OpenAI server, the command `trtllm-serve`.

It is started as the module behind that command: the interpreter of an entry or of an image is what a deployer knows,
and both start the same function. Flags are written with underscores, as the command takes them.

The server has no flag for its name in requests up to 1.2; it answers whatever name a request carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner.domain.campaign import Campaign, Entry
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.parameters import Scalar, Values
from runner.domain.trial import Configuration, Diagnosis, EngineFacts, Exit, Health, Launch, Placement
from runner.errors import Problem
from runner.runtimes import Runtime, _abstract, _flags, _hub_engine, _prometheus, _rules, _signatures
from runner.runtimes.tensorrt_llm.elsewhere import UNSUPPORTED

HERE = Path(__file__).parent
FLAGS = _flags.load(HERE / "flags.toml")
ABSTRACT = _abstract.load(HERE / "abstract.toml")
RULES = _rules.load(HERE / "rules.toml")
SIGNATURES = _signatures.load(HERE / "signatures.toml", _hub_engine.SIGNATURES)

MODULE = "tensorrt_llm.commands.serve"
RESERVED = ("model", "host", "port", "served_model_name", "revision")

GPUS = {
    "tp_size": "tensor parallel",
    "pp_size": "pipeline parallel",
    "cp_size": "context parallel",
}

PROMETHEUS = "/prometheus"
"""Its `/metrics` is a queue of statistics as JSON, emptied by reading it. Counters stand below this path, where
`return_perf_metrics: true` stands in the file of `extra_llm_api_options`."""


class TensorRTLLM:
    """Options of an entry: `python`, the interpreter that has tensorrt_llm (ours when left out); `version`, where the
    image's tag does not tell it."""

    name = "tensorrt_llm"
    title = "TensorRT-LLM"
    needs_file = False
    loads_hub = True
    needs_folder = True
    abstract = ABSTRACT
    rules = RULES

    def check(self, entry: Entry) -> list[Problem]:
        return _hub_engine.check(entry, FLAGS, RESERVED, UNSUPPORTED)

    def spoken(self, flags: Values, entry: Entry) -> dict[str, Scalar]:
        return _flags.spoken(flags, FLAGS)

    def needs(self, entry: Entry) -> list[Problem]:
        return _hub_engine.needs(
            entry, self.title, ["tensorrt_llm"], "NVIDIA ships it in container images: `deploy: docker`"
        )

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

        def command(start: tuple[str, ...], model: str, host: str, port: str) -> tuple[str, ...]:
            return (*start, model, "--host", host, "--port", port, *flags)

        return Launch(
            argv=command((placement.python, "-m", MODULE), placement.model_path, placement.host, str(placement.port)),
            env=dict(configuration.env),
            health=Health("/health"),
            portable=command(("trtllm-serve",), "$MODEL", "127.0.0.1", "$PORT"),
        )

    def diagnose(self, log: str, exit: Exit | None, entry: Entry) -> Diagnosis | None:
        return _signatures.diagnose(log, exit, SIGNATURES)

    def facts(self, base_url: str, log: str) -> EngineFacts:
        version = str(_hub_engine.asked(base_url, "/version").get("version") or "unknown")
        return EngineFacts(self.title, version)

    def counters(self, base_url: str) -> Mapping[str, float]:
        return _prometheus.counters(f"{base_url}{PROMETHEUS}")


RUNTIME: Runtime = TensorRTLLM()
