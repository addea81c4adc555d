"""The list of all campaigns as data, for the filter on its page: the page itself holds a hundred of them at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report import escape, phrases

Row = Mapping[str, Any]

NAME = "campaign-list"
"""Of the data file, and of the script that reads it."""


def listed(campaigns: Sequence[Row], objectives: Sequence[Row]) -> dict[str, list[Any]]:
    """What `report/assets/campaign-list.js` reads, of the rows of these two queries, in the order of the first.

    A row holds the cells of the page's table as text, and what else the filter finds a campaign by. Texts that
    campaigns share stand once in `words`, and rows hold their places: of a thousand campaigns that is half the file.
    The second cell is the folder of the campaign's page, 0 where it is its name.
    """
    goals: dict[str, list[Row]] = {}
    for row in objectives:
        goals.setdefault(row["campaign"], []).append(row)
    words: dict[str, int] = {}

    def word(text: str) -> int:
        return words.setdefault(_plain(text), len(words))

    rows = []
    for row in campaigns:
        name, slug = row["campaign"], escape.slug(row["campaign"])
        worked = row["best_number"] is not None
        rows.append([
            _plain(name),
            0 if slug == name else slug,
            word(row["model"]),
            word(row["hardware"]),
            word(row["runtimes"] or "–"),
            word(phrases.goals_text(goals.get(name, []))),
            word(row["best_entry"] if worked else ""),
            _plain(phrases.params_text(row["best_params_json"])) if worked else "none",
            phrases.score_text(row["best_score"], row["objective"]),
            word(row["state"]),
            f"{row['failed']} of {row['trials']}",
            phrases.when(row["last_run_utc"]),
            word(row["end_reason"] or "running or killed"),
        ])  # fmt: skip
    return {"words": list(words), "rows": rows}


def _plain(text: str) -> str:
    """On one line, and no longer than a cell needs."""
    return escape.in_chart(" ".join(text.split()))
