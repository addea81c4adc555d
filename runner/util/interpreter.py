"""Other Pythons of this machine: what they have, asked without importing it there."""

from __future__ import annotations

import json
from collections.abc import Sequence

from runner.util import environment, process

_LOOK = (
    "import importlib.util, json, sys\n"
    "sys.path.pop(0)\n"
    "print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]))"
)
PATIENCE = 60.0
"""Seconds: a first look at an environment on a slow disk."""


def missing_modules(python: str, names: Sequence[str]) -> list[str]:
    """Which of the top-level modules `names` the interpreter at `python` has not; all of them when it does not run.
    Nothing is imported, so it takes a blink even for torch."""
    try:
        done = process.run([python, "-c", _LOOK, *names], timeout=PATIENCE, env=environment.for_engine())
    except OSError:
        return list(names)
    try:
        return [str(name) for name in json.loads(done.stdout)] if done.ok else list(names)
    except ValueError:
        return list(names)
