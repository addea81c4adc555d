"""What is dear to make and only read: made by the first worker that asks for it, for all of them."""

from __future__ import annotations

import fcntl
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Made = TypeVar("Made")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """What `make` says of the folder that it was given to fill. Called once in a session, whoever asks; the others wait
    for it. Nobody changes what is in the folder."""
    base = factory.getbasetemp()
    # By the name that a worker's folder has: a pytest that a test starts has the worker's environment, not its session.
    home = (base.parent if base.name.startswith("popen-") else base) / "shared"
    home.mkdir(exist_ok=True)
    folder, said = home / name, home / f"{name}.pickle"
    with (home / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            said.write_bytes(pickle.dumps(make(folder)))
        made: Made = pickle.loads(said.read_bytes())
    return made
