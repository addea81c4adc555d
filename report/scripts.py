"""Scripts of a site that are no files of this package: data in a call, the specs of all charts, Vega."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from report import charts
from report.charts._style import DARK
from report.code import code
from runner.errors import NoSpace, Unwritable
from runner.util.files import atomic_write
from runner.util.project import cache_folder


def call(name: str, value: Any) -> str:
    """The loader is called with `value`, since a page from file:// may not fetch."""
    return f"__tunebook({json.dumps(name)},{as_json(value)});\n"


def as_json(value: Any) -> str:
    """ASCII only, and no `</`: it stands in a script."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False).replace(
        "</", "<\\/"
    )


def specs() -> bytes:
    """The specs of all charts and the colours of the dark palette. Altair takes a second for them, whatever is
    drawn."""

    def made() -> bytes:
        return (call("specs", charts.specs(charts.charts.names())) + call("dark", DARK)).encode()

    return _kept(f"chart-specs-{code()[:12]}.js", made)


def vega() -> bytes:
    """Vega, Vega-Lite and vega-embed in one script, with our name for it."""

    def made() -> bytes:
        import vl_convert

        bundle: str = vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;")
        return bundle.encode()

    return _kept(f"vega-bundle-{version('vl-convert-python')}.js", made)


def _kept(name: str, made: Callable[[], bytes]) -> bytes:
    """Made once for each `name`, which tells versions apart, then kept."""
    path = cache_folder() / name
    if path.is_file():
        return path.read_bytes()
    script = made()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, script)
    except (OSError, NoSpace, Unwritable):
        pass  # without a cache the next build makes it again
    return script
