"""A command that `tunebook render` printed, as a reader uses it: copied, its two variables set, run, ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from runner.util import net
from tests.stories._world import ROOT

QUICKSTART = ROOT / "campaigns" / "quickstart.yaml"
MODELS = Path.home() / ".cache/tunebook/models"


def model_file() -> Path:
    wanted: dict[str, str] = yaml.safe_load(QUICKSTART.read_text())["model"]
    return Path(os.environ.get("TUNEBOOK_CACHE", str(MODELS.parent))) / "models" / wanted["sha256"] / wanted["file"]


def filled(text: str, port: int) -> str:
    """The copied text, edited where it asks for it."""
    lines = [f"MODEL={model_file()}" if one.startswith("MODEL=") else one for one in text.splitlines()]
    return "\n".join(f"PORT={port}" if one.startswith("PORT=") else one for one in lines)


@contextmanager
def running(script: str) -> Iterator[subprocess.Popen[bytes]]:
    """The script in a shell of its own, with this Python in front of PATH; ended by SIGTERM, as a service is."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with subprocess.Popen(["bash", "-c", f"set -e\n{script}"], env={**os.environ, "PATH": path},
                          start_new_session=True) as child:  # fmt: skip
        try:
            yield child
        finally:
            os.killpg(child.pid, 15)
            child.wait(60)


def answers(port: int, child: subprocess.Popen[bytes]) -> str:
    """The name of the model that it serves, once it is healthy."""
    limit = time.monotonic() + 120
    while True:
        assert child.poll() is None, "it ended"
        assert time.monotonic() < limit, "nobody answers"
        try:
            if net.get(f"http://127.0.0.1:{port}/health", 2.0)[0] == 200:
                return net.get(f"http://127.0.0.1:{port}/v1/models", 5.0)[1].decode()
        except net.NoAnswer:
            time.sleep(0.1)
