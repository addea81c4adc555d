"""A page of a campaign as HTML, without Markdown, and the frame that MkDocs puts around it.

MkDocs renders one page for each template that has a page per campaign: the frame, whose title, heading and table of
contents are marks. The pages of campaigns are set into copies of it. Through Markdown and the theme each would take
some 40 ms, and nothing in them needs it: their templates write HTML, and Markdown for headings alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape as html_escape

from report import escape
from report.render import Page, Template

SLUG = "-frame-"
"""Folder of the frame, in the place of a campaign's. No slug begins with a dash."""
_TITLE, _HEADING, _ID, _BODY = "tbframetitle", "tbframeheading", "tbframeid", "<!--tb-article-->"
_HEAD = re.compile(r"(#{1,3}) (.+?)(?: \{: #([\w-]+) \})?")
_ENTRY = re.compile(rf'<li[^>]*>\s*<a[^>]*href="#{_ID}".*?</li>\n?', re.DOTALL)
_SECTION = re.compile(rf'<h2 id="{_ID}">.*?</h2>', re.DOTALL)
_ARTICLE = re.compile(rf'<h1 id="[^"]*">{_TITLE}.*?{_BODY}', re.DOTALL)


class NotHtml(ValueError):
    """A template with a page per campaign wrote Markdown that is no heading: a defect of the page."""


class NoFrame(ValueError):
    """What MkDocs made of the frame lacks one of its marks: a theme that the report does not know."""


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` 1 to 3; `text` is HTML without tags."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Article:
    """`parts` are HTML and stand between the headings: one more than there are headings."""

    headings: tuple[Heading, ...]
    parts: tuple[str, ...]


def article(page: Page) -> Article:
    """What `page` says, its tables in their places. Raises NotHtml."""
    text = page.markdown.split("---\n", 2)[-1]
    headings: list[Heading] = []
    parts: list[list[str]] = [[]]
    before = ""
    for line in text.split("\n"):
        found = _HEAD.fullmatch(line)
        if found:
            anchor = found[3] or _anchor(found[2], {one.anchor for one in headings})
            headings.append(Heading(len(found[1]), anchor, found[2]))
            parts.append([])
        elif line:
            if not before and line[0] != "<":
                raise NotHtml(f"{page.path}: {line[:80]!r} is neither HTML nor a heading; a page per campaign has both")
            parts[-1].append(line)
        before = line
    filled = ["\n".join(lines) for lines in parts]
    for name, table in page.tables.items():
        mark = f"<!--table:{name}-->"
        filled = [part.replace(mark, f'<div class="tb-scroll">{table}</div>') for part in filled]
    return Article(tuple(headings), tuple(filled))


def _anchor(text: str, taken: set[str]) -> str:
    """As Markdown makes it of a heading: a link to it stays what it was."""
    plain = re.sub(r"[^\w\s-]", "", re.sub(r"<[^>]*>|&#?\w+;", "", text)).strip().lower()
    anchor = first = re.sub(r"[-\s]+", "-", plain) or "_"
    number = 0
    while anchor in taken:
        number += 1
        anchor = f"{first}_{number}"
    return anchor


def frame_page(template: Template) -> Page:
    """The page that MkDocs renders once, in the folder where those of campaigns lie."""
    path = template.path.format(slug=SLUG, campaign=SLUG)
    head = f"title: {_TITLE}\n" + (f"hide: [{', '.join(template.hide)}]\n" if template.hide else "")
    body = f"# {_TITLE}\n\n## {_HEADING} {{: #{_ID} }}\n\n{_BODY}\n"
    return Page(path, f"---\n{head}search: {{exclude: true}}\n---\n\n{body}")


class Frame:
    """What MkDocs made of it. Raises NoFrame."""

    def __init__(self, html: str) -> None:
        section, whole = _SECTION.search(html), _ARTICLE.search(html)
        if section is None or whole is None:
            raise NoFrame("the theme of mkdocs.yml leaves no place for the page of a campaign")
        self._section = section[0].removeprefix("<h2").removesuffix("</h2>")
        entry = _ENTRY.search(html)
        self._entry = entry[0] if entry else ""
        # The table of contents may stand on either side, and twice.
        self._before = _ENTRY.split(html[: whole.start()])
        self._after = _ENTRY.split(html[whole.end() :])

    def around(self, found: Article, title: str, slug: str) -> str:
        """The whole page. `title` for the window, `slug` of the campaign's folder."""
        heads = [one for one in found.headings if one.level > 1]
        contents = "".join(
            self._entry.replace(_ID, one.anchor).replace(_HEADING, one.text) for one in heads if one.level == 2
        )
        body = [found.parts[0]]
        for one, part in zip(found.headings, found.parts[1:], strict=True):
            inner = self._section.replace(_ID, one.anchor).replace(_HEADING, one.text)
            body += [f"<h{one.level}{inner}</h{one.level}>", part]
        first = heads[0].anchor if heads else ""
        before, after = (
            contents.join(pieces).replace(_ID, first).replace(_TITLE, html_escape(title)).replace(SLUG, slug)
            for pieces in (self._before, self._after)
        )
        return "\n".join([before, *body, after])


def title_of(template: Template, campaign: str) -> str:
    return escape.title(template.title.format(slug=escape.slug(campaign), campaign=campaign))


def in_map(sitemap: str, slugs: Sequence[str]) -> str:
    """The map of the site with the pages of campaigns in the place of their frame."""
    made = []
    for part in re.split(r"(\s*<url>.*?</url>)", sitemap, flags=re.DOTALL):
        made += [part.replace(SLUG, slug) for slug in slugs] if SLUG in part else [part]
    return "".join(made)
