"""The filter on the list of campaigns, in a real browser."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.webdriver.common.keys import Keys

from report.build import build_site
from report.render import ROWS
from tests import make
from tests._shared import once
from tests.browser.conftest import Browser
from tests.make.many import write_many
from tests.report.conftest import make_small_project, write_hostile

pytestmark = pytest.mark.browser

MANY = ROWS + 4
ALL = MANY + 3
"""And the believable one, the hopeless one and the hostile one."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    def build(folder: Path) -> Path:
        results = folder / "results"
        make.write_store(results)
        make.write_all_failed(results)
        write_hostile(results)
        write_many(results, MANY, 3)
        return build_site(results, make_small_project(folder / "project"), None).out

    return f"{once(tmp_path_factory, 'list', build).as_uri()}/results/campaigns/index.html"


def ask(browser: Browser, words: str) -> None:
    browser.run(
        "const b = document.querySelector('.tb-filter input'); b.focus(); b.value = arguments[0];"
        "b.dispatchEvent(new Event('input'))", words,
    )  # fmt: skip
    browser.wait(f"document.querySelector('.tb-filter').dataset.shown === {words!r}", "an answer")


def names(browser: Browser) -> list[str]:
    """Of the table that a reader sees."""
    found: list[str] = browser.run(
        "return [...document.querySelectorAll('.tb-scroll:not([hidden]) tbody tr a')].map(a => a.innerText)"
    )
    return found


def status(browser: Browser) -> str:
    said: str = browser.run("return document.querySelector('.tb-filter [role=status]').innerText")
    return said


def test_what_stands_on_another_page_is_found(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.wait("!!document.querySelector('.tb-filter input')", "the filter")
    assert status(browser) == f"{ALL} campaigns"
    before = names(browser)
    assert len(before) == ROWS
    assert "smollm-hopeless" not in before
    assert [one for one in browser.requests() if one.endswith("campaign-list.js")] == [page.replace(
        "campaigns/index.html", "assets/campaign-list.js")], "the list itself comes with the first use"  # fmt: skip
    ask(browser, "HOPE")
    assert names(browser) == ["smollm-hopeless"]
    assert status(browser) == f"1 of {ALL} campaigns"
    assert browser.run("return location.hash") == "#f=HOPE"
    assert browser.run("return getComputedStyle(document.querySelector('.tb-pages')).display") == "none"
    ask(browser, "")
    assert names(browser) == before
    assert browser.run("return location.hash") == ""
    assert browser.complaints() == []


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("qwen3", MANY // 4),
        ("qwen3 confirmed", MANY // 4),
        ("failed", 1),
        ("llama_cpp", ALL),
        ("cpu smollm-", 2),
        ("campaign-0001 campaign-0002", 0),
        ("tok/s", 0),
    ],
)
def test_every_word_must_occur_in_a_fact_of_the_campaign(browser: Browser, page: str, words: str, count: int) -> None:
    browser.open(f"{page}#f={quote(words, safe='')}")
    browser.wait(f"document.querySelector('.tb-filter').dataset.shown === {words!r}", "an answer")
    more = f", the first {ROWS} are shown" if count > ROWS else ""
    assert status(browser) == f"{count} of {ALL} campaigns{more}"
    assert len(names(browser)) == min(count, ROWS)


def test_a_found_row_says_what_the_row_of_the_page_says(browser: Browser, page: str) -> None:
    """To the link and the class of each cell."""
    browser.open(page)
    browser.wait("!!document.querySelector('.tb-filter input')", "the filter")
    rows = (
        "return [...document.querySelectorAll(arguments[0])].map(tr => [...tr.cells].map("
        "td => [td.className, td.textContent.trim(), td.querySelector('a')?.href, td.querySelectorAll('span').length]))"
    )
    own = browser.run(rows, ".tb-filter ~ .tb-scroll tbody tr")
    assert len(own) == ROWS
    ask(browser, "campaign-")
    assert browser.run(rows, ".tb-filter .tb-scroll tbody tr") == own[:ROWS]
    ask(browser, "onerror")
    hostile = browser.run(rows, ".tb-filter .tb-scroll tbody tr")
    assert hostile[0][0][1] == "<img src=x onerror=hacked()>"
    assert browser.run("return [document.querySelectorAll('.tb-filter img').length, typeof window.hacked]") == [
        0, "undefined",
    ]  # fmt: skip
    browser.open(hostile[0][0][2])
    assert browser.run("return document.querySelector('h1').innerText").startswith("<img")


def test_it_works_with_the_keyboard_alone(browser: Browser, page: str) -> None:
    browser.open(page.replace("index.html", "page-2.html"))
    browser.wait("!!document.querySelector('.tb-filter input')", "the filter")
    box = browser.driver.find_element("css selector", ".tb-filter input")
    box.send_keys("campaign-0007")
    browser.wait("document.querySelector('.tb-filter').dataset.shown === 'campaign-0007'", "an answer")
    box.send_keys(Keys.ARROW_DOWN)
    assert browser.run("return document.activeElement.innerText") == "campaign-0007"
    box.send_keys(Keys.ESCAPE)
    browser.wait("document.querySelector('.tb-filter').dataset.shown === ''", "the whole list")
    assert browser.run("return document.activeElement.value") == ""
    box.send_keys("campaign-0008", Keys.ENTER)
    browser.wait("document.activeElement.innerText === 'campaign-0008'", "the first link")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.wait("location.pathname.endsWith('/campaigns/campaign-0008/index.html')", "its page")


def test_an_address_that_changes_and_a_phone(browser: Browser, page: str) -> None:
    browser.open(f"{page}#f=hopeless", width=390)
    browser.wait("document.querySelector('.tb-filter').dataset.shown === 'hopeless'", "an answer")
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    browser.run("location.hash = 'f=gemma%20100%25'")
    browser.wait("document.querySelector('.tb-filter').dataset.shown === 'gemma 100%'", "the next")
    assert status(browser) == f"0 of {ALL} campaigns"
    browser.run("location.hash = 'f=50%'")
    browser.wait("document.querySelector('.tb-filter').dataset.shown === '50%'", "a lone %")
    assert browser.complaints() == []
