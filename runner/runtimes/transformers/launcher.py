"""`transformers serve`, started by the ENGINE's interpreter: the command that the package's own script starts.

A file of ours stands before it for three reasons: an entry names an interpreter, and a console script may lie
elsewhere; no route of the server tells its version, so a first line `ENGINE {json}` does; and the script looks for
updates of itself in the network before it starts. It needs the standard library and transformers 5, not tunebook.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("transformers", "torch", "accelerate", "fastapi", "uvicorn")


def told() -> dict[str, str | None]:
    """What the record of an attempt keeps of this process."""
    found: dict[str, str | None] = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found | {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")}


def main() -> None:
    faulthandler.enable()
    sys.path.pop(0)  # this folder: nothing in it may stand before the engine's own modules
    sys.stdout.write(f"ENGINE {json.dumps(told())}\n")
    sys.stdout.flush()
    from transformers.cli.transformers import app

    sys.argv[0] = "transformers"
    app()


if __name__ == "__main__":
    main()
