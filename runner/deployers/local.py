"""The engine as a process on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Set
from pathlib import Path

from runner.deployers import Deployer, Engine, LoadPlace, PlaceRequest, unknown_options
from runner.domain.campaign import Deploy
from runner.domain.trial import Endpoint, Exit, Launch, Placement
from runner.errors import EngineMissing, Problem
from runner.util import environment, net, process, procfs
from runner.util.files import disk_errors

HOST = "127.0.0.1"
REAP_GRACE = 2.0


class LocalEngine:
    """An engine in a session of its own. It belongs to whoever holds this object."""

    listens_itself = True
    load_place: LoadPlace | None = None

    def __init__(self, owned: process.Owned, endpoint: Endpoint, grace: float) -> None:
        self.endpoint = endpoint
        self._owned = owned
        self._grace = grace

    def pids(self) -> Set[int] | None:
        return {stat.pid for stat in procfs.members(self._owned.pid) if not stat.zombie}

    def landed(self, placement: Placement) -> Placement:
        return placement

    def poll(self) -> Exit | None:
        return self._owned.poll()

    def starved(self) -> bool:
        """Known of its first process only: the kernel counts its kills for the whole machine, and does not say of a
        worker that is gone whether it was one of them."""
        end = self._owned.poll()
        return end is not None and end.oom_killed

    def stop(self, grace: float) -> Exit | None:
        return self._owned.stop(grace)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop(self._grace)


class Local:
    name = "local"
    title = "Local process"
    options: tuple[str, ...] = ()
    needs_image = False
    leases = True

    def check(self, deploy: Deploy) -> list[Problem]:
        return unknown_options(deploy, self.options)

    def needs(self, deploy: Deploy, gpus: int = 0) -> list[Problem]:
        return []

    def place(self, request: PlaceRequest, deploy: Deploy) -> Placement:
        return Placement(
            host=HOST,
            port=net.free_port(HOST),
            model_path=request.model_path,
            served_model=request.served_model,
            python=request.python or sys.executable,
            work_dir=str(request.work_dir),
            gpus=request.gpus,
            revision=request.revision,
        )

    def start(self, launch: Launch, placement: Placement, request: PlaceRequest) -> Engine:
        """Raises EngineMissing when the program of the command line can not be started: it is not there, may not be
        executed, or is no program of this machine. NoSpace, Unwritable: the log can not be opened."""
        with disk_errors(request.log_path):
            request.log_path.touch()  # here, so that what fails below is the program
        try:
            owned = process.start(
                launch.argv,
                label=request.attempt_id,
                env=_environment(launch.env, request, placement),
                cwd=Path(placement.work_dir),
                stdout=request.log_path,
                cpus=placement.cpus,
            )
        except OSError as error:
            raise EngineMissing(
                f"can not start {launch.argv[0]}: {error.strerror}",
                hint="check `python:` or `command:` of the runtime in the campaign",
            ) from error
        base_url = f"http://{placement.host}:{placement.port}"
        return LocalEngine(owned, Endpoint(base_url, launch.served or placement.served_model), request.grace)

    def reap(self, labels: Mapping[str, str], log_path: Path | None = None, deploy: Deploy | None = None) -> list[str]:
        attempt = labels.get("tunebook.attempt")
        return process.end_labelled(attempt, REAP_GRACE) if attempt else []

    def sweep(self, lives: Callable[[str], bool | None]) -> list[str]:
        return []  # a process says whose it is, and not of which runner; its running file does


def _environment(own: Mapping[str, str], request: PlaceRequest, placement: Placement) -> dict[str, str]:
    """What an engine may have of ours; where a proxy is set, loopback never goes through it."""
    gpus = {"CUDA_VISIBLE_DEVICES": ",".join(placement.gpus)} if placement.gpus else {}
    of_python = environment.activated(request.python) if request.python else {}
    offline = {"HF_HUB_OFFLINE": "1"} if request.hub_model else {}
    added = of_python | gpus | offline | dict(own)
    return net.without_loopback(environment.for_engine(request.options.get("pass_env", ()), added), placement.host)


DEPLOYER: Deployer = Local()
