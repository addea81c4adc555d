"""What a reader waits for, in a real Chromium: the first chart, scrolling, memory. It prints, and judges nothing.

    python -m tests.benchmarks.bench_page --trials 50 --big 5000 --times 5

Pages of the sites of two synthetic campaigns (tests/make/many.py), served on the loopback to a browser that has seen
nothing yet. First chart: from when its place was in view until it was drawn. Scrolling: from the top to the bottom, 120
px a frame, once while the charts are being drawn and once when all stand; frames by requestAnimationFrame, tasks that
keep the page from answering by the Long Tasks API (50 ms and more).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from report.build import build_site
from tests.benchmarks.bench_site import make_project
from tests.browser.conftest import Browser, served, start_chromium
from tests.make.many import write_many

WATCH = """
const seen = window.__seen = { tasks: [], visible: null, drawn: null };
new PerformanceObserver((list) => list.getEntries().forEach((one) => seen.tasks.push(one.duration)))
  .observe({ type: "longtask", buffered: true });
const follow = (figure) => {
  new IntersectionObserver((entries) => {
    if (seen.visible === null && entries.some((one) => one.isIntersecting)) seen.visible = performance.now();
  }).observe(figure);
  new MutationObserver(() => {
    if (seen.drawn === null && "done" in figure.dataset) seen.drawn = performance.now();
  }).observe(figure, { attributes: true });
};
addEventListener("DOMContentLoaded", () => {
  const figure = document.querySelector("figure.chart");
  if (figure) { figure.scrollIntoView(); follow(figure); }
});
"""
"""Before anything of the page runs. The first chart is brought into view as soon as there is one."""

SCROLL = """
const done = arguments[arguments.length - 1];
const before = window.__seen.tasks.length, gaps = [];
scrollTo(0, 0);
let last = null;
const step = (now) => {
  if (last !== null) gaps.push(now - last);
  last = now;
  if (scrollY + innerHeight >= document.documentElement.scrollHeight - 1) {
    done({ gaps, tasks: window.__seen.tasks.slice(before) });
  } else { scrollBy(0, 120); requestAnimationFrame(step); }
};
requestAnimationFrame(step);
"""
SIZES = """
const drawn = [...document.querySelectorAll("figure.chart svg")].map((svg) => svg.getElementsByTagName("path").length);
return { nodes: document.getElementsByTagName("*").length,
  marks: Math.max(0, ...drawn),
  charts: document.querySelectorAll("figure.chart[data-done]").length,
  failed: document.querySelectorAll("figure.chart[data-error]").length,
  heap: performance.memory.usedJSHeapSize / 1e6 };
"""


@contextmanager
def fresh(folder: Path) -> Iterator[Browser]:
    """A browser that has seen nothing."""
    with tempfile.TemporaryDirectory(dir=folder) as profile:
        driver = start_chromium(Path(profile))
        try:
            driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
            yield Browser(driver)
        finally:
            driver.quit()


def looked_at(folder: Path, address: str) -> dict[str, Any]:
    """One reader's first visit to `address`."""
    with fresh(folder) as browser:
        browser.driver.set_script_timeout(120)
        browser.driver.get(address)
        browser.wait("window.__seen.drawn !== null", "a first chart")
        seen = browser.run("return window.__seen")
        drawing = browser.driver.execute_async_script(SCROLL)
        browser.draw_all()
        standing = browser.driver.execute_async_script(SCROLL)
        return {
            "first chart, from opening the page": seen["drawn"],
            "first chart, from when it was in view": seen["drawn"] - (seen["visible"] or 0.0),
            **{
                f"{what}, {how}": value
                for how, told in (("charts being drawn", drawing), ("all charts drawn", standing))
                for what, value in (
                    ("frame, median", statistics.median(told["gaps"])),
                    ("frame, 95 %", statistics.quantiles(told["gaps"], n=20)[-1]),
                    ("longest frame", max(told["gaps"])),
                    ("time in long tasks", sum(told["tasks"])),
                )
            },
            **browser.run(SIZES),
        }


UNITS = {"nodes": "", "marks": "", "charts": "", "failed": "", "heap": "MB"}
NAMES = {
    "nodes": "elements of the page",
    "marks": "most marks in a chart",
    "charts": "charts drawn",
    "failed": "charts that failed",
    "heap": "memory of its scripts",
}


def table(name: str, visits: list[dict[str, Any]]) -> list[str]:
    lines = [f"{name}, {len(visits)} first visits: median (least to most)"]
    for key in visits[0]:
        values = sorted(visit[key] for visit in visits)
        told = f"{statistics.median(values):10.1f} {UNITS.get(key, 'ms'):3} ({values[0]:.1f} to {values[-1]:.1f})"
        lines.append(f"  {NAMES.get(key, key):42}{told}")
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=50)
    options.add_argument("--big", type=int, default=5000, help="trials of the other campaign")
    options.add_argument("--times", type=int, default=5)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-page-") as name:
        folder = Path(name)
        for trials in (asked.trials, asked.big):
            results = folder / f"of-{trials}"
            write_many(results, 1, trials)
            built = build_site(results, make_project(folder / f"project-{trials}", guide=False), None)
            (page,) = (built.out / "results/campaigns").glob("campaign-*/index.html")
            below = folder / f"below-{trials}"
            with served(built.out, below) as places:
                address = places["http"] + page.relative_to(built.out).as_posix()
                visits = [looked_at(folder, address) for _ in range(asked.times)]
            for line in table(f"campaign of {trials} trials", visits):
                print(line)


if __name__ == "__main__":
    main()
