"""What readers come for, from the overview in at most three clicks: on a desk and on a phone, served and as files.

A click is counted wherever one is made; scrolling and typing are free. Every click is a real one, in the middle of what
a reader sees, so what is hidden or covered fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from report.build import Built
from tests.browser.conftest import PATIENCE, Browser, Places
from tests.make.alike import ELSEWHERE, FIRST, SECOND

pytestmark = pytest.mark.browser

MOST = 3
"""Clicks."""


@dataclass
class Reader:
    """Somebody with a mouse or a finger on the overview."""

    browser: Browser
    clicks: int = 0

    def see(self, selector: str, text: str = "") -> WebElement:
        """The first element in the page that can be seen and has the text; waits for it."""
        script = (
            "[...document.querySelectorAll(arguments[0])].find("
            "e => e.checkVisibility({visibilityProperty: true}) && e.textContent.includes(arguments[1]))"
        )
        self.browser.wait(
            script.replace("arguments[0]", repr(selector)).replace("arguments[1]", repr(text)) + " !== undefined",
            f"{selector} with {text!r}",
        )
        found: WebElement = self.browser.run(f"return {script}", selector, text)
        return found

    def click(self, selector: str, text: str = "") -> WebElement:
        self.clicks += 1
        assert self.clicks <= MOST, f"{selector} would be click {self.clicks}"
        found = self.see(selector, text)
        self.browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", found)
        found.click()
        return found

    def read(self, selector: str = "article") -> str:
        text: str = self.browser.run("return document.querySelector(arguments[0]).innerText", selector)
        return text

    def pasted(self) -> str:
        """What the clipboard holds, as a reader finds out: in a field of another page."""
        driver = self.browser.driver
        driver.get("data:text/html,<textarea id=into></textarea>")
        driver.find_element("id", "into").send_keys(Keys.CONTROL, "v")
        return str(self.browser.run("return document.getElementById('into').value"))


@pytest.fixture(params=[("http", 1280), ("http", 390), ("file", 1280), ("file", 390)], ids=lambda p: f"{p[0]}-{p[1]}")
def reader(request: pytest.FixtureRequest, browser: Browser, stocked_places: Places) -> Iterator[Reader]:
    place, width = request.param
    browser.open(stocked_places[place] + "index.html", width=width)
    yield Reader(browser)
    assert browser.complaints() == []


def test_copy_the_best_command_under_500_ms_to_the_first_token(reader: Reader, stocked: Built) -> None:
    reader.click("article a[href*='campaigns/smollm-cpu/']", "smollm-cpu")
    reader.browser.wait("!!document.querySelector('.tb-whatif')", "the page of the campaign")
    reader.browser.run("document.querySelector('.tb-whatif').scrollIntoView()")
    reader.browser.wait("document.querySelector('.tb-whatif[data-done]')", "the panel of other limits")
    field = reader.click("#whatif-ttft_p99 ~ input[type=number]")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("500")
    reader.browser.wait("location.hash.includes('ttft_p99=0.5')", "the limit")
    text = reader.read(".tb-whatif .tb-answer")
    assert "would win" in text
    number = int(text.split()[1])
    reader.click(".tb-whatif .tb-answer button")
    copied = reader.pasted()
    # The file of the trial, which no script made, has the same line.
    told = (stocked.out / f"results/campaigns/smollm-cpu/trials/{number}.txt").read_text(encoding="utf-8")
    assert "runtimes.llama_cpp.launcher" in copied
    assert " ".join(copied.split()) in " ".join(told.split())


def test_why_a_trial_died(reader: Reader) -> None:
    reader.click("article a[href*='campaigns/smollm-cpu/']", "smollm-cpu")
    row = reader.see("tr:has(.tb-evidence)", "hung")
    cells = row.text
    assert "hang" in cells
    assert row.find_element("css selector", ".tb-evidence").text
    hint = reader.browser.run(
        "return arguments[0].querySelector('td:has(.tb-evidence)').innerText.split('\\n')[1]", row
    )
    assert len(hint) > 20, "what to do about it"


def test_which_runtime_is_best_here_and_how_sure(reader: Reader) -> None:
    reader.click("article a[href$='runtimes.html']")
    text = reader.read()
    assert "SmolLM2-135M-Instruct.Q4_1.gguf on CPU: output throughput" in text
    pair = reader.see("tr:has(.tb-badge--good)", "f16").text
    assert "better" in pair
    assert "3 each" in pair
    assert "confirmed, 3 repeats" in " ".join(text.split())


def test_may_two_campaigns_be_compared_and_which_fact_differs(reader: Reader) -> None:
    reader.click("article a[href$='compare.html']")
    reader.browser.wait("document.querySelectorAll('#tb-campaigns option').length > 2", "the names of the campaigns")
    reader.click(".tb-choice input").send_keys(FIRST)
    reader.click(".tb-choice div:nth-child(2) input").send_keys(ELSEWHERE, Keys.ENTER)
    refused = reader.see(".tb-compared .tb-doubts", "not comparable").text
    assert f"{FIRST} and {ELSEWHERE} are not comparable: CPU differs" in refused
    assert "Another CPU" in refused


def test_two_that_may_be_compared(reader: Reader) -> None:
    reader.click("article a[href$='compare.html']")
    reader.click("article a[href*='#c=']", "lay side by side")
    reader.see(".tb-compared .tb-lead")
    text = reader.read(".tb-compared")
    assert FIRST in text
    assert SECOND in text
    assert "Not comparable" not in text


def test_all_data_as_one_file_and_its_checksum(reader: Reader, tmp_path: Path) -> None:
    allow = {"behavior": "allow", "downloadPath": str(tmp_path)}
    reader.browser.driver.execute_cdp_cmd("Browser.setDownloadBehavior", allow)
    reader.click("article a[href$='results.duckdb']")
    reader.click("article a[href$='SHA256SUMS']")
    data, told = tmp_path / "results.duckdb", tmp_path / "SHA256SUMS"
    opened = "return location.pathname.endsWith('SHA256SUMS')"  # as a file it is a text to read, not to keep
    for _ in range(PATIENCE * 10):
        if data.exists() and (told.exists() or reader.browser.run(opened)):
            break
        reader.browser.driver.execute_async_script("setTimeout(arguments[0], 100)")
    lines = (told.read_text(encoding="utf-8") if told.exists() else reader.read("body")).splitlines()
    sums = dict(line.split()[::-1] for line in lines)
    assert sums["results.duckdb"] == hashlib.sha256(data.read_bytes()).hexdigest()
