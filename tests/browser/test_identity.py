"""A site with title, logo and accent of its own, in a real browser: an accent that nobody could read can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from report.build import build_site
from tests.browser.checks import wrong_with
from tests.browser.conftest import Browser, Places, served
from tests.browser.modes import MODES, Mode, reading
from tests.report.conftest import make_small_project
from tests.report.test_identity import LOGO

pytestmark = pytest.mark.browser

SHOWN = [mode for mode in MODES if mode.name in ("light", "dark", "print from dark")]


@pytest.fixture(scope="module")
def yellow(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    project = make_small_project(tmp_path_factory.mktemp("yellow") / "project")
    (project / "logo.svg").write_text(LOGO, encoding="utf-8")
    (project / "tunebook.toml").write_text(
        '[site]\ntitle = "Serving at Example"\nlogo = "logo.svg"\naccent = "#ffd400"\n', encoding="utf-8"
    )
    with served(build_site(filled, project, None).out, tmp_path_factory.mktemp("yellow-below")) as found:
        yield found


@pytest.mark.parametrize("mode", SHOWN, ids=lambda mode: mode.name)
def test_every_text_can_be_read(browser: Browser, yellow: Places, mode: Mode) -> None:
    site = yellow[mode.place]
    for page in ("index.html", "results/failures.html", "results/sql.html"):
        with reading(browser, mode, site + page):
            assert wrong_with(browser, mode, site) == [], page
            if page == "index.html" and not mode.paper:
                logo = "document.querySelector('.md-header__button.md-logo img')"
                assert browser.run(f"return [{logo}.naturalWidth > 0, {logo}.clientHeight > 10]") == [True, True]
                assert "Serving at Example" in browser.run("return document.querySelector('.md-header').innerText")
                ground = browser.run("return getComputedStyle(document.querySelector('.md-header')).backgroundColor")
                red, green, blue = (int(part) for part in ground.strip("rgb()").split(","))
                assert red > green > blue, "a yellow, darkened"
