"""`python -m tests.ray_install`: Ray for the tests of several machines, in a folder of its own in the cache, once."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = Path(os.environ.get("TUNEBOOK_CACHE") or Path.home() / ".cache" / "tunebook")
"""As it is when tests begin: later ones have caches of their own."""


def wanted() -> str:
    """`ray==...`, as the extra `ray` pins it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [pinned] = project["optional-dependencies"]["ray"]
    return str(pinned)


def folder() -> Path:
    """The packages, whole or not there: Ray and what it needs, for this Python."""
    version = wanted().partition("==")[2]
    return CACHE / f"ray-{version}-py{sys.version_info.major}.{sys.version_info.minor}"


def being_installed() -> bool:
    """Whether another process is at it."""
    try:
        with _lock().open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def lacking(patience: float) -> str | None:
    """What is missing for tests with Ray, after a wait for whoever installs it now."""
    end = time.monotonic() + patience
    while not folder().is_dir() and being_installed() and time.monotonic() < end:
        time.sleep(1)
    return None if folder().is_dir() else f"{wanted()} in {folder()} (`make ray`)"


def install() -> None:
    """285 MB. Made under another name: what is interrupted is begun anew."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with _lock().open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if folder().is_dir():
            return
        part = folder().with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", str(part), wanted()], check=True)
        part.rename(folder())


def _lock() -> Path:
    return folder().with_suffix(".lock")


if __name__ == "__main__":
    install()
