"""The pages of campaigns: rendered some at a time, and kept for the next build.

What is kept of a campaign is taken again when nothing that it was made of has changed: the campaign's rows, this
package, the libraries that draw and compute, the aliases of hosts. The date of the site is put in afterwards.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report import escape, recorded
from report.article import Article, Heading, article
from report.check import check
from report.code import code
from report.gather import PORTION, Portions
from report.publish import Publisher
from report.render import Pages
from report.website import data_json
from runner.util.redact import known_secrets

FOLDER = ".pages"
"""In site/results/. MkDocs leaves out what begins with a dot."""


@dataclass(frozen=True, slots=True)
class Told:
    """One page: `path` and `key` as of a Page; `data` is the text of its data file."""

    path: str
    title: str
    article: Article
    key: str
    data: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands in the folder: campaign, as it is published -> its file; `rendered` of them in this build."""

    files: Mapping[str, Path]
    doubts: Mapping[str, Sequence[str]]
    rendered: int

    def pages(self, note: str) -> Iterator[list[Told]]:
        """The pages of each campaign in turn. `note` says as of when the site is."""
        said = json.dumps(str(escape.inline(note)))[1:-1]
        for path in self.files.values():
            _, _, pages, *drawn = path.read_text(encoding="utf-8")[:-1].split("\n")
            yield _read(pages.replace(str(escape.DATE), said), drawn)

    def recorded(self) -> Iterator[str]:
        """Of each campaign that has one, its part of reproduce.json."""
        for path in self.files.values():
            with path.open(encoding="utf-8") as file:
                file.readline()
                if part := file.readline().rstrip("\n"):
                    yield part


def keep(portions: Portions, facts: Mapping[str, Any], publisher: Publisher, folder: Path) -> Kept:
    """Bring the pages in `folder` up to date; of campaigns that are gone nothing stays. `facts` are about the build."""
    folder.mkdir(exist_ok=True)
    portions.add("recorded", recorded.recorded_sql())
    portions.add("resolved", recorded.resolved_sql())
    common = _common(publisher)
    wanted = {name: _hash(f"{common} {digest}") for name, digest in portions.digests().items()}
    paths = {name: folder / f"{escape.slug(name)}.page" for name in wanted}
    for path in set(folder.iterdir()) - set(paths.values()):
        path.unlink()
    heads = {name: _head(path, wanted[name]) for name, path in paths.items()}
    changed = [name for name, head in heads.items() if head is None]
    pages = Pages()
    for some in _portions(list(wanted), changed):
        parts, resolved = portions.raw("recorded", some), portions.raw("resolved", some)
        for name, data in portions.of(some).items():
            rows, (file,) = parts[name], resolved[name]
            part = recorded.campaign_json(rows, file["resolved"], publisher) if rows else ""
            heads[name] = _made(pages, data, facts, part, wanted[name], paths[name])
    known = [(head, paths[name]) for name, head in heads.items() if head]
    return Kept(
        {head["campaign"]: path for head, path in known},
        {head["campaign"]: head["doubts"] for head, _ in known},
        len(changed),
    )


def _portions(names: Sequence[str], changed: Sequence[str]) -> list[list[str]]:
    """`changed` in runs of neighbours among `names`, in their order, of at most PORTION each."""
    place = {name: at for at, name in enumerate(names)}
    runs: list[list[str]] = []
    for name in changed:
        if runs and len(runs[-1]) < PORTION and place[name] == place[runs[-1][-1]] + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    return runs


def _made(
    pages: Pages, data: dict[str, Any], facts: Mapping[str, Any], part: str, key: str, path: Path
) -> dict[str, Any]:
    """Render one campaign and write what is kept of it, a line each: a head with its key and length, its part of
    reproduce.json, its pages, the data file of each. Returns the head."""
    doubts = check(data)
    own = {"version": facts["version"], "private": facts["private"], "note": escape.DATE, "doubts": doubts}
    (campaign,) = doubts
    made, drawn = [], []
    for page in pages.of_campaign(data, own):
        found = article(page)
        headings = [[one.level, one.anchor, one.text] for one in found.headings]
        made.append([page.path, page.title, headings, found.parts, page.key])
        drawn.append(data_json(page) if page.rows else "")
    rest = "".join(f"{line}\n" for line in (part, json.dumps(made, ensure_ascii=False), *drawn)).encode()
    head = {"key": key, "bytes": len(rest), "campaign": campaign, "doubts": doubts[campaign]}
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(json.dumps(head).encode() + b"\n" + rest)
    unfinished.replace(path)
    return head


def _head(path: Path, key: str) -> dict[str, Any] | None:
    """None where nothing is kept, or what was made of something else, or what a killed build did not write to its
    end."""
    try:
        with path.open("rb") as file:
            first = file.readline()
            size = os.fstat(file.fileno()).st_size
        head: dict[str, Any] = json.loads(first)
        whole = head["key"] == key and len(first) + head["bytes"] == size
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return head if whole else None


def _read(text: str, drawn: Sequence[str]) -> list[Told]:
    return [
        Told(path, title, Article(tuple(Heading(*one) for one in headings), tuple(parts)), key, data or None)
        for (path, title, headings, parts, key), data in zip(json.loads(text), drawn, strict=True)
    ]


def _common(publisher: Publisher) -> str:
    """What every page depends on beside the rows of its campaign."""
    hosts = json.dumps(list(publisher.aliases.of))
    return _hash(f"{code()} {publisher.private} {hosts} {known_secrets()}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
