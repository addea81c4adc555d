"""axe-core on every kind of page, light and dark, desk and phone: nothing serious, nothing critical, no exceptions."""

from __future__ import annotations

import pytest

from tests._machine import missing
from tests.browser import axe
from tests.browser.conftest import Browser, Places
from tests.browser.kinds import CAMPAIGN, GENERATED, WRITTEN
from tests.browser.modes import Mode, reading

pytestmark = pytest.mark.browser

LOOKS = tuple(
    Mode(f"{'dark' if dark else 'light'}, {width} px", dark=dark, width=width)
    for width in (1280, 390)
    for dark in (False, True)
)


@pytest.fixture(scope="module")
def script(browser: Browser) -> str:
    browser.driver.set_script_timeout(120)
    found = axe.cached()
    if found is None:
        missing("axe-core (`make axe`)")
    return found


def findings(browser: Browser, script: str, site: str, page: str, mode: Mode) -> list[str]:
    with reading(browser, mode, site + page):
        if "compare.html#" in page:
            browser.wait("!!document.querySelector('.tb-compared table')", "the campaigns side by side")
        if page == CAMPAIGN:
            browser.run("document.querySelector('.tb-whatif').scrollIntoView()")
            browser.wait("document.querySelector('.tb-whatif[data-done]')", "the panel of other limits")
        # Folded tables are read too.
        browser.run("document.querySelectorAll('article details').forEach(d => { d.open = true; })")
        return [f"{page}, {mode.name}: {one}" for one in axe.grave(browser, script)]


def test_it_finds_what_is_wrong(browser: Browser, script: str, stocked_places: Places) -> None:
    """A picture without a name, a field without a label, faint words: a run that finds nothing must have looked."""
    with reading(browser, LOOKS[0], stocked_places["http"] + "results/campaigns/index.html"):
        browser.run(
            "document.querySelector('article').insertAdjacentHTML('beforeend', '<img src=\"data:,\"><input>"
            '<p style="color: #ddd; background: #fff">faint</p>\')'
        )
        found = {one.rule for one in axe.grave(browser, script)}
    assert found == {"image-alt", "label", "color-contrast"}


def test_every_kind_of_page_once(browser: Browser, script: str, stocked_places: Places, places: Places) -> None:
    """The pages go round the looks."""
    every = [(stocked_places["http"], page) for page in GENERATED] + [(places["http"], page) for page in WRITTEN]
    found: list[str] = []
    for number, (site, page) in enumerate(every):
        found += findings(browser, script, site, page, LOOKS[(number + number // len(LOOKS)) % len(LOOKS)])
    assert not found, "\n".join(found)


@pytest.mark.matrix
@pytest.mark.parametrize("mode", LOOKS, ids=lambda mode: mode.name)
def test_every_kind_of_page(browser: Browser, script: str, stocked_places: Places, places: Places, mode: Mode) -> None:
    found: list[str] = []
    for page in GENERATED:
        found += findings(browser, script, stocked_places["http"], page, mode)
    for page in WRITTEN:
        found += findings(browser, script, places["http"], page, mode)
    assert not found, "\n".join(found)
