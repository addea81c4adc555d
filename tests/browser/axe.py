"""axe-core, which finds what keeps readers out of a page: fetched once, held to the hashes of `axe.json`, in the cache.

Only tests use it: no page and no wheel holds it. `python -m tests.browser.axe` fetches it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.util.exits import as_exit
from runner.util.files import atomic_write
from runner.util.npm import Package, files_of
from runner.util.project import cache_folder
from tests.browser.conftest import Browser

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
"""Tags of the rules that are asked: WCAG 2.0 and 2.1, levels A and AA."""
GRAVE = ("serious", "critical")
"""Impacts that count, of axe-core's minor, moderate, serious, critical."""
_LOCK: dict[str, str] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
_ASK = """
  const done = arguments[arguments.length - 1];
  axe.run(document, {runOnly: {type: "tag", values: arguments[0]}, resultTypes: ["violations"]}).then(
    (found) => done(found.violations.flatMap((v) => v.nodes.map((n) => (
      {rule: v.id, impact: n.impact || v.impact, selector: n.target.flat(9).join(" "), html: n.html.slice(0, 120),
       why: n.failureSummary.replace(/\\s+/g, " ").slice(0, 240)})))),
    (error) => done(String(error)));
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """An element that a rule of axe-core is against. `selector` is CSS that names it in its page."""

    rule: str
    impact: str
    selector: str
    html: str
    why: str

    def __str__(self) -> str:
        return f"{self.rule} ({self.impact}) {self.selector}: {self.html} | {self.why}"


def place() -> Path:
    return cache_folder() / f"{_LOCK['name']}-{_LOCK['file_sha256'][:12]}.js"


def cached() -> str | None:
    """The script of the cache; None when it is not there, or damaged."""
    try:
        content = place().read_bytes()
    except OSError:
        return None
    return content.decode() if hashlib.sha256(content).hexdigest() == _LOCK["file_sha256"] else None


def fetched() -> str:
    """The script of the cache, or fetched into it. Raises what `runner.util.npm.files_of` raises."""
    found = cached()
    if found is None:
        package = Package(_LOCK["name"], _LOCK["version"], _LOCK["sha256"])
        atomic_write(place(), files_of(package, [_LOCK["file"]])[_LOCK["file"]])
        found = cached()
        assert found is not None, "axe.json: file_sha256 is not that of the file in this package"
    return found


def grave(browser: Browser, script: str) -> list[Finding]:
    """What axe-core has against the page that is open, serious or critical. `script` is `fetched()`."""
    browser.run(f"if (!window.axe) {{ {script} }}")
    answer: Any = browser.driver.execute_async_script(_ASK, list(RULES))
    assert isinstance(answer, list), answer
    return [found for found in (Finding(**one) for one in answer) if found.impact in GRAVE]


def main() -> None:
    import click

    with as_exit():
        fetched()
        click.echo(f"axe-core {_LOCK['version']}: {place()}")


if __name__ == "__main__":
    main()
