"""A real Ray cluster of several nodes on this machine, with pretended GPUs, in processes of its own.

Ray lives in an environment of its own in the cache (`make ray`). Tests make another one, of links, that sees it, our
packages and this working tree; engines start in it too. Every node has its own cache, leases and simulated GPUs, as if
it were a machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy

from tests.ray_hold import HOLD
from tests.ray_install import ROOT, folder

OURS = str(Path(numpy.__file__).parents[1])
STORE = 80 * 2**20
PATIENCE = 240.0
"""Seconds to wait for what must come; only what is broken uses them up."""


def python(home: Path) -> Path:
    """That of a new environment in `home`, with Ray, our packages and this working tree."""
    venv.create(home, symlinks=True)
    [packages] = home.glob("lib/python*/site-packages")
    lines = (str(ROOT), OURS, str(folder()), "import tests.ray_hold")
    (packages / "all.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return home / "bin" / "python"


def environment(**more: str) -> dict[str, str]:
    """For a process of that Python."""
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | quiet | more


class Cluster:
    """The cluster as a test drives it. `address` is its head's, `python` has Ray and tunebook."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, python: Path) -> None:
        self.python = python
        self._process, self._folder = process, folder
        self.address: str = self._ask({})["address"]

    def add(self, name: str, gpus: int = 1, fake: str = "H100:1", product: Path | None = None) -> None:
        """A machine that has everything of its own, or the one of that name again, with what it had; with a `product`
        folder also its own tunebook."""
        own = self.own(name, fake)
        if product is not None:
            own["PYTHONPATH"] = str(product)
        self._ask({"add": name, "gpus": gpus, "env": own})

    def own(self, name: str, fake: str = "H100:1") -> dict[str, str]:
        """What the machine of that name has in its environment."""
        home = self.home(name)
        (home / "hold").mkdir(parents=True, exist_ok=True)
        return {
            HOLD: str(home / "hold"),
            "TUNEBOOK_LEASES": str(home / "leases"),
            "TUNEBOOK_FAKE_GPUS": fake,
            "TUNEBOOK_CACHE": str(home / "cache"),
        }

    def kill(self, name: str) -> None:
        """As if its power were cut."""
        self._ask({"kill": name})

    def hold(self, name: str, moment: str) -> None:
        """The next attempt there stands still at this moment (`tests.ray_hold`)."""
        (self.home(name) / "hold" / "held").unlink(missing_ok=True)
        (self.home(name) / "hold" / "at").write_text(moment, encoding="utf-8")

    def wait_until_held(self, name: str) -> int:
        """The pid of its worker."""
        held = self.home(name) / "hold" / "held"
        end = time.monotonic() + PATIENCE
        while not held.exists() or not held.read_text(encoding="utf-8"):
            assert time.monotonic() < end, f"no attempt came to that moment on {name}"
            time.sleep(0.02)
        return int(held.read_text(encoding="utf-8"))

    def release(self, name: str) -> None:
        (self.home(name) / "hold" / "at").unlink(missing_ok=True)

    def node(self, name: str) -> str:
        """The beginning of its id, as tunebook names it."""
        return str(self._ask({"node": name})["node"])[:8]

    def wait_for(self, count: int) -> None:
        """Until so many machines live, the head aside."""
        end = time.monotonic() + PATIENCE
        while self._ask({"count": True})["count"] < count + 1:
            assert time.monotonic() < end, f"there are no {count} machines"
            time.sleep(0.5)

    @property
    def ray(self) -> Path:
        """Ray's own folder."""
        return self._folder / "ray"

    def home(self, name: str) -> Path:
        return self._folder / name

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise AssertionError("the cluster's process has ended")


@contextmanager
def cluster(host: str = "") -> Iterator[Cluster]:
    """A head that takes no attempts, at the address `host` of this machine. The folder's name is short: Ray's sockets
    lie below it."""
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as name:
        home = Path(name)
        (home / "ray").mkdir()
        interpreter = python(home / "env")
        with (home / "log").open("w") as log, subprocess.Popen(
            [str(interpreter), "-m", "tests.ray_cluster", *([host] if host else [])],
            env=environment(RAY_TMPDIR=name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            cwd=ROOT,
        ) as process:  # fmt: skip
            try:
                yield Cluster(process, home, interpreter)
                process.communicate(timeout=60)
            finally:
                process.kill()


def serve() -> None:
    """In Ray's Python: do what the lines of stdin ask, until it is closed."""
    from ray.cluster_utils import Cluster as Real

    here = {"node_ip_address": sys.argv[1]} if len(sys.argv) > 1 else {}
    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "object_store_memory": STORE, **here}
    real, nodes = Real(initialize_head=True, head_node_args=head), dict[str, Any]()
    for line in sys.stdin:
        asked, said = json.loads(line), {"address": real.address}
        if "add" in asked:
            own = {"num_cpus": 1, "num_gpus": asked["gpus"], "object_store_memory": STORE, "env_vars": asked["env"]}
            nodes[asked["add"]] = real.add_node(**own, **here)
        elif "kill" in asked:
            real.remove_node(nodes.pop(asked["kill"]), allow_graceful=False)
        elif "count" in asked:
            said["count"] = sum(one["Alive"] for one in real.global_state.node_table())
        elif "node" in asked:
            said["node"] = nodes[asked["node"]].node_id
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    real.shutdown()


if __name__ == "__main__":
    serve()
