"""What a site is made with, as a hash: what is kept from one build to the next is of no use when it has changed."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from runner import __version__

_CODE = (".py", ".sql", ".j2", ".json", ".toml")
_LIBRARIES = ("altair", "duckdb", "jinja2", "markupsafe", "numpy", "optuna")


@cache
def code() -> str:
    """Of this package, of those that it computes with, and of the libraries that draw and compute."""
    found = hashlib.sha256(__version__.encode())
    for package in ("report", "runner"):
        top = Path(import_module(package).__file__ or package).parent
        for path in sorted(top.rglob("*")):
            if path.suffix in _CODE:
                found.update(path.relative_to(top).as_posix().encode())
                found.update(path.read_bytes())
    found.update(str([version(name) for name in _LIBRARIES]).encode())
    return found.hexdigest()
