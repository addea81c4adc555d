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
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy

from tests.ray_install import ROOT, folder

OURS = str(Path(numpy.__file__).parents[1])
STORE = 80 * 2**20


def python(home: Path) -> Path:
    """That of a new environment in `home`, with Ray, our packages and this working tree."""
    venv.create(home, symlinks=True)
    [packages] = home.glob("lib/python*/site-packages")
    (packages / "all.pth").write_text(f"{ROOT}\n{OURS}\n{folder()}\n", encoding="utf-8")
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
        """A machine that has everything of its own; with a `product` folder also its own tunebook."""
        home = self.home(name)
        home.mkdir()
        own = {
            "TUNEBOOK_LEASES": str(home / "leases"),
            "TUNEBOOK_FAKE_GPUS": fake,
            "TUNEBOOK_CACHE": str(home / "cache"),
        }
        if product is not None:
            own["PYTHONPATH"] = str(product)
        self._ask({"add": name, "gpus": gpus, "env": own})

    def kill(self, name: str) -> None:
        """As if its power were cut."""
        self._ask({"kill": name})

    def node(self, name: str) -> str:
        """The beginning of its id, as tunebook names it."""
        return str(self._ask({"node": name})["node"])[:8]

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
def cluster() -> Iterator[Cluster]:
    """A head that takes no attempts. The folder's name is short: Ray's sockets lie below it."""
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as name:
        home = Path(name)
        (home / "ray").mkdir()
        interpreter = python(home / "env")
        with (home / "log").open("w") as log, subprocess.Popen(
            [str(interpreter), "-m", "tests.ray_cluster"],
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

    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "object_store_memory": STORE}
    real, nodes = Real(initialize_head=True, head_node_args=head), dict[str, Any]()
    for line in sys.stdin:
        asked, said = json.loads(line), {"address": real.address}
        if "add" in asked:
            own = {"num_cpus": 1, "num_gpus": asked["gpus"], "object_store_memory": STORE, "env_vars": asked["env"]}
            nodes[asked["add"]] = real.add_node(**own)
        elif "kill" in asked:
            real.remove_node(nodes.pop(asked["kill"]), allow_graceful=False)
        elif "node" in asked:
            said["node"] = nodes[asked["node"]].node_id
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    real.shutdown()


if __name__ == "__main__":
    serve()
