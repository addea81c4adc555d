"""Walking through the site: links, back and forward, an instant theme, the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Keys

from report.build import Built, build_site
from tests.browser.conftest import Browser, Places, served
from tests.report.conftest import make_project

pytestmark = pytest.mark.browser

CAMPAIGN = "results/campaigns/smollm-cpu/index.html"
FIGURES = "document.querySelectorAll('figure.chart').length"


def here(browser: Browser, page: str) -> None:
    """Wait for the page, and for all its charts."""
    browser.wait(f"location.pathname.endsWith('{page}') && document.readyState === 'complete'", page)
    browser.wait(f"{FIGURES} > 0", "the figures of the page")
    browser.draw_all()
    drawn = browser.run("return document.querySelectorAll('figure.chart svg .role-mark path').length")
    assert drawn > 0, page
    assert browser.run("return document.querySelectorAll('figure.chart[data-error]').length") == 0, page
    assert browser.complaints() == [], page


def walk(browser: Browser, site: str) -> None:
    """In by a link, back, forward, and on by a tab; the palette changes on the way."""
    browser.open(site + "index.html")
    here(browser, "index.html")
    browser.run("document.querySelector('.tb-answer .tb-more a[href*=smollm-cpu]').click()")
    here(browser, CAMPAIGN)
    browser.driver.back()
    here(browser, "index.html")
    browser.driver.forward()
    here(browser, CAMPAIGN)
    browser.run("document.querySelector('label[title=Dark]').click()")
    browser.wait(
        "[...document.querySelectorAll('figure.chart')].every(f => f.dataset.scheme === 'dark')", "dark charts"
    )
    browser.run("document.querySelector('.md-tabs a[href$=\"failures.html\"]').click()")
    here(browser, "results/failures.html")
    assert browser.run("return document.querySelector('figure.chart').dataset.scheme") == "dark", "it is remembered"


@pytest.mark.parametrize("place", ["http", "below", "file"])
def test_charts_are_drawn_after_walking(browser: Browser, places: Places, place: str) -> None:
    walk(browser, places[place])


@pytest.fixture
def instant(filled: Path, tmp_path: Path) -> Iterator[Places]:
    """The site of a project that turned instant navigation on, which keeps the page and changes what is in it."""
    project = make_project(tmp_path / "project")
    settings = project / "mkdocs.yml"
    settings.write_text(settings.read_text().replace("features: [", "features: [navigation.instant, "))
    built: Built = build_site(filled, project, None)
    with served(built.out, tmp_path / "below") as found:
        # The theme takes the addresses of a site from its map, which names the published place.
        for page in built.out.rglob("sitemap.xml"):
            page.write_text(page.read_text().replace("https://example.org/tunebook/", found["http"]))
        yield found


@pytest.mark.matrix
def test_charts_are_drawn_in_a_theme_that_changes_pages_in_place(browser: Browser, instant: Places) -> None:
    browser.open(instant["http"] + "index.html")
    browser.run("window.stayed = true")
    walk_once = "document.querySelector('.tb-answer .tb-more a[href*=smollm-cpu]').click()"
    here(browser, "index.html")
    browser.run(walk_once)
    here(browser, CAMPAIGN)
    assert browser.run("return window.stayed") is True, "the page was changed in place"
    browser.driver.back()
    here(browser, "index.html")
    browser.run(walk_once)
    here(browser, CAMPAIGN)


def test_the_keyboard_reaches_what_can_be_used(browser: Browser, places: Places) -> None:
    browser.open(places["http"] + CAMPAIGN)
    browser.draw_all()
    browser.wait("document.querySelector('.tb-command .md-code__button')", "a button to copy")
    pressed = ActionChains(browser.driver)
    met: set[str] = set()
    for _ in range(120):
        pressed.send_keys(Keys.TAB).perform()
        pressed.reset_actions()
        met.add(str(browser.run("const a = document.activeElement; return a.tagName + '.' + a.className")))
        if browser.run("return document.activeElement.tagName") == "SUMMARY":
            break
    assert any(one.startswith("BUTTON.md-code__button") for one in met), met
    assert any(one.startswith("A.") for one in met)
    assert browser.run("return document.activeElement.tagName") == "SUMMARY", met
    outline = browser.run("const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.boxShadow")
    assert outline != "nonenone", "where one is can be seen"
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    assert browser.run("return document.activeElement.closest('details').open") is True
