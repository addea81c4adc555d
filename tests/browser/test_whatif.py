"""Other limits in a real browser: the script scores as report/whatif.py does, a reader finds an answer and keeps it."""

from __future__ import annotations

from dataclasses import asdict
from importlib.resources import files
from typing import Any

import pytest
from selenium.webdriver import Keys

from report.whatif import rescore
from tests.browser.conftest import Browser, Places
from tests.make.limits import CASES, cases

pytestmark = pytest.mark.browser

PAGE = "results/campaigns/smollm-cpu/index.html"
DONE = "document.querySelector('.tb-whatif[data-done]')"
ANSWER = "document.querySelector('.tb-whatif .tb-answer').innerText"


def test_the_script_scores_as_python_does(browser: Browser) -> None:
    """Floats to the last bit: both take the same steps in the same order."""
    browser.driver.get("about:blank")
    script = files("report.assets").joinpath("whatif.js").read_text(encoding="utf-8")
    made = cases()
    assert len(made) == CASES
    found: list[Any] = browser.run(
        script + "; return arguments[0].map(([data, limits]) => window.__tunebookWhatif.rescore(data, limits))", made
    )
    wrong = [
        (number, case["at"], answer, asdict(rescore(case, limits)))
        for number, ((case, limits), answer) in enumerate(zip(made, found, strict=True))
        if answer != asdict(rescore(case, limits))
    ]
    assert wrong == []


def opened(browser: Browser, address: str, **how: Any) -> None:
    browser.open(address, **how)
    browser.run("document.querySelector('.tb-whatif').scrollIntoView()")
    browser.wait(DONE, "the panel")


def slider(browser: Browser, metric: str) -> Any:
    return browser.driver.find_element("id", f"whatif-{metric}")


def test_a_reader_finds_the_winner_under_another_limit(browser: Browser, site: str) -> None:
    opened(browser, site + PAGE)
    before = browser.run(f"return {ANSWER}")
    assert "would win" in before
    assert "of 12 trials" in before
    assert '--model "$MODEL"' in before, "its launch line"
    field = browser.driver.find_element("css selector", "#whatif-ttft_p99 ~ input[type=number]")
    field.clear()
    field.send_keys("1")
    browser.wait(f"{ANSWER}.includes('No trial meets these limits')", "nobody")
    browser.wait("location.hash.startsWith('#whatif:ttft_p99=0.001')", "the address")
    browser.run("document.querySelector('.tb-whatif button').click()")
    browser.wait(f"{ANSWER} === arguments[0]".replace("arguments[0]", repr(before)), "the first answer again")
    assert browser.complaints() == []


def test_a_slider_takes_the_keyboard_and_the_address_brings_it_back(browser: Browser, site: str) -> None:
    opened(browser, site + PAGE)
    found = slider(browser, "ttft_p99")
    for _ in range(60):
        found.send_keys(Keys.ARROW_LEFT)
    browser.wait("location.hash.startsWith('#whatif:ttft_p99=')", "the address")
    said, address = browser.run(f"return [{ANSWER}, location.href]")
    value = browser.run("return document.getElementById('whatif-ttft_p99').getAttribute('aria-valuetext')")
    assert value.endswith(" ms") or value.endswith(" s")
    browser.open(site + "index.html")
    browser.open(address)
    browser.wait(DONE, "the panel, without scrolling to it")
    assert browser.run(f"return {ANSWER}") == said
    assert browser.complaints() == []


def test_what_stands_in_an_address_is_a_number_or_nothing(browser: Browser, site: str) -> None:
    opened(browser, site + PAGE)
    plain = browser.run(f"return {ANSWER}")
    opened(
        browser,
        site + PAGE + "#whatif:ttft_p99=<img src=x>,tpot_p99=,a=1,ttft_p99=-3",
    )
    assert browser.run(f"return {ANSWER}") == plain
    assert browser.run("return document.querySelectorAll('.tb-whatif img').length") == 0


def test_on_a_phone_and_in_the_dark_nothing_sticks_out(browser: Browser, places: Places) -> None:
    opened(browser, places["file"] + PAGE, width=390, dark=True)
    width = browser.run("return document.documentElement.scrollWidth")
    assert width <= 391
    assert browser.run("return document.querySelector('.tb-whatif input[type=range]').clientWidth") > 150


def test_without_javascript_a_table_stands_there(browser: Browser, site: str) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(site + PAGE)
        text = browser.driver.find_element("tag name", "article").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "No limit" in text
    assert "Time to first token, p99 at most 2 s" in text


def test_a_trial_opens_as_text_and_runs_nothing(browser: Browser, places: Places) -> None:
    opened(browser, places["http"] + PAGE)
    browser.run("document.querySelector('tr#trial-5 a').click()")
    browser.wait("location.pathname.endsWith('trials/5.txt')", "the file")
    assert "ggml_aligned_malloc" in browser.run("return document.body.innerText")
    assert browser.run("return document.contentType") == "text/plain"
    assert browser.run("return document.characterSet") == "UTF-8"
