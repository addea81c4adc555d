"""Campaigns side by side, in a real browser."""

from __future__ import annotations

import random
from pathlib import Path
from urllib.parse import quote

import pytest

from report.build import build_site
from report.comparability import FACTS
from runner.stats.compare import EQUAL_WITHIN_A_RUNTIME, MUST_BE_EQUAL, comparable
from tests import make
from tests._shared import once
from tests.browser.conftest import Browser
from tests.make.alike import ELSEWHERE, FIRST, SECOND, write_alike
from tests.report.conftest import make_small_project

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    def build(folder: Path) -> Path:
        results = folder / "results"
        write_alike(results)
        make.write_all_failed(results)
        return build_site(results, make_small_project(folder / "project"), None).out

    return f"{once(tmp_path_factory, 'alike', build).as_uri()}/results/compare.html"


def shown(browser: Browser, *names: str) -> str:
    browser.wait(f"document.getElementById('tb-compare').dataset.shown === '{','.join(names)}'", "the choice")
    text: str = browser.run("return document.querySelector('.tb-compared').innerText")
    return text


def test_two_that_may_be_compared_have_a_best_for_each_number(browser: Browser, page: str) -> None:
    browser.open(f"{page}#c={FIRST},{SECOND}")
    text = shown(browser, FIRST, SECOND)
    assert "Not comparable" not in text
    leads = browser.run("return [...document.querySelectorAll('.tb-lead')].map(td => td.cellIndex)")
    assert leads, "nothing leads"
    throughput = browser.run(
        "return [...document.querySelectorAll('.tb-compared tr')].filter(r => r.innerText.startsWith('Output'))"
        ".map(r => r.querySelector('.tb-lead').cellIndex)"
    )
    assert set(throughput) == {2}
    assert browser.complaints() == []
    site = page.removesuffix("results/compare.html")
    assert [address for address in browser.requests() if not address.startswith(site)] == []


def test_another_machine_is_named_and_nothing_leads(browser: Browser, page: str) -> None:
    browser.open(f"{page}#c={FIRST},{ELSEWHERE}")
    text = shown(browser, FIRST, ELSEWHERE)
    assert f"{FIRST} and {ELSEWHERE} are not comparable: CPU differs" in text
    assert "Another CPU" in text
    assert browser.run("return document.querySelectorAll('.tb-lead').length") == 0


def test_the_form_writes_the_address_and_the_keyboard_reaches_it(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.wait("document.querySelectorAll('.tb-choice input').length === 4", "the form")
    browser.wait("document.querySelectorAll('#tb-campaigns option').length === 3", "the names")
    assert "Name two campaigns" in shown(browser)
    browser.run(
        "const [a, b] = document.querySelectorAll('.tb-choice input'); a.value = arguments[0]; b.value = arguments[1];"
        "a.form.requestSubmit()", SECOND, FIRST,
    )  # fmt: skip
    shown(browser, SECOND, FIRST)
    assert browser.run("return location.hash") == f"#c={SECOND},{FIRST}"
    for index in range(4):
        browser.run("document.querySelectorAll('.tb-choice input')[arguments[0]].focus()", index)
        assert browser.run("return document.activeElement.getAttribute('aria-label')") == f"Campaign {index + 1}"


def test_what_nobody_ran_is_said(browser: Browser, page: str) -> None:
    browser.open(f"{page}#c={FIRST},{quote('<b>nobody</b>', safe='')}")
    browser.wait("!!document.querySelector('.tb-compared p')", "an answer")
    text = browser.run("return document.querySelector('.tb-compared').innerText")
    assert "No campaign with a result is called <b>nobody</b>." in text
    browser.open(f"{page}#c={FIRST},50%")
    assert "No campaign with a result is called 50%." in shown(browser, FIRST, "50%")
    assert browser.complaints() == []


def test_the_script_refuses_what_the_program_refuses(browser: Browser, page: str) -> None:
    """200 pairs of facts, each fact missing, equal or different."""
    chance = random.Random(5)
    names = ("runtime", *MUST_BE_EQUAL, *EQUAL_WITHIN_A_RUNTIME)
    common: dict[str, str | None] = dict.fromkeys(names, "x")
    pairs = []
    for _ in range(200):
        one, other = dict(common), dict(common)
        for name in chance.sample(names, chance.randint(0, 3)):
            chance.choice([one, other])[name] = chance.choice(["y", "z", None])
        pairs.append((one, other))
    expected = [(comparable(one, other) or "").partition(" ")[0] or None for one, other in pairs]
    assert len(set(expected)) > 8, "the pairs say little"
    browser.open(page)
    browser.wait("!!window.tunebookDiffering", "the script")
    found = browser.run(
        "return arguments[0].map(([a, b]) => (window.tunebookDiffering(a, b, arguments[1]) || {name: null}).name)",
        [[*pair] for pair in pairs], FACTS,
    )  # fmt: skip
    assert found == expected
