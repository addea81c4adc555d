"""Every page in every way of reading. `make test` reads each page once and in each way several; `make test-all` the
full product."""

from __future__ import annotations

import pytest

from report.build import Built
from tests.browser.checks import wrong_with
from tests.browser.conftest import Browser, Places, pages
from tests.browser.modes import MODES, Mode, printed, reading

pytestmark = pytest.mark.browser


def findings(browser: Browser, places: Places, page: str, mode: Mode) -> list[str]:
    site = places[mode.place]
    with reading(browser, mode, site + page):
        return [f"{page}, {mode.name}: {what}" for what in wrong_with(browser, mode, site)]


def test_every_page_once_and_every_way_of_reading(browser: Browser, places: Places, built: Built) -> None:
    """The pages go round the ways; pages with charts come first, so that each way meets charts."""
    every = sorted(pages(built.out), key=lambda page: 'class="chart"' not in (built.out / page).read_text())
    found: list[str] = []
    for number in range(max(len(every), len(MODES))):
        found += findings(browser, places, every[number % len(every)], MODES[number % len(MODES)])
    assert not found, "\n".join(found)


@pytest.mark.matrix
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_every_page_in_this_way_of_reading(browser: Browser, places: Places, built: Built, mode: Mode) -> None:
    found: list[str] = []
    for page in pages(built.out):
        found += findings(browser, places, page, mode)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_was_never_scrolled_to_is_printed_in_light_colours(browser: Browser, places: Places, dark: bool) -> None:
    """Between `beforeprint` and the paper a page has no time to load or wait."""
    # Before any script of the page: whose listener was there first hears first, and sees what was on the paper.
    listen = {
        "source": "addEventListener('afterprint', () => {"
        "window.seen ??= [...document.querySelectorAll('figure.chart')]"
        ".map(f => `${'done' in f.dataset} ${f.dataset.scheme}`); })"
    }
    script = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", listen)
    browser.open(places["http"] + "results/campaigns/smollm-cpu/index.html", dark=dark)
    browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    browser.wait("document.querySelector('figure.chart[data-done]')", "a first chart")
    browser.wait("['vega.js', 'specs.js', 'smollm-cpu.js'].every(n => performance.getEntriesByType('resource')"
                 ".some(e => e.name.endsWith(n) && e.responseEnd > 0))", "the scripts")  # fmt: skip
    paper = printed(browser)
    assert paper.startswith(b"%PDF")
    assert paper.count(b"/URI") > 5, "links that can be followed"
    seen = browser.run("return window.seen")
    assert len(seen) > 5
    assert set(seen) == {"true light"}
    if dark:
        browser.wait("[...document.querySelectorAll('figure.chart')].every(f => f.dataset.scheme === 'dark')", "dark")
    assert browser.complaints() == []
