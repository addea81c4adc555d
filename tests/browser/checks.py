"""What must hold on every page, however it is read."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tests.browser.conftest import Browser
from tests.browser.modes import Mode

_WRONG = Path(__file__).with_name("checks.js").read_text(encoding="utf-8").split("*/", 1)[1]


def wrong_with(browser: Browser, mode: Mode, site: str) -> list[str]:
    """What is wrong with the page that is open, in sentences. `site` is the address below which it may ask."""
    found: list[str] = browser.run(f"return ({_WRONG})(arguments[0], arguments[1])", mode.paper, mode.scripts)
    found += [f"the console says: {text}" for text in browser.complaints()]
    # The browser itself asks a server for an icon once; a site in a sub-path has none at the root.
    asked = [url for url in browser.requests() if not url.startswith(site) and urlsplit(url).path != "/favicon.ico"]
    return found + [f"asks {url}" for url in asked]
