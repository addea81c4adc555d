"""Results as they may leave the machine and stand in git: `tunebook store export --publish`, read back by `unpack`.

Records are the only way a fact enters a store, so what is published is records: the facts of each, redacted, one line
of JSON, in one file per campaign, under a manifest. What is bulky or private stays: request rows, logs, samples,
settings that an engine told. The same records give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import __version__
from runner.domain.records import RecordKind
from runner.errors import NotReady, StoreDamaged, StoreError, StoreNewer, UnknownId
from runner.store.history import CLASSES, facts
from runner.store.public_facts import aliases_of, public
from runner.store.record import MANIFEST, manifest_of, record_folders, seal, verify_record, write_manifest
from runner.util.codec import from_plain, to_plain
from runner.util.files import disk_errors

FORMAT = 1
ABOUT = "published.json"
LEFT_OUT = (
    "request rows",
    "answers",
    "logs of engines and clients",
    "GPU samples",
    "what engines say of their settings",
)
FOREIGN = ("results of other tools",)
FROM_FILES = ("records that `store merge` knows from store files alone", "what was merged from where")
_README = """# Published results

Written by `tunebook store export --publish`; not to be edited. One file per campaign: every sealed fact as one line of
JSON, with hosts as aliases and paths as placeholders. Left out: {left_out}. `MANIFEST.sha256` has the sum of each file.

