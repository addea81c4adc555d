"""A machine of a Ray cluster behind a cable of its own: a network namespace, and the cable can be pulled. As root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests._machine import missing
from tests.ray_cluster import STORE, Cluster, environment

PROGRAMS = ("ip", "nsenter", "unshare", "mount", "hostname")


@dataclass(frozen=True)
class Cable:
    """`here` and `there` are the addresses at its ends; the other end is in the namespace `name`."""

    name: str
    here: str
    there: str

    @property
    def end(self) -> str:
        return f"{self.name}h"

    def pull(self) -> None:
        _ip("link", "set", self.end, "down")

    def plug(self) -> None:
        _ip("link", "set", self.end, "up")

    def inside(self, *words: str) -> list[str]:
        """The command line, run behind the cable."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *words]


@contextmanager
def cable() -> Iterator[Cable]:
    """Skips where it can not be had; in CI that fails."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None] or (["root"] if os.geteuid() else [])
    if lacking:
        missing(f"{', '.join(lacking)}, for a network of the test's own")
    number = os.getpid() % 250
    made = Cable(f"tb{os.getpid()}", f"10.231.{number}.1", f"10.231.{number}.2")
    inner = f"{made.name}n"
    _ip("netns", "add", made.name)
    try:
        _ip("link", "add", made.end, "type", "veth", "peer", "name", inner)
        _ip("link", "set", inner, "netns", made.name)
        _ip("addr", "add", f"{made.here}/24", "dev", made.end)
        made.plug()
        for words in (
            ("addr", "add", f"{made.there}/24", "dev", inner),
            ("link", "set", inner, "up"),
            ("link", "set", "lo", "up"),
            ("route", "add", "default", "via", made.here),
        ):
            subprocess.run(made.inside("ip", *words), check=True)
        yield made
    finally:
        _ip("netns", "del", made.name)  # the cable goes with it


@contextmanager
def behind(cable: Cable, machines: Cluster, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A machine of that host name behind the cable, with what it had before. Its folder of Ray's is its own, as the
    folder of a machine is."""
    home = machines.home(name)
    ray = home / "ray"
    ray.mkdir(parents=True, exist_ok=True)
    start = [
        str(machines.python), "-m", "ray.scripts.scripts", "start", "--address", machines.address,
        "--node-ip-address", cable.there, "--num-cpus", "1", "--num-gpus", "1", "--block",
        "--object-store-memory", str(STORE),
    ]  # fmt: skip
    own = 'hostname "$1"; mount --bind "$2" "$3"; shift 3; exec "$@"'
    words = ["unshare", "--mount", "--uts", "sh", "-ec", own, "sh", name, str(ray), str(machines.ray), *start]
    env = environment(**machines.own(name), RAY_TMPDIR=str(machines.ray.parent))
    with (home / "log").open("ab") as log, subprocess.Popen(
        cable.inside(*words), env=env, stdout=log, stderr=log, cwd=Path("/"), start_new_session=True
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
