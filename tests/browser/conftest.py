"""A real Chromium, the built site on the loopback and as files."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from report import sql_engine
from report.build import Built, build_site
from report.serving import listen
from tests import make
from tests._machine import browser_programs
from tests._shared import once
from tests.make.alike import write_alike
from tests.make.trend import write_trend
from tests.report.conftest import built, filled, make_small_project

__all__ = ["built", "filled"]

PATIENCE = 60
"""Seconds until a chart must stand, on a machine that does other things too."""


@dataclass
class Browser:
    """One Chromium. `clean()` forgets what was logged before; `requests()` are the addresses asked for since."""

    driver: webdriver.Chrome

    def open(self, address: str, *, dark: bool = False, width: int = 1280) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.clean()
        self.driver.get(address)
        # A palette that was chosen on one page is remembered for the next: every page starts without a choice.
        if self.run("const kept = localStorage.length; localStorage.clear(); return kept"):
            self.clean()
            self.driver.get(address)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, what: str) -> None:
        WebDriverWait(self.driver, PATIENCE).until(lambda _: self.run(f"return {script}"), what)

    def log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return entries

    def clean(self) -> None:
        self.log("browser")
        self.log("performance")

    def complaints(self) -> list[str]:
        """Errors, exceptions and warnings of the console."""
        return [entry["message"] for entry in self.log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [address for address in sent if not address.startswith(("data:", "blob:"))]

    def draw_all(self) -> None:
        """Bring every figure into view, as a reader who scrolls does, until each is drawn or has failed."""
        self.wait(
            "(() => { const open = document.querySelectorAll('figure.chart:not([data-done]):not([data-error])');"
            " if (open.length) open[0].scrollIntoView(); return open.length === 0; })()",
            "every chart drawn",
        )


def start_chromium(profile: Path) -> webdriver.Chrome:
    """A headless Chromium that speaks to nobody by itself. The caller quits it."""
    chromium, chromedriver = browser_programs()
    assert chromium
    options = Options()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--disable-dev-shm-usage", f"--user-data-dir={profile}"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(chromedriver))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """For tests marked `browser`: without a Chromium they do not come this far (`tests._machine`)."""
    driver = start_chromium(tmp_path_factory.mktemp("chromium"))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


Places = dict[str, str]
"""Where a site can be read: `http`, `file` and `below` (a folder under a server's root), each ending in a slash."""


@contextmanager
def served(out: Path, below: Path) -> Iterator[Places]:
    """The site `out` in every place. `below` is an empty folder of the caller's."""
    (below / "a").mkdir(parents=True)
    (below / "index.html").touch()
    (below / "a" / "b").symlink_to(out)
    with ExitStack() as stack:
        addresses = []
        for folder in (out, below):
            server = stack.enter_context(listen(folder))
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            addresses.append(f"http://127.0.0.1:{server.server_address[1]}/")
        yield {"http": addresses[0], "below": f"{addresses[1]}a/b/", "file": f"file://{out}/"}


@pytest.fixture(scope="session")
def places(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with served(built.out, tmp_path_factory.mktemp("below")) as found:
        yield found


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A site with something on every generated page: failures, a trend, GPUs, campaigns that may be compared and one
    that may not; its SQL page answers where this machine has DuckDB for it."""

    def build(folder: Path) -> Built:
        results = folder / "results"
        make.write_store(results)
        make.write_gpus(results)
        write_alike(results)
        write_trend(results)
        return build_site(results, make_small_project(folder / "project"), None, sql=sql_engine.cached() is not None)

    return once(tmp_path_factory, "stocked", build)


@pytest.fixture(scope="session")
def stocked_places(stocked: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with served(stocked.out, tmp_path_factory.mktemp("stocked-below")) as found:
        yield found


@pytest.fixture(scope="session", params=["http", "file"])
def site(request: pytest.FixtureRequest, places: Places) -> str:
    """The address of the site, ending in a slash: from a server, and as files."""
    return places[str(request.param)]


def pages(out: Path) -> list[str]:
    """Every page of a built site but the one for addresses that do not exist, whose links start at the root."""
    found = (path.relative_to(out).as_posix() for path in sorted(out.rglob("*.html")))
    return [page for page in found if page != "404.html"]
