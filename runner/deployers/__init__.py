"""SEAM: where an engine runs. A member knows nothing of engines: it takes a placement request and a launch."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from runner.domain.campaign import Deploy
from runner.domain.failure import Failure, Phase
from runner.domain.trial import Endpoint, Exit, Launch, Placement
from runner.errors import Problem
from runner.util.plugins import Folder


@dataclass(frozen=True, slots=True)
class PlaceRequest:
    """What an attempt needs of a place. `model_path` is absolute on this host, or a hub id with its `revision`;
    `work_dir` is the attempt's own scratch folder and exists; `labels` mark what we start (tunebook.run,
    tunebook.attempt, tunebook.driver)."""

    attempt_id: str
    model_path: str
    served_model: str
    python: str
    work_dir: Path
    log_path: Path
    labels: Mapping[str, str] = field(default_factory=dict)
    gpus: tuple[str, ...] = ()
    gpu_count: int = 0  # that the campaign gives an attempt, also where somebody else hands them out
    revision: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)  # deploy.options + entry.options (image, ...)
    grace: float = 5.0  # seconds between SIGTERM and SIGKILL when the engine's context is left
    hub_model: Path | None = (
        None  # the hub id's folder in the hub's cache: all of it is here, the engine need ask nobody
    )
    pull_timeout: float = 1800.0  # seconds that fetching an image may take
    should_stop: Callable[[], bool] = lambda: False  # asked while something is fetched
    on_phase: Callable[[Phase], None] = lambda phase: None  # told when `pull` begins
    on_progress: Callable[[str], None] = lambda text: None  # told how far a fetch is, in words


@dataclass(frozen=True, slots=True)
class LoadPlace:
    """Where the load generator runs when that is not this machine. `endpoint` is the engine's as it is seen there; the
    name of the client, its job and its rows follow `command`, which runs here in the client's stead."""

    endpoint: Endpoint
    command: tuple[str, ...]


class Engine(Protocol):
    """A started engine. A context manager: leaving it ends everything it started, on every path."""

    endpoint: Endpoint
    load_place: LoadPlace | None  # None: here
    listens_itself: bool  # whoever listens at its address is one of its processes; not so behind a proxy's port

    def pids(self) -> Set[int] | None:
        """Its processes on this host, by the host's numbers; None where they can not be seen."""
        ...

    def landed(self, placement: Placement) -> Placement:
        """The placement with what is known only now: where somebody else chose the machine, which one it is, and what
        the engine is in. Asked once it serves."""
        ...

    def poll(self) -> Exit | None:
        """None while it runs."""
        ...

    def starved(self) -> bool:
        """Whether the kernel has ended a process of it for memory, even when the rest lives on. Asked once, after a
        failure and before `stop`. False where nobody can tell."""
        ...

    def stop(self, grace: float) -> Exit | None:
        """End the whole group and everything that left it: SIGTERM, `grace` seconds, SIGKILL. Idempotent."""
        ...

    def __enter__(self) -> Engine: ...

    def __exit__(self, *exc: object) -> None: ...


class Deployer(Protocol):
    name: str
    title: str
    options: tuple[str, ...]  # keys of `deploy:` beside kind
    needs_image: bool  # each entry names the image that its engine is in
    leases: bool  # its engines use GPUs and CPUs of this host: those that the attempt has leased

    def check(self, deploy: Deploy) -> list[Problem]:
        """Problems of `deploy:` that need no hardware: unknown option, wrong value, a secret. `tunebook check` shows
        them; `where` is filled in by the caller, from the name of the option that stands quoted in `what`."""
        ...

    def needs(self, deploy: Deploy, gpus: int = 0) -> list[Problem]:
        """What this machine lacks to start engines so, each with `gpus` GPUs (slug `not-ready`). Empty = ready."""
        ...

    def place(self, request: PlaceRequest, deploy: Deploy) -> Placement | Failure:
        """Address, port, model path as the engine will see it. Fetches what the engine is in, an image, and tells
        `request.on_phase`. Reserves nothing that must be given back."""
        ...

    def start(self, launch: Launch, placement: Placement, request: PlaceRequest) -> Engine | Failure:
        """Start the engine; its whole output goes to `request.log_path` from the first byte. Does not wait. After a
        Failure nothing is left of it."""
        ...

    def reap(self, labels: Mapping[str, str], log_path: Path | None = None, deploy: Deploy | None = None) -> list[str]:
        """End whatever carries these labels (and only that), where `deploy` says that it is. Returns what was ended,
        one line each. What it had written and is not in `log_path` yet is added there. Raises NotReady when it can not
        be seen what is left."""
        ...

    def sweep(self, lives: Callable[[str], bool | None]) -> list[str]:
        """End what is ours by its label and has no driver any more: `lives` judges the text of `tunebook.driver`, and
        None is no answer. For what no running file names. Returns as `reap` does; nothing where it can not look."""
        ...


def unknown_options(deploy: Deploy, known: tuple[str, ...]) -> list[Problem]:
    """One problem for each option that the deployer does not know, with the nearest that it knows."""
    found = []
    for name in deploy.options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none, only kind'}"
            found.append(Problem("unknown-option", f"deploy {deploy.kind}: no option {name!r}", hint=hint))
    return found


deployers: Folder[Deployer] = Folder(__name__, "DEPLOYER", "deployer", dashed=True)
