"""What others wrote stays text: a site of hostile facts in a real browser, where a script would run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from report.build import Built, build_site
from report.publish import Publisher
from tests.browser.checks import wrong_with
from tests.browser.conftest import Browser, Places, pages, served
from tests.browser.modes import MODES, Mode, reading
from tests.make.hostile import ATTACKS, LONG, write_hostile
from tests.report.conftest import make_project

pytestmark = pytest.mark.browser

LARGEST = 1_500_000
"""Bytes of a page, of which a line of 1 MB was said in five places."""

INTRUDERS = """
  const all = (what) => [...document.querySelectorAll(what)];
  const ours = '.vega-bindings, .tb-filter form';
  return all(`article :is(script, iframe, object, embed, img, form:not(${ours}), base, link, meta, style)`)
    .concat(all('article a[href]').filter(a => a.protocol !== location.protocol || a.host !== location.host))
    .concat(all('*').filter(e => [...e.attributes].some(a => a.name.startsWith('on'))))
    .map(e => e.outerHTML.slice(0, 100));
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Built:
    results = tmp_path_factory.mktemp("hostile") / "results"
    results.mkdir()
    write_hostile(results)
    return build_site(results, make_project(tmp_path_factory.mktemp("hostile-project")), None)


@pytest.fixture(scope="module")
def hostile_places(hostile: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with served(hostile.out, tmp_path_factory.mktemp("hostile-below")) as found:
        yield found


def of_the_facts(out: Path) -> list[str]:
    """The pages that show facts: the hand-written ones are the same on every site."""
    return [page for page in pages(out) if page == "index.html" or page.startswith("results/")]


def seen_as(attack: str) -> str:
    """What a reader should see: published as any text, what can not be seen replaced, one space between words."""
    shown = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", "\ufffd",
                   Publisher([]).text(attack))  # fmt: skip
    return " ".join(shown.split())


def check(browser: Browser, places: Places, page: str, mode: Mode) -> list[str]:
    site = places[mode.place]
    with reading(browser, mode, site + page):
        # A chart that shows `@entries` shows what was said, not a placeholder of ours.
        wrong = [what for what in wrong_with(browser, mode, site) if "a placeholder in the chart" not in what]
        found = [f"{page[:60]}, {mode.name}: {what}" for what in wrong]
        found += [f"{page[:60]}: an intruder: {what}" for what in browser.run(INTRUDERS)]
        text = browser.run("return document.body.innerText")
        found += [f"{page[:60]}: shows {c!r}" for c in sorted(set(text)) if not c.isprintable() and c not in "\n\t"]
    return found


def test_nothing_runs_and_no_page_breaks(browser: Browser, hostile: Built, hostile_places: Places) -> None:
    found: list[str] = []
    for number, page in enumerate(of_the_facts(hostile.out)):
        found += check(browser, hostile_places, page, MODES[number % len(MODES)])
    assert not found, "\n".join(found)


@pytest.mark.matrix
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_nothing_runs_in_any_way_of_reading(
    browser: Browser, hostile: Built, hostile_places: Places, mode: Mode
) -> None:
    found: list[str] = []
    for page in of_the_facts(hostile.out):
        found += check(browser, hostile_places, page, mode)
    assert not found, "\n".join(found)


def test_every_attack_can_be_read(browser: Browser, hostile: Built, hostile_places: Places) -> None:
    """Shown as it was written, not swallowed: an engine's last words are the evidence."""
    page = next(page for page in pages(hostile.out) if page.startswith("results/campaigns/") and "-0-" in page)
    browser.open(hostile_places["http"] + page)
    for where in ("h1", ".tb-lede", ".tb-evidence", "details pre"):
        shown = " ".join(str(browser.run("return document.querySelector(arguments[0]).textContent", where)).split())
        assert [attack for attack in ATTACKS if seen_as(attack) not in shown] == [], where


def test_a_page_stays_small_and_whole(hostile: Built) -> None:
    sizes = {page: (hostile.out / page).stat().st_size for page in pages(hostile.out)}
    assert max(sizes.values()) < LARGEST, sizes
    assert max(sizes.values()) > 10_000
    longest = [page for page in sizes if "x" * 1000 in (hostile.out / page).read_text(encoding="utf-8")]
    assert longest, "the long line is shown, cut"
    assert max(len(run) for page in longest for run in re.findall("x+", (hostile.out / page).read_text())) < LONG


class _Nesting(HTMLParser):
    """Complains of an end tag that closes something else."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"table", "tbody", "thead", "td", "tr", "article", "main", "figure", "details", "pre", "a"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"table", "tbody", "thead", "td", "tr", "article", "main", "figure", "details", "pre", "a"}:
            if not self.open or self.open[-1] != tag:
                self.wrong.append(f"</{tag}> in {self.open[-3:]} at {self.getpos()}")
            else:
                self.open.pop()


def test_tags_close_what_they_opened(hostile: Built) -> None:
    for page in of_the_facts(hostile.out):
        parser = _Nesting()
        parser.feed((hostile.out / page).read_text(encoding="utf-8"))
        assert (parser.wrong, parser.open) == ([], []), page
