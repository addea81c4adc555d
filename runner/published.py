"""What `reproduce` is given: a trial of the results here, a published folder, a site, or a trial's address on one."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from runner.baselines import read_baseline
from runner.domain.recorded import FORMAT, Baseline, Recorded, Site
from runner.domain.records import RecordKind, RunStart
from runner.errors import StoreDamaged, StoreNewer, UnknownId, UsageError
from runner.known import Known, find
from runner.recorded import latest_start, recorded_run
from runner.store.history import facts
from runner.store.publish import is_published, unpack
from runner.util.codec import from_json
from runner.util.download import download, is_address, shown

FILE = "reproduce.json"
LARGEST = 50_000_000
_PLACES = ("", "results/data/", "data/")
"""Where the file lies, from a site's folder, from its `results/`, or from the folder itself."""
_PAGE = re.compile(r"^(?P<site>.*?)results/(?:campaigns/(?P<name>[^/#]+)/?(?:index\.html)?|data/.*)?$")
_DANGEROUS = re.compile(r"^(LD_|DYLD_|PYTHON|PATH$|BASH_ENV|ENV$|GCONV|NODE_OPTIONS)")


@dataclass(frozen=True, slots=True)
class Published:
    """`source` is what messages call it; `foreign`: somebody else may have written it."""

    source: str
    baseline: Baseline
    trial: Recorded
    foreign: bool


def published(what: str, trial: str | None, results: Path) -> Published:
    """`trial` is `NAME#7`, a number, or `best`; it may stand in an address, as `#trial-7`. Raises UnknownId,
    UsageError, NetworkError, StoreDamaged, StoreNewer."""
    if is_address(what):
        return _of_address(what, trial)
    path = Path(what)
    if path.is_dir() or path.is_file():
        return _of_path(path, trial)
    return _of_results(what if trial is None else f"{what}#{trial}", results)


def refuse_foreign_code(given: Published) -> None:
    """A configuration of somebody else starts an engine, and nothing but an engine. Raises UsageError."""
    configuration = given.trial.configuration
    entries = given.baseline.campaign.get("entries") or ()
    entry: Mapping[str, Any] = next((one for one in entries if one["name"] == configuration.entry), {})
    found = [f"env {name}" for name in configuration.env if _DANGEROUS.match(name)]
    found += [f"the runtime {configuration.runtime}"] if configuration.runtime == "command" else []
    found += [f"{key}: {value}" for key, value in (entry.get("options") or {}).items() if key in ("python", "binary")]
    found += [f"the flag {name}" for name in configuration.flags if name.replace("_", "-") == "trust-remote-code"]
    if found:
        what = f"{given.source} would run code of its own: {', '.join(found)}"
        raise UsageError(what, hint="look at its launch; when you trust who published it: --trust")


def _of_results(text: str, results: Path) -> Published:
    meant = find(Known(results), text.removesuffix("#best"))
    if meant.kind == "run":
        start: RunStart = next(s for s in facts(results, RecordKind.RUN_START) if s.run_id == meant.id)
        baseline = recorded_run(results, latest_start(results, start.search_key, start.series))
        return Published(text, baseline, _chosen([baseline], None, text)[1], foreign=False)
    attempts = facts(results, RecordKind.ATTEMPT)
    key = "trial_id" if meant.kind == "trial" else "attempt_id"
    one = next((a for a in attempts if getattr(a, key) == meant.id), None)
    if one is None:
        raise UnknownId(f"{text} is not sealed yet", hint="wait for its end")
    baseline = recorded_run(results, latest_start(results, one.search_key, one.series))
    return Published(text, baseline, _chosen([baseline], str(one.number), text)[1], foreign=False)


def _of_path(path: Path, trial: str | None) -> Published:
    if path.is_dir() and is_published(path):
        with tempfile.TemporaryDirectory(prefix="tunebook-") as folder:
            unpack(path, Path(folder))
            starts: list[RunStart] = facts(Path(folder), RecordKind.RUN_START)
            keys = dict.fromkeys(one.search_key for one in sorted(starts, key=lambda one: one.started_utc))
            found = [recorded_run(Path(folder), latest_start(Path(folder), key)) for key in keys]
    elif path.is_dir():
        files = [path / place / FILE for place in _PLACES if (path / place / FILE).is_file()]
        if not files:
            hint = "a site (public/), its results/data/, or a folder of `store export --publish`"
            raise UnknownId(f"{path} holds no published results: there is no {FILE}", hint=hint)
        found = _read_site(files[0].read_bytes(), str(path))
    else:
        found = _read_site(path.read_bytes(), str(path)) if path.name == FILE else [read_baseline(path)]
    return Published(str(path), *_chosen(found, trial, str(path)), foreign=True)


def _of_address(address: str, trial: str | None) -> Published:
    parts = urlsplit(address)
    page = _PAGE.match(parts.path)
    site = page["site"] if page else parts.path if parts.path.endswith("/") else f"{parts.path}/"
    name = unquote(page["name"]) if page and page["name"] else None
    number = re.fullmatch(r"trial-(\d+)", parts.fragment)
    if trial is None and name:
        trial = f"{name}#{number[1]}" if number else f"{name}#best"
    url = f"{parts.scheme}://{parts.netloc}{site}results/data/{FILE}"
    with tempfile.TemporaryDirectory(prefix="tunebook-") as folder:
        body = download(url, Path(folder) / FILE, most=LARGEST, seconds=120).read_bytes()
    return Published(shown(address), *_chosen(_read_site(body, shown(url)), trial, shown(address)), foreign=True)


def _read_site(body: bytes, source: str) -> list[Baseline]:
    try:
        found = from_json(Site, body)
    except ValueError as error:
        reason = " ".join(str(error).split())[:200]
        what = f"{source} is no {FILE} of this version: {reason}"
        raise StoreDamaged(what, hint="was it built by a newer tunebook?") from None
    if found.format > FORMAT:
        raise StoreNewer(
            f"{source} has format {found.format}, this tunebook reads {FORMAT}", hint="install a newer one"
        )
    return list(found.campaigns)


def _chosen(baselines: Sequence[Baseline], trial: str | None, source: str) -> tuple[Baseline, Recorded]:
    """`trial`: NAME#7, NAME#best, NAME, 7 or best; the best of the only campaign where nothing is said."""
    name, _, number = (trial or "").rpartition("#")
    if not name and number not in ("", "best") and not number.isdecimal():
        name, number = number, "best"
    mine = [one for one in baselines if name in ("", one.name)]
    names = ", ".join(dict.fromkeys(one.name for one in baselines)) or "none"
    if not mine:
        raise UnknownId(f"{source} has no campaign {name!r}", hint=f"it has: {names}")
    if len({one.name for one in mine}) > 1:
        raise UsageError(f"{source} has several campaigns: which trial?", hint=f"--trial NAME#7, NAME one of: {names}")
    baseline = mine[-1]  # the latest lineage of the name
    if number in ("", "best"):
        found = baseline.best
    else:
        found = next((one for one in baseline.trials if one.number == int(number)), None)
    if found is None:
        known = ", ".join(str(one.number) for one in baseline.trials) or "none"
        what = f"{baseline.name} has no trial {number or 'best'} that succeeded"
        raise UnknownId(what, hint=f"there are: {known[:200]}")
    return baseline, found