To read it: `make site-demo` builds the site of it; `tunebook store ingest FOLDER --results ELSEWHERE` makes a store.
"""


@dataclass(frozen=True, slots=True)
class Published:
    """`campaigns`: name -> records. `size` is in bytes. `left_out` says in words what did not leave."""

    campaigns: Mapping[str, int]
    size: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sealed:
    kind: RecordKind
    record_id: str
    fact: Any


def publish(results: Path, target: Path, names: Sequence[str] = ()) -> Published:
    """Write the records of all campaigns, or of those called `names` with all that ran under the same lineages.

    What an earlier call wrote to `target` is replaced. Raises StoreError when there is nothing to publish, StoreDamaged
    when a record is not what was sealed, UnknownId, NotReady when `target` holds what is not ours, NoSpace, Unwritable.
    """
    _require_ours(target)
    chosen = _chosen(_sealed(results), names)
    aliases = aliases_of([one.fact for one in _all(chosen)])
    left_out = LEFT_OUT + (FROM_FILES if any(record_folders(results, RecordKind.MERGE)) else ())
    left_out += FOREIGN if any(record_folders(results, RecordKind.FOREIGN)) else ()
    files = {
        f"{_file_name(name)}.jsonl": "".join(map(_line, _public(found, aliases))) for name, found in chosen.items()
    }
    about = {
        "format": FORMAT,
        "tunebook": __version__,
        "as_of_utc": max((time for one in _all(chosen) for time in _times(one.fact)), default=None),
        "campaigns": [
            {"name": aliases.text(name), "file": f"{_file_name(name)}.jsonl", "records": _counts(found)}
            for name, found in chosen.items()
        ],
        "left_out": list(left_out),
    }
    files[ABOUT] = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
    files["README.md"] = _README.format(left_out=", ".join(left_out))
    _replace(target, files)
    size = sum(path.stat().st_size for path in target.iterdir())
    return Published({name: len(found) for name, found in chosen.items()}, size, left_out)


def is_published(folder: Path) -> bool:
    return (folder / ABOUT).is_file()


def unpack(folder: Path, results: Path) -> Published:
    """Seal what is published in `folder` in a results folder of its own; the caller ingests it. Again is a no-op.

    Raises NotReady where nothing is published, StoreDamaged when a file is not what was published, StoreNewer,
    StoreError when `results` holds records of another origin.
    """
    if not is_published(folder):
        hint = "`tunebook store export --publish DIR` makes such a folder of your results, to be committed"
        raise NotReady(f"no published results in {folder}", hint=hint)
    if problems := verify_record(folder):
        raise StoreDamaged(problems[0], hint="take the folder from git again, or publish anew; never edit it by hand")
    about = json.loads((folder / ABOUT).read_bytes())
    if about["format"] > FORMAT:
        raise StoreNewer(
            f"{folder} has format {about['format']}, this tunebook reads {FORMAT}",
            hint=f"install tunebook {about['tunebook']} or newer",
        )
    mark = results / ABOUT
    if record_folders(results) and not mark.is_file():
        raise StoreError(
            f"{results} has records of its own, which published ones would mix with",
            hint="name a new folder: --results DIR",
        )
    with disk_errors(results):
        results.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / ABOUT, mark)
    read = {one["name"]: _unpacked(folder / one["file"], results) for one in about["campaigns"]}
    return Published(read, sum(path.stat().st_size for path in folder.iterdir()), tuple(about["left_out"]))


def _unpacked(path: Path, results: Path) -> int:
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], 1):
        try:
            told = json.loads(line)
            kind = RecordKind(told["kind"])
            fact = from_plain(CLASSES[kind], told["facts"])
        except (ValueError, KeyError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise StoreDamaged(
                f"{path.name}:{number} is no record of this version: {reason}",
                hint="was it published by a newer tunebook? Then use that one",
            ) from error
        seal(results, kind, told["id"], fact)
    return number


def _sealed(results: Path) -> list[_Sealed]:
    """Every record of a kind that may leave, its bytes checked. Raises StoreDamaged."""
    found = []
    for kind in CLASSES:
        folders = record_folders(results, kind)
        for path in folders:
            if problems := verify_record(path):
                raise StoreDamaged(problems[0], hint="run `tunebook store verify`; nothing was published")
        ids = [path.name.partition("-")[2] for path in folders]
        found += [_Sealed(kind, id_, fact) for id_, fact in zip(ids, facts(results, kind), strict=True)]
    return found


def _chosen(records: Sequence[_Sealed], names: Sequence[str]) -> dict[str, list[_Sealed]]:
    """Campaign -> its records, campaigns by name. A lineage goes by the name of its latest run."""
    starts = sorted((one.fact for one in records if one.kind is RecordKind.RUN_START), key=lambda s: s.started_utc)
    called = {start.search_key: start.name for start in starts}
    every = {start.name for start in starts}
    if unknown := sorted(set(names) - every):
        raise UnknownId(
            f"no campaign is called {unknown[0]!r}", hint=f"there are: {', '.join(sorted(every)) or 'none'}"
        )
    if not starts:
        raise StoreError(
            "there are no runs to publish", hint="run a campaign first, or name another folder: --results DIR"
        )
    wanted = {start.search_key for start in starts if not names or start.name in names}
    of_run = {start.run_id: start.search_key for start in starts}
    of_attempt = {one.fact.attempt_id: one.fact.search_key for one in records if one.kind is RecordKind.ATTEMPT}
    chosen: dict[str, list[_Sealed]] = {name: [] for name in sorted({called[key] for key in wanted})}
    for one in sorted(records, key=lambda one: (list(RecordKind).index(one.kind), one.record_id)):
        if one.kind is RecordKind.RUN_END:
            key = of_run.get(one.fact.run_id)
        elif one.kind is RecordKind.RETRACTION:
            key = of_attempt.get(one.fact.attempt_id)
        else:
            key = one.fact.search_key
        if key in wanted:
            chosen[called[key]].append(one)
    return chosen


def _all(chosen: Mapping[str, Sequence[_Sealed]]) -> list[_Sealed]:
    return [one for found in chosen.values() for one in found]


def _public(found: Sequence[_Sealed], aliases: Any) -> list[dict[str, Any]]:
    return [{"kind": str(one.kind), "id": one.record_id, "facts": to_plain(public(one.fact, aliases))} for one in found]


def _line(told: Mapping[str, Any]) -> str:
    text = json.dumps(told, sort_keys=False, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085") + "\n"


def _counts(found: Sequence[_Sealed]) -> dict[str, int]:
    return {str(kind): n for kind in RecordKind if (n := sum(one.kind is kind for one in found))}


def _times(fact: Any) -> list[str]:
    return [getattr(fact, name) for name in ("started_utc", "ended_utc") if hasattr(fact, name)]


def _file_name(campaign: str) -> str:
    """Itself when it is harmless, else what is left of it and a hash."""
    kept = re.sub(r"[^a-z0-9._-]+", "-", campaign.lower()).strip(".-")[:80]
    return (
        kept
        if kept and kept == campaign
        else f"{kept or 'campaign'}-{hashlib.sha256(campaign.encode()).hexdigest()[:8]}"
    )


def _require_ours(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise NotReady(f"{target} is a file", hint="name a folder")
    held = {path.name for path in target.iterdir()} if target.is_dir() else set()
    try:
        ours = {MANIFEST, *manifest_of(target)} if is_published(target) else set()
    except (OSError, ValueError):
        ours = set()
    if other := sorted(held - ours):
        raise NotReady(
            f"{target} holds what is not published results ({other[0]}), and they would replace it",
            hint="name an empty or a new folder, or remove it yourself",
        )


def _replace(target: Path, files: Mapping[str, str]) -> None:
    """All of it is written beside before anything of the old goes."""
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
            fresh = Path(beside) / "fresh"
            fresh.mkdir(mode=0o755)
            for name, text in files.items():
                (fresh / name).write_text(text, encoding="utf-8")
            write_manifest(fresh)
            if target.is_dir():
                target.rename(Path(beside) / "old")
            fresh.rename(target)
