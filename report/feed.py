"""The Atom feed of what became worse: steps of trends and gates that saw a loss. RFC 4287.

An entry's id is made of what it is about, so a reader sees each once however often the site is built.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as Xml

from report import escape
from report.phrases import count, gain_text, objective_title
from report.trends import Change, Trend, changes, trends
from runner.domain.failure import Verdict

PATH = "results/regressions.xml"
MOST = 100
"""Entries, the latest first."""
_ATOM = "http://www.w3.org/2005/Atom"
_NEVER = datetime(1970, 1, 1)
"""Atom wants a date also of a feed about nothing."""


def feed(data: Mapping[str, Sequence[Mapping[str, Any]]], site_url: str, site_name: str) -> str:
    """The feed as XML. `site_url` is where the site will stand; links are absolute, as feed readers need them."""
    base = site_url.rstrip("/") + "/" if site_url else ""
    entries = [_step(trend, change) for trend, change in changes(trends(data["trend_sessions"])) if _worse(change)]
    entries += [_gate(row) for row in data["gates"] if row["verdict"] == Verdict.WORSE]
    entries.sort(key=lambda entry: (entry["updated"], entry["key"]), reverse=True)
    as_of = data["snapshot"][0]["as_of"] or _NEVER

    root = Xml.Element("feed", {"xmlns": _ATOM})
    _text(root, "id", _id(f"{base}{PATH}"))
    _text(root, "title", f"{site_name}: what became worse")
    _text(root, "updated", _moment(entries[0]["updated"] if entries else as_of))
    author = Xml.SubElement(root, "author")
    _text(author, "name", site_name)
    Xml.SubElement(root, "link", {"rel": "self", "href": f"{base}{PATH}"})
    Xml.SubElement(root, "link", {"rel": "alternate", "href": f"{base}results/trends.html"})
    for one in entries[:MOST]:
        entry = Xml.SubElement(root, "entry")
        _text(entry, "id", _id(one["key"]))
        _text(entry, "title", one["title"])
        _text(entry, "updated", _moment(one["updated"]))
        page = f"{base}results/campaigns/{escape.slug(one['campaign'])}/index.html"
        Xml.SubElement(entry, "link", {"rel": "alternate", "href": page})
        _text(entry, "summary", one["summary"])
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _worse(change: Change) -> bool:
    return change.verdict is Verdict.WORSE


def _step(trend: Trend, change: Change) -> dict[str, Any]:
    about, step = trend.about, change.step
    engine = change.after if change.before == change.after else f"{change.before}, then {change.after}"
    return {
        "key": f"step {change.row['run_id']} {trend.title} {about['workload_key']} {about['objective']}",
        "campaign": about["campaign_name"],
        "updated": change.moment,
        "title": f"{about['campaign_name']}: {gain_text(step.log_ratio)} {objective_title(about['objective'])}",
        "summary": f"{trend.title}: {gain_text(step.log_ratio)} (99 % interval {gain_text(step.low)} to "
        f"{gain_text(step.high)}), {count(step.before, 'run')} before and {step.after} since. {engine}.",
    }


def _gate(row: Mapping[str, Any]) -> dict[str, Any]:
    metric = objective_title(row["metric"])
    return {
        "key": f"gate {row['comparison_id']}",
        "campaign": row["campaign_name"],
        "updated": row["moment"],
        "title": f"{row['campaign_name']}: a gate saw {gain_text(row['log_ratio'])} {metric}",
        "summary": f"{row['entry'] or 'What it measured'} against its baseline: {gain_text(row['log_ratio'])} "
        f"({100 * (row['confidence'] or 0.95):g} % interval {gain_text(row['low'])} to {gain_text(row['high'])}), "
        f"{count(row['repeats'], 'repeat')} of each.",
    }


def _id(key: str) -> str:
    """The hash of what it is about, in the form of a UUID of version 8 (RFC 9562, 5.8)."""
    text = hashlib.sha256(f"tunebook {key}".encode()).hexdigest()
    return f"urn:uuid:{text[:8]}-{text[8:12]}-8{text[13:16]}-a{text[17:20]}-{text[20:32]}"


def _moment(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='seconds')}Z"


def _text(parent: Xml.Element, name: str, text: str) -> None:
    """Without the control characters that XML can not hold."""
    Xml.SubElement(parent, name).text = "".join(c if c >= " " or c in "\t\n" else "�" for c in text)
