"""What is written beside the pages, straight into the built site: a text file for each trial, and the levels that the
what-if panel of a campaign computes with.

Neither passes through MkDocs: it would copy tens of thousands of files. The text is read without JavaScript, from a
server and from file://. Whatever comes from outside stands behind two spaces, with its line ends spelled out, so that
it can not be taken for a heading of ours; it has passed `report.publish`.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report import whatif_panel
from report.escape import BLOCK, INLINE, short, slug
from report.gather import PORTION, Portions
from report.phrases import count, params_text, score_text
from report.publish import Publisher
from runner.util.visible import visible

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = Mapping[str, Any]

QUERIES = ("attempt_texts", "trial_texts", "whatif")
"""The first two are asked by no page, which has no use for every attempt of every trial."""

_MARK = "\ufeff"
"""In front of each file: a server says text/plain and no more, and browsers then guess the encoding."""
_TIMES = "".join(f"{name:>10}" for name in ("TTFT p50", "TTFT p99", "TPOT p50", "TPOT p99", "E2E p99"))
_HEAD = f"{'ok':>6} {'sent':>6}{'tok/s':>12}{'req/s':>12}{_TIMES}  {'state':<12} level; times in ms"


def trial_file(campaign: str, number: int) -> str:
    """Where the file of a trial stands in the site."""
    return f"results/campaigns/{slug(campaign)}/trials/{number}.txt"


def write(connection: DuckDBPyConnection, out: Path, publisher: Publisher, held: Container[str] = ()) -> int:
    """Write them into the built site `out`; the number of trials. After `gather.prepare`; the queries `held` were asked
    already. Raises OSError."""
    portions = Portions(connection, QUERIES, publisher, held)
    names = portions.campaigns()
    done = 0
    for at in range(0, len(names), PORTION):
        for rows in portions.of(names[at : at + PORTION]).values():
            done += _campaign(out, rows["trial_texts"], rows["attempt_texts"], rows["whatif"])
    return done


def _campaign(out: Path, trials: Sequence[Row], attempts: Sequence[Row], limits: Sequence[Row]) -> int:
    if not trials:
        return 0
    campaign = str(trials[0]["campaign"])
    made: dict[str, list[Row]] = {}
    for row in attempts:
        made.setdefault(row["trial_id"], []).append(row)
    texts: dict[str, str] = {}
    for one in trials:  # two machines that searched one lineage gave a number to two trials: the file tells both
        name = f"{one['number']}.txt"
        texts[name] = (texts[name] + "\n" if name in texts else "") + trial_text(one, made.get(one["trial_id"], ()))
    _write_all(out / trial_file(campaign, 0), texts)
    for row in limits:
        path = out / whatif_panel.data_file(campaign)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(whatif_panel.script(campaign, row, trials), encoding="utf-8")
    return len(trials)


def _write_all(path: Path, texts: Mapping[str, str]) -> None:
    """Into the folder of `path`. Relative to the open folder: the way to it is walked once, not for each file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        for name, text in texts.items():
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=folder)
            with os.fdopen(file, "wb", buffering=0) as handle:
                handle.write((_MARK + text).encode())
    finally:
        os.close(folder)


def trial_text(trial: Row, attempts: Sequence[Row]) -> str:
    """The file of one trial, of published rows of the queries `trial_texts` and `attempt_texts`."""
    lines = [
        f"Trial {trial['number']} of {_said(trial['campaign'])}",
        "",
        f"  Entry       {_said(trial['entry'])} ({_said(trial['runtime'])})",
        f"  Parameters  {_said(params_text(trial['params_json']))}",
        f"  Result      {_result(trial)}",
        f"  On its page ../index.html#trial-{trial['number']}",
    ]
    if trial["launch"]:
        lines += ["", "LAUNCH (MODEL and PORT are yours to set)", "", f"  {_said(trial['launch'], BLOCK)}"]
    if trial["status"] == "failed":
        lines += ["", "WHY IT FAILED", "", *_why(trial)]
    lines += ["", f"ATTEMPTS: {len(attempts)}"]
    for place, attempt in enumerate(attempts, 1):
        lines += ["", *_attempt(place, attempt)]
    lines += ["", *_log(trial, attempts)]
    warnings = [warning for attempt in attempts for warning in attempt["warnings"] or ()]
    lines += ["", f"WARNINGS: {len(warnings)}", *(f"  {_said(warning)}" for warning in warnings), ""]
    return "\n".join(lines)


def _result(trial: Row) -> str:
    """Status with its numbers, each with its unit."""
    objective = trial["objective"]
    told = {
        "failed": f"failed: {trial['cause']} at {trial['phase']}{', hung' if trial['hung'] else ''}",
        "withdrawn": "withdrawn: it counts nowhere",
        "unmeasured": "not measured yet: nothing is known about the configuration",
    }.get(trial["status"], "succeeded, the best of its campaign" if trial["is_best"] else "succeeded")
    parts = [told]
    if trial["severity"]:
        parts.append(f"severity {trial['severity']:.3g} of 1")
    for word, column in (("measured", "objective_value"), ("score", "score"), ("penalty", "penalty")):
        if trial[column] is not None:
            parts.append(f"{word} {score_text(trial[column], objective)}")
    if trial["confirmed_score"] is not None:
        repeats = count(trial["confirm_repeats"], "fresh deployment")
        parts.append(f"confirmed {score_text(trial['confirmed_score'], objective)} by {repeats}")
    return "; ".join(parts)


def _why(trial: Row) -> Iterator[str]:
    yield f"  Evidence    {_said(trial['evidence'] or 'none was recorded')}"
    if trial["rule"]:
        yield f"  Signature   {_said(trial['rule'])}"
    if trial["signal"]:
        yield f"  Ended by    {_said(trial['signal'])}"
    elif trial["exit_code"] is not None:
        yield f"  Exit status {trial['exit_code']}"
    yield f"  Hint        {_said(trial['hint'] or 'none')}"


def _attempt(place: int, attempt: Row) -> Iterator[str]:
    yield f"  {place}. {_said(attempt['told'])}"
    yield f"     record attempt-{attempt['attempt_id']}"
    if attempt["spent"]:
        yield f"     {_said(attempt['spent'])}"
    if attempt["reason"]:
        yield f"     withdrawn: {_said(attempt['reason'])}"
    if attempt["measured"]:
        yield f"     {_HEAD}"
        yield from (f"     {_said(line)}" for line in attempt["measured"])
    yield from (f"     errors: {_said(line)}" for line in attempt["message"] or ())


def _log(trial: Row, attempts: Sequence[Row]) -> Iterator[str]:
    """The store holds one line of a log, the evidence; whoever has the results folder has the rest."""
    found = dict.fromkeys(str(attempt["evidence"]) for attempt in attempts if attempt["evidence"])
    yield "LOG EXCERPT"
    yield ""
    yield from (f"  {_said(line)}" for line in found)
    where = "No line was kept as evidence." if not found else "The store keeps the lines that prove a failure, no more."
    one = trial["attempt_id"] or (attempts[0]["attempt_id"] if attempts else "")
    yield f"  ({where} The log is engine.log of the record, in the results folder where it ran: tunebook logs {one})"


def _said(text: Any, limit: int = INLINE) -> str:
    """On one line, whatever is in it."""
    return visible(short(str(text), limit))
