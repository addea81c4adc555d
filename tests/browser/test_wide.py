"""Pages of what is long, wide or many: every table fits the page of a desk, and nothing breaks however it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from report.build import Built, build_site
from report.filters import GLOBALS
from tests import make
from tests.benchmarks.search import table
from tests.browser.checks import wrong_with
from tests.browser.conftest import Browser, Places, served
from tests.browser.modes import MODES, Mode, reading
from tests.browser.test_hostile import of_the_facts
from tests.make.wide import write_wide
from tests.report.conftest import make_project
from tests.report.test_search_page import PEERS, line

pytestmark = pytest.mark.browser

TOO_WIDE = """
  document.querySelectorAll('article details').forEach(d => { d.open = true; });
  return [...document.querySelectorAll('.tb-scroll')].filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => `${e.scrollWidth} > ${e.clientWidth}: ${e.querySelector('thead').innerText.replace(/\\s+/g, ' ')}`);
"""


def benchmarks() -> dict[str, Any]:
    """Both parts of `report/search.json`, with every search of the benchmark on two landscapes."""
    searches = [
        {**line(variant, seed, 0.02 + 0.01 * number, 8), "landscape": landscape}
        for landscape in ("several engines", "llama.cpp, measured")
        for number, variant in enumerate(("tpe", "random", "tpe + precheck + history", "classic"))
        for seed in range(4)
    ]
    about = {"measured": "2026-01-02", "machine": "2 cores, Example CPU 3.0 GHz", "command": "make bench-search"}
    return {"bench": {**table.content(searches), **about}, "peers": PEERS}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Built:
    results = tmp_path_factory.mktemp("wide") / "results"
    write_wide(results)
    make.write_audits(results)
    project = make_project(tmp_path_factory.mktemp("wide-project"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(GLOBALS, "MEASURED_SEARCH", benchmarks())
        return build_site(results, project, None)


@pytest.fixture(scope="module")
def wide_places(wide: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with served(wide.out, tmp_path_factory.mktemp("wide-below")) as found:
        yield found


def test_no_table_scrolls_sideways_on_a_desk(browser: Browser, wide: Built, wide_places: Places) -> None:
    found = []
    for page in of_the_facts(wide.out):
        browser.open(wide_places["http"] + page)
        found += [f"{page[:60]}: {what}" for what in browser.run(TOO_WIDE)]
    assert not found, "\n".join(found)


def test_each_page_is_whole(browser: Browser, wide: Built, wide_places: Places) -> None:
    found: list[str] = []
    for number, page in enumerate(of_the_facts(wide.out)):
        for mode in (MODES[number % len(MODES)], MODES[(number + 3) % len(MODES)]):
            found += findings(browser, wide_places, page, mode)
    assert not found, "\n".join(found)


@pytest.mark.matrix
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_each_page_is_whole_in_this_way_of_reading(
    browser: Browser, wide: Built, wide_places: Places, mode: Mode
) -> None:
    found = [what for page in of_the_facts(wide.out) for what in findings(browser, wide_places, page, mode)]
    assert not found, "\n".join(found)


def findings(browser: Browser, places: Places, page: str, mode: Mode) -> list[str]:
    site = places[mode.place]
    with reading(browser, mode, site + page):
        return [f"{page[:60]}, {mode.name}: {what}" for what in wrong_with(browser, mode, site)]
