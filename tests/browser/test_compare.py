"""Campaigns and runs side by side, in a real browser."""

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
from tests.make.trend import DEAD, NIGHTS, SLOWER, write_trend
from tests.report.conftest import make_small_project

pytestmark = pytest.mark.browser

NIGHTLY = "smollm-nightly"
CRASHED = DEAD + 1
"""The run in which nothing succeeded: nights count from 0, runs from 1."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    def build(folder: Path) -> Path:
        results = folder / "results"
        write_alike(results)
        write_trend(results)
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
    browser.wait("document.querySelectorAll('#tb-campaigns option').length === 4", "the names")
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


def head(browser: Browser) -> list[str]:
    found: list[str] = browser.run(
        "return [...document.querySelector('.tb-compared table').tHead.querySelectorAll('a')].map(a => a.innerText)"
    )
    return found


def test_two_runs_of_a_campaign_are_compared_by_what_each_measured(browser: Browser, page: str) -> None:
    browser.open(f"{page}#c={NIGHTLY}@4,{NIGHTLY}@5")
    text = shown(browser, f"{NIGHTLY}@4", f"{NIGHTLY}@5")
    assert head(browser) == [f"{NIGHTLY}, run 4", f"{NIGHTLY}, run 5"]
    assert "Not comparable" not in text
    assert "100 tok/s (not confirmed)" in text
    assert "100.4 tok/s (not confirmed)" in text
    assert "2026-03-05 14:53 UTC" in text, "when the fourth began"
    assert browser.run("return document.querySelectorAll('.tb-lead').length") > 0
    links = browser.run("return [...document.querySelectorAll('.tb-compared th a')].map(a => a.hash)")
    assert links[:2] == ["#run-4", "#run-5"]
    assert browser.run("return [...document.querySelectorAll('.tb-choice select')].map(s => s.value)") == [
        "4",
        "5",
        "",
        "",
    ]
    assert browser.complaints() == []


def test_runs_of_two_engine_versions_are_refused_and_the_fact_is_named(browser: Browser, page: str) -> None:
    before, after = f"{NIGHTLY}@{SLOWER}", f"{NIGHTLY}@{SLOWER + 1}"
    browser.open(f"{page}#c={before},{after},{FIRST}")
    text = shown(browser, before, after, FIRST)
    assert (
        f"{NIGHTLY}, run {SLOWER} and {NIGHTLY}, run {SLOWER + 1} are not comparable: version of the engine differs, "
        "b11549 / b11556"
    ) in text
    assert f"{NIGHTLY}, run {SLOWER} and {FIRST} are not comparable: workload differs" in text
    assert browser.run("return document.querySelectorAll('.tb-lead').length") == 0
    assert browser.run("return document.querySelector('.tb-compared details').open")
    facts = browser.run(
        "return [...document.querySelectorAll('.tb-compared details tbody th')].map(th => th.innerText)"
    )
    assert [one.removesuffix(" ≠") for one in facts if one.endswith("≠")] == ["workload", "version of the engine"]
    assert len(facts) == len(MUST_BE_EQUAL) + len(EQUAL_WITHIN_A_RUNTIME) + 1


def test_a_run_with_nothing_to_show_says_why(browser: Browser, page: str) -> None:
    for token, said in {
        f"{NIGHTLY}@{CRASHED}": f"Nothing that run {CRASHED} of {NIGHTLY} measured succeeded.",
        f"{NIGHTLY}@{NIGHTS + 1}": f"{NIGHTLY} ran {NIGHTS} times: there is no run {NIGHTS + 1}.",
        f"{FIRST}@2": f"{FIRST} ran once: there is no run 2.",
        "nobody@1": "No campaign with a result is called nobody@1.",
        f"{SECOND}@": f"No campaign with a result is called {SECOND}@.",
    }.items():
        browser.open(f"{page}#c={SECOND},{token}")
        assert said in shown(browser, SECOND, token)
    browser.open(f"{page}#c={SECOND},{FIRST}@1")
    shown(browser, SECOND, f"{FIRST}@1")
    assert head(browser) == [SECOND, FIRST], "the only run of a campaign is the campaign"
    assert browser.complaints() == []


def test_a_run_is_chosen_in_the_form(browser: Browser, page: str) -> None:
    browser.open(page)
    assert "Name two campaigns" in shown(browser)
    assert browser.run("return [...document.querySelectorAll('.tb-choice select')].every(s => s.hidden)")
    typed = (
        "const [a, b] = document.querySelectorAll('.tb-choice input'); a.value = arguments[0]; b.value = arguments[1];"
        "for (const one of [a, b]) one.dispatchEvent(new Event('change'))"
    )
    browser.run(typed, NIGHTLY, f"{NIGHTLY}@7")
    browser.wait("document.querySelectorAll('.tb-choice select:not([hidden])').length === 2", "the runs")
    options = browser.run(
        "return [...document.querySelector('.tb-choice select').options].map(o => [o.value, o.disabled])"
    )
    assert options == [["", False], *([str(n), n == CRASHED] for n in range(NIGHTS, 0, -1))]
    browser.run(
        "document.querySelector('.tb-choice select').value = '8'; document.querySelector('.tb-choice').requestSubmit()"
    )
    shown(browser, f"{NIGHTLY}@8", f"{NIGHTLY}@7")
    assert browser.run("return location.hash") == f"#c={NIGHTLY}@8,{NIGHTLY}@7"


def test_the_page_of_a_campaign_leads_to_its_runs_side_by_side(browser: Browser, page: str) -> None:
    browser.open(page.replace("compare.html", f"campaigns/{NIGHTLY}/index.html") + f"#run-{SLOWER + 1}")
    row = browser.run("const r = document.querySelector('tr:target'); return [r.innerText, r.querySelector('a').href]")
    assert "not comparable: version of the engine differs, b11549 / b11556" in row[0]
    browser.run("document.querySelector('tr:target a').click()")
    text = shown(browser, f"{NIGHTLY}@{SLOWER}", f"{NIGHTLY}@{SLOWER + 1}")
    assert "Not comparable" in text


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
