"""What a machine must have for some tests. Outside CI what is missing skips with the reason; in CI it fails."""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from typing import NoReturn

import pytest

from runner.engines import environments
from runner.loadgens import loadgens
from tests import kube_install, ray_install

PATIENCE = 900.0
"""Seconds to wait for what another process installs: five minutes on two busy cores. A fetch that hangs is a failure
with a name, before the tests as a whole are cut off."""


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def missing(reason: str) -> NoReturn:
    """Skip the running test, or fail it in CI: a green run there must not hide what was not tested."""
    if in_ci():
        pytest.fail(f"missing on this machine: {reason}", pytrace=False)
    pytest.skip(f"missing on this machine: {reason}")


def browser_programs() -> tuple[str | None, str | None]:
    """Chromium and chromedriver, where they are."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None), shutil.which("chromedriver")


def being_installed(engine: str) -> bool:
    """Whether another process installs it now."""
    return any(busy and folder.name.startswith(f"{engine}-") for folder, busy in environments.unfinished())


def lacks(marker: str) -> str | None:
    """What tests with this marker need and this machine lacks."""
    if marker == "browser":
        return None if all(browser_programs()) else "chromium with chromedriver (`make system`)"
    if marker == "engine":
        return None if importlib.util.find_spec("xllamacpp") else "llama.cpp (`pip install -e '.[llamacpp]'`)"
    if marker == "genai_bench":
        lacking = loadgens.get("genai-bench").needs()
        end = time.monotonic() + PATIENCE
        while lacking is not None and being_installed("genai_bench") and time.monotonic() < end:
            time.sleep(1)  # `make test` installs it beside the other tests
            lacking = loadgens.get("genai-bench").needs()
        return None if lacking is None else f"{lacking.what} ({lacking.hint})"
    if marker == "ray":
        return ray_install.lacking(PATIENCE)
    if marker == "kube":
        return kube_install.lacking()
    return None  # heavy: the test itself says which engine
