"""The keyboard alone: Tab comes to every control of a page in turn, shows where it is, and gets out again."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Browser, Places
from tests.browser.kinds import GENERATED
from tests.browser.modes import Mode, reading

pytestmark = pytest.mark.browser

LOOKS = (Mode("desk"), Mode("dark phone", dark=True, width=390))
TAB = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}

WATCH = """
  // Of radio buttons the chosen one is the stop; what shows the focus of one that can not be seen is its label.
  const shows = e => e.type === 'radio' ? document.querySelector(`label[for="${e.id}"]`) || e : e;
  const look = e => {
    const s = getComputedStyle(shows(e));
    const outline = s.outlineStyle === 'none' ? '' : s.outlineStyle + s.outlineWidth + s.outlineColor;
    return [outline, s.boxShadow, s.backgroundColor, s.borderColor, s.color, s.textDecorationLine, s.opacity].join('|');
  };
  const still = document.createElement('style');
  still.textContent = '* { transition: none !important }';
  document.head.append(still);
  const controls = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const all = [...document.querySelectorAll(`article :is(${controls})`)]
    .filter(e => !e.disabled && e.tabIndex >= 0 && (e.type !== 'radio' || e.checked)
      && shows(e).checkVisibility({ visibilityProperty: true }));
  window.watched = new Map(all.map(e => [e, { rest: look(e), seen: null }]));
  document.addEventListener('focusin', ({ target }) => {
    const one = watched.get(target);
    if (one) one.seen = look(target);
  });
  document.activeElement.blur();
  const article = document.querySelector('article');
  article.tabIndex = -1;
  article.focus();
  return all.length;
"""
LEFT = """
  const name = e => e.outerHTML.slice(0, 110);
  const all = [...watched].filter(([e]) => e.isConnected);
  return [...all.filter(([, one]) => one.seen === null).map(([e]) => 'Tab does not come to ' + name(e)),
    ...all.filter(([, one]) => one.seen === one.rest).map(([e]) => 'nobody sees the focus on ' + name(e))];
"""
INSIDE = "return document.activeElement.closest('article') !== null"


def by_keyboard(browser: Browser, address: str, mode: Mode) -> tuple[int, list[str]]:
    """How many controls the page has, and what is wrong with them."""
    with reading(browser, mode, address):
        number = browser.run(WATCH)
        for _ in range(number + 20):
            browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "rawKeyDown", **TAB})
            browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **TAB})
            if not browser.run(INSIDE):
                return number, browser.run(LEFT)
        where = browser.run("return document.activeElement.outerHTML.slice(0, 110)")
        return number, [f"Tab does not get out: it is at {where}", *browser.run(LEFT)]


@pytest.mark.parametrize("mode", LOOKS, ids=lambda mode: mode.name)
def test_tab_comes_to_every_control_and_shows_it(browser: Browser, stocked_places: Places, mode: Mode) -> None:
    found, controls = [], 0
    for page in GENERATED:
        number, wrong = by_keyboard(browser, stocked_places["http"] + page, mode)
        controls += number
        found += [f"{page}, {mode.name}: {one}" for one in wrong]
    assert not found, "\n".join(found)
    assert controls > 100


def test_a_trap_and_a_hidden_control_are_found(browser: Browser, stocked_places: Places) -> None:
    address = stocked_places["http"] + "results/downloads.html"
    mode = LOOKS[0]
    planted = """
      const article = document.querySelector('article');
      article.insertAdjacentHTML('afterbegin', `<button id="plain" style="all: unset">x</button>
        <input id="trap"><a href="#" id="over">y</a>`);
      document.getElementById('trap').addEventListener('keydown', e => e.preventDefault());
    """
    with reading(browser, mode, address):
        browser.run(planted)
        browser.run(WATCH)
        for _ in range(5):
            browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "rawKeyDown", **TAB})
        assert browser.run("return document.activeElement.id") == "trap"
        left = "\n".join(browser.run(LEFT))
    assert 'Tab does not come to <a href="#" id="over"' in left
    assert 'nobody sees the focus on <button id="plain"' in left
