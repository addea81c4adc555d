"""The picture in the README: `python -m tests.browser.picture public/index.html site/assets/overview.png`.

Takes the page of a built site as a reader sees it on a desk, after every chart is drawn.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.browser.conftest import Browser, start_chromium

WIDTH, HEIGHT = 1280, 1180


def take(page: Path, out: Path, width: int = WIDTH, height: int = HEIGHT, *, dark: bool = False) -> None:
    with tempfile.TemporaryDirectory() as profile:
        driver = start_chromium(Path(profile))
        try:
            browser = Browser(driver)
            browser.open(f"file://{page.resolve()}", dark=dark, width=width)
            browser.draw_all()
            # A window as high as the picture: a shot beyond the window would fold the theme's tabs away.
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
            browser.run("window.scrollTo(0, 0)")
            last = "[...document.querySelectorAll('.md-tabs__link')].pop()"
            browser.wait(f"getComputedStyle({last}).opacity > 0.6", "the tabs, which come back after scrolling")
            shot = driver.get_screenshot_as_png()
        finally:
            driver.quit()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(shot)


if __name__ == "__main__":
    take(Path(sys.argv[1]), Path(sys.argv[2]), dark="--dark" in sys.argv)
