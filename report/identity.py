"""Whose site it is: `[site]` of tunebook.toml (title, logo, accent colour, address), laid over mkdocs.yml at each
build."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from report import shades
from runner.errors import UsageError
from runner.util.project import SETTINGS, line_of, section

KEYS = ("title", "logo", "accent", "url", "sql")
LOGOS = (".svg", ".png", ".webp", ".jpg", ".jpeg")
LARGEST_LOGO = 1_000_000
"""Bytes. It is drawn 24 pixels high, on every page."""
LONGEST_TITLE = 80
"""Characters, beside which there is room for the title of a page."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What is None stays as mkdocs.yml says. `logo` is a file that is there, `accent` (red, green, blue), 0 to 255."""

    title: str | None = None
    logo: Path | None = None
    accent: shades.Colour | None = None
    url: str | None = None
    sql: bool = False

    def settings(self) -> dict[str, str]:
        """What goes before mkdocs.yml."""
        found = {"site_name": self.title, "site_url": self.url}
        return {key: value for key, value in found.items() if value is not None}

    def theme(self) -> dict[str, str]:
        """What goes before the settings of its theme. A browser shows the logo beside the title too."""
        return dict.fromkeys(("logo", "favicon"), f"results/assets/{self._logo_name()}") if self.logo else {}

    def dress(self, assets: Path) -> None:
        """Put logo and accent into the folder of assets (site/results/assets)."""
        if self.logo:
            (assets / self._logo_name()).write_bytes(self.logo.read_bytes())
        if self.accent:
            with (assets / "site.css").open("a", encoding="utf-8") as css:
                css.write(shades.style(self.accent))

    def _logo_name(self) -> str:
        return f"logo{self.logo.suffix.lower()}" if self.logo else ""


def identity(project: Path) -> Identity:
    """`[site]` of the project's tunebook.toml; nothing is set without it. Raises UsageError with file and line."""
    found = section(project, "site", KEYS)
    return Identity(
        title=_title(project, found["title"]) if "title" in found else None,
        logo=_logo(project, found["logo"]) if "logo" in found else None,
        accent=_accent(project, found["accent"]) if "accent" in found else None,
        url=_url(project, found["url"]) if "url" in found else None,
        sql=_sql(project, found.get("sql", False)),
    )


def _title(project: Path, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > LONGEST_TITLE:
        _refuse(project, "title", f"is no title: one line of text, at most {LONGEST_TITLE} characters")
    if "<" in value or ">" in value:
        _refuse(project, "title", "is no title: < and > would be read as HTML", "write it without them")
    return str(value).strip()


def _logo(project: Path, value: Any) -> Path:
    if not isinstance(value, str) or not value.strip():
        _refuse(project, "logo", "is no file: name one, relative to the project folder")
    path = project / Path(value).expanduser()
    if path.suffix.lower() not in LOGOS:
        _refuse(project, "logo", f"is no picture for a page: {value}", f"one of {', '.join(LOGOS)}")
    if not path.is_file():
        _refuse(project, "logo", f"is not there: {path}", "a relative path starts at the project folder")
    if path.stat().st_size > LARGEST_LOGO:
        size = f"{path.stat().st_size:,} bytes, and at most {LARGEST_LOGO:,} are sent with every page"
        _refuse(project, "logo", f"is too large: {size}", "a picture of 64 by 64 pixels is enough")
    return path


def _accent(project: Path, value: Any) -> shades.Colour:
    colour = shades.parsed(value) if isinstance(value, str) else None
    if colour is None:
        _refuse(project, "accent", f"is no colour: {value!r}", 'write it as #rrggbb, in quotes: accent = "#7a1fa2"')
    return colour


def _url(project: Path, value: Any) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    good = parts is not None and parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    if parts is None or not good or parts.query or parts.fragment or re.search(r"[\s\"'<>]", value):
        _refuse(project, "url", f"is no address of a site: {value!r}", "write https://HOST/ or https://HOST/FOLDER/")
    return str(value).rstrip("/") + "/"


def _sql(project: Path, value: Any) -> bool:
    if not isinstance(value, bool):
        _refuse(project, "sql", f"is neither true nor false: {value!r}")
    return bool(value)


def _refuse(project: Path, key: str, why: str, hint: str | None = None) -> NoReturn:
    raise UsageError(f"{key} of [site] in {SETTINGS} {why}", hint=hint, where=line_of(project, "site", key))
