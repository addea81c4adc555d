"""`tunebook new --from RUN`: a follow-up campaign of a run, narrowed by what the run showed."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

from runner.domain.records import RecordKind, RunStart
from runner.errors import UsageError


@dataclass(frozen=True, slots=True)
class Written:
    """`again`: only limits were changed, so it is the same search by its key, and `run --again` measures it anew."""

    name: str
    text: str
    again: bool


def follow_up_text(asked: str, name: str | None, results: Path) -> Written:
    """The follow-up file. `asked` is the start of a run id, or a campaign name: its latest run. Raises UsageError
    when it measured nothing, UnknownId when there is no such run; StoreDamaged for a record that can not be read."""
    from runner.campaign.document import read
    from runner.campaign.load import from_resolved, parse
    from runner.campaign.written import without_presets
    from runner.followup import follow_up
    from runner.lineage import Lineage
    from runner.render.yaml_text import yaml_text
    from runner.store.history import history

    start = find_run(asked, results)
    campaign = from_resolved(dict(start.campaign))
    lineage = Lineage.of(campaign, start.series, history(results, start.search_key, start.series))
    if not lineage.tried:
        raise UsageError(
            f"no trial of {start.name} was judged: there is nothing to learn from",
            hint="run it on: `tunebook run` goes on where it stopped",
        )
    chosen = name or next_name(start.name)
    written = without_presets(read(start.campaign_text, start.campaign_path).data, campaign)
    made = follow_up(written, lineage, chosen)
    head = [
        f"Follow-up of {start.name}: {len(lineage.succeeded)} of {len(lineage.tried)} trials succeeded "
        f"(run {start.run_id}, {start.started_utc[:10]}).",
        *made.head,
        "The reason of each change stands above it; what nothing speaks against is as it was.",
    ]
    body = yaml_text(made.data, made.comments)
    again = parse(body, Path(f"{chosen}.yaml")).search_key == start.search_key
    if not made.comments:
        head.append("Nothing was changed: no failure names a bound, and no value failed where another got further.")
    elif again:
        head.append("The space is the same, so this is the same search: `tunebook run --again` measures it anew.")
    lines = [line for text in head for line in textwrap.wrap(text, 110, break_on_hyphens=False)]
    return Written(chosen, "".join(f"# {line}\n" for line in lines) + body, again)


def find_run(asked: str, results: Path) -> RunStart:
    """The start record of the run that `asked` means. Raises UnknownId; UsageError for what is no run."""
    from runner.known import Known, find
    from runner.store.history import facts

    meant = find(Known(results), asked)
    if meant.kind != "run":
        raise UsageError(f"{asked} is {meant.title}, no run", hint="a campaign's name is its latest run")
    starts: list[RunStart] = facts(results, RecordKind.RUN_START)
    return next(start for start in starts if start.run_id == meant.id)


def next_name(name: str) -> str:
    """`x` -> `x-2` -> `x-3`."""
    base, dash, number = name.rpartition("-")
    if dash and number.isdigit() and len(number) <= 3:
        return f"{base}-{int(number) + 1}"
    return f"{name[:76]}-2"
