"""The site as a reader meets it: every page, from a server and as files, light and dark, on a desk and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from selenium.webdriver.common.keys import Keys

from report.build import Built
from runner.cli.render import COMMAND
from tests.browser.conftest import Browser, Places, pages

pytestmark = pytest.mark.browser

WIDER_THAN_THE_PAGE = """
  const limit = document.documentElement.clientWidth + 1;
  return document.documentElement.scrollWidth > limit ? [...document.querySelectorAll('body *')]
    .filter((e) => e.getBoundingClientRect().right > limit).slice(0, 3).map((e) => e.outerHTML.slice(0, 120)) : [];
"""


@pytest.mark.matrix
def test_every_page_is_whole_and_asks_nobody_else(browser: Browser, places: Places, built: Built) -> None:
    """As files, where a request to anybody would show; test_matrix.py asks the same of each page once in some way."""
    site, figures = places["file"], 0
    for page in pages(built.out):
        browser.open(site + page)
        browser.draw_all()
        failed = browser.run(
            "return [...document.querySelectorAll('figure.chart[data-error]')].map(f => f.dataset.error)"
        )
        assert failed == [], page
        drawn = browser.run("return [...document.querySelectorAll('figure.chart svg')].map(s => s.clientWidth)")
        assert len(drawn) == browser.run("return document.querySelectorAll('figure.chart').length"), page
        assert all(width > 200 for width in drawn), f"{page}: a squeezed chart, {drawn}"
        assert browser.complaints() == [], page
        assert [address for address in browser.requests() if not address.startswith(site)] == [], page
        assert browser.run("return window.hacked") is None, page
        figures += len(drawn)
    assert figures > 10


def test_every_chart_shows_marks_and_no_placeholder(browser: Browser, site: str) -> None:
    browser.open(site + "results/campaigns/smollm-cpu/index.html")
    browser.draw_all()
    marks = browser.run(
        "return [...document.querySelectorAll('figure.chart')].map(f => [f.dataset.spec, f.querySelectorAll("
        "'.role-mark path').length, f.querySelector('svg').textContent])"
    )
    assert {name for name, _, _ in marks} == {"history", "latency", "pareto", "slice", "causes", "timeline"}
    for name, count, text in marks:
        assert count > 0, name
        assert "@" not in text, name
        assert "undefined" not in text, name
    history = next(text for name, _, text in marks if name == "history")
    assert "Score: output throughput (tok/s)" in history
    assert "Failed at" in history


def test_the_palette_redraws(browser: Browser, site: str) -> None:
    browser.open(site + "index.html")
    browser.draw_all()
    colour = "getComputedStyle(document.querySelector('figure.chart .role-axis-title text')).fill"
    light = browser.run(f"return {colour}")
    browser.run("document.querySelector('label[title=Dark]').click()")
    browser.wait(f"document.body.dataset.mdColorScheme === 'slate' && {colour} !== '{light}'", "a redrawn chart")
    browser.run("document.querySelector('label[title=Light]').click()")
    browser.wait(f"{colour} === '{light}'", "the light chart again")
    assert browser.complaints() == []


def test_dark_is_dark_from_the_start(browser: Browser, site: str) -> None:
    browser.open(site + "index.html", dark=True)
    browser.draw_all()
    schemes = browser.run("return [...document.querySelectorAll('figure.chart')].map(f => f.dataset.scheme)")
    assert set(schemes) == {"dark"}


@pytest.mark.matrix
def test_a_phone_scrolls_one_way(browser: Browser, site: str, built: Built) -> None:
    for page in pages(built.out):
        browser.open(site + page, width=390)
        browser.draw_all()
        assert browser.run(WIDER_THAN_THE_PAGE) == [], page


def test_links_of_the_pages_open(browser: Browser, site: str) -> None:
    browser.open(site + "index.html")
    browser.run("document.querySelector('.tb-answer .tb-more a[href*=smollm-cpu]').click()")
    browser.wait("location.href.endsWith('results/campaigns/smollm-cpu/index.html')", "the campaign's page")
    browser.run("document.querySelector('a[href=\"#trial-4\"]').click()")
    browser.wait("document.querySelector('tr:target td').textContent === '4'", "the trial")
    assert browser.complaints() == []


def test_a_command_can_be_copied(browser: Browser, site: str) -> None:
    browser.open(site + "index.html")
    browser.wait("document.querySelector('.tb-command .md-code__button')", "a button")
    assert "--threads" in browser.run("return document.querySelector('.tb-command code').textContent")


def test_what_is_copied_is_what_render_prints(browser: Browser, site: str, filled: Path) -> None:
    """From the button to the clipboard and out of it again."""
    browser.open(site + "results/campaigns/smollm-cpu/index.html")
    button = ".tb-forms .tabbed-block .tb-command .md-code__button"
    browser.wait(f"document.querySelector('{button}')", "a button")
    assert browser.run("return document.querySelectorAll('.tb-forms')[0].querySelectorAll('pre').length") == 1
    found = browser.driver.find_element("css selector", button)
    browser.run("arguments[0].scrollIntoView({block: 'center'})", found)
    found.click()  # a click of a script may not write to the clipboard
    browser.run("document.body.prepend(Object.assign(document.createElement('textarea'), {id: 'into'}))")
    browser.driver.find_element("id", "into").send_keys(Keys.CONTROL, "v")
    printed = CliRunner().invoke(COMMAND, ["smollm-cpu", "--results", str(filled)]).stdout
    assert browser.run("return document.getElementById('into').value") == printed.rstrip("\n")
    assert browser.complaints() == []


SHOWN = "return [...document.querySelectorAll('.tb-forms')][0].innerText"


def test_forms_are_tabs_and_each_can_be_read_in_its_turn(browser: Browser, site: str) -> None:
    browser.open(site + "results/campaigns/smollm-cpu/index.html")
    assert "MODEL=/path/to/" in browser.run(SHOWN)
    assert "--as compose" not in browser.run(SHOWN)
    browser.run("document.querySelectorAll('.tb-forms label')[2].click()")
    browser.wait(f"({SHOWN.removeprefix('return ')}).includes('--as compose --image REPOSITORY:TAG')", "the third tab")
    assert "MODEL=/path/to/" not in browser.run(SHOWN)


def test_every_form_is_there_on_paper_and_without_javascript(browser: Browser, site: str) -> None:
    page = site + "results/campaigns/smollm-cpu/index.html"
    names = ("Shell", "Docker", "Compose", "Kubernetes")
    wanted = ["MODEL=/path/to/", *(f"--as {name.lower()} --image" for name in names[1:])]
    browser.open(page)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        text = browser.run(SHOWN)
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert [one for one in (*names, *wanted) if one not in text] == []
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.driver.get(page)
        text = browser.driver.find_element("css selector", ".tb-forms").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert [text.count(one) for one in (*names, *wanted)] == [1] * 8, text


def test_the_numbers_are_there_without_javascript(browser: Browser, site: str) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(site + "results/campaigns/smollm-cpu/index.html")
        text = browser.driver.find_element("tag name", "article").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    for expected in ("confirmed", "tok/s", "bad_flag at start", "12 trials, 7 succeeded, 5 failed"):
        assert expected in text
