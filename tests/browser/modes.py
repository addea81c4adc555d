"""The ways in which a page is read, and how to get a browser into each."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.browser.conftest import Browser

PAPER = 695
"""CSS pixels between the margins of the narrower of A4 and Letter."""


@dataclass(frozen=True, slots=True)
class Mode:
    """`place` is where the page comes from: `http`, `file`, or `below` (a server, in a folder under its root)."""

    name: str
    place: str = "http"
    dark: bool = False
    width: int = 1280
    scripts: bool = True
    paper: bool = False


MODES = (
    Mode("light"),
    Mode("dark", dark=True),
    Mode("phone", width=390),
    Mode("dark phone", width=390, dark=True),
    Mode("print", paper=True),
    Mode("print from dark", paper=True, dark=True),
    Mode("no javascript", scripts=False),
    Mode("no javascript, phone", scripts=False, width=390),
    Mode("file", place="file"),
    Mode("file, no javascript", place="file", scripts=False),
    Mode("sub-path", place="below"),
)


@contextmanager
def reading(browser: Browser, mode: Mode, address: str) -> Iterator[None]:
    """The page at `address`, opened and whole as `mode` says; the browser is as before afterwards."""
    cdp = browser.driver.execute_cdp_cmd
    cdp("Emulation.setScriptExecutionDisabled", {"value": not mode.scripts})
    try:
        browser.open(address, dark=mode.dark, width=mode.width)
        if mode.scripts:
            browser.draw_all()
        if mode.paper:
            _lay_out_for_paper(browser, mode)
        yield
    finally:
        cdp("Emulation.setScriptExecutionDisabled", {"value": False})
        cdp("Emulation.setEmulatedMedia", {"media": ""})


def _lay_out_for_paper(browser: Browser, mode: Mode) -> None:
    """As between the events `beforeprint` and `afterprint`: paper's width, rules of the medium, nothing printed yet."""
    cdp = browser.driver.execute_cdp_cmd
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    browser.wait("![...document.querySelectorAll('figure.chart')].some(f => f.dataset.scheme !== 'light')", "light ink")
    # A colour that fades over would be read halfway.
    still = "const e = document.createElement('style'); e.textContent = '* { transition: none !important }';"
    browser.run(f"{still} document.head.append(e)")
    cdp("Emulation.setEmulatedMedia", {"media": "print"})
    cdp("Emulation.setDeviceMetricsOverride", {"width": PAPER, "height": 900, "deviceScaleFactor": 1, "mobile": False})


def printed(browser: Browser) -> bytes:
    """The open page as PDF."""
    answer = browser.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True, "preferCSSPageSize": True})
    return base64.b64decode(answer["data"])
