"""A project folder as one has it in a clone, and a site built from a small believable store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from report.build import Built, build_site
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.records import RecordKind
from runner.store import schema
from runner.store._live import open_live, store_lock
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from tests import make
from tests._shared import once

ROOT = Path(__file__).parents[2]
EVIL = """<script>window.hacked=1</script> ![x](javascript:alert(1)) **bold** "'><img src=x onerror=hacked()>"""
"""What a campaign, an engine or a client may say. It must be shown as it is, and do nothing."""
EVIL_NAME = "<img src=x onerror=hacked()>"


def make_project(folder: Path) -> Path:
    """mkdocs.yml and the hand-written pages, as in a fresh clone."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "mkdocs.yml", folder)
    shutil.copytree(ROOT / "site", folder / "site", ignore=shutil.ignore_patterns("results"))
    return folder


def make_small_project(folder: Path) -> Path:
    """The generated pages and one written by hand: those of a clone take most of a build."""
    (folder / "site").mkdir(parents=True)
    skeleton = ROOT / "report" / "skeleton"
    settings = (skeleton / "mkdocs.yml").read_text(encoding="utf-8")
    (folder / "mkdocs.yml").write_text(f"{settings}  - About: about.md\n", encoding="utf-8")
    shutil.copy(skeleton / "site" / "index.md", folder / "site")
    (folder / "site" / "about.md").write_text("# About\n\nWhat we measure, and why.\n", encoding="utf-8")
    return folder


def write_hostile(results: Path) -> None:
    """A third campaign whose every text is an attack."""
    of = make.campaign(name=EVIL_NAME, description=EVIL, path="campaigns/--8<-- evil.yaml")
    text = f"{EVIL}\n---\n{EVIL}"
    start = make.run_start(of, run_id=make.an_id(3), started_utc=make.utc(7000), campaign_text=text)
    rules = make.rules(of)
    seal(results, RecordKind.RUN_START, start.run_id, start)
    seal_rules(results, rules)
    failed = Failure(Phase.LOAD, Cause.CRASH, EVIL, rule=EVIL)
    attempts = [
        make.attempt(of, 0, n=700, run_id=start.run_id),
        make.attempt(of, 1, n=701, run_id=start.run_id, values={EVIL: EVIL, "threads": 2}, failed=failed),
        make.attempt(of, 2, n=702, run_id=start.run_id, values={EVIL: "other", "threads": 4}, throughput=70.0),
    ]
    for attempt in attempts:
        make.seal_one(results, attempt)
    ingest(results)
    snapshot(results)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a good campaign, one in which nothing worked, and a hostile one. Not to be changed."""

    def fill(folder: Path) -> Path:
        results = folder / "results"
        make.write_store(results)
        make.write_all_failed(results)
        make.write_gpus(results)
        write_hostile(results)
        return results

    return once(tmp_path_factory, "filled", fill)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without a single record."""
    results = tmp_path_factory.mktemp("report-empty") / "results"
    results.mkdir()
    with store_lock(results), open_live(results) as connection:
        schema.prepare(connection)
    snapshot(results)
    return results


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, filled: Path) -> Built:
    """The site of `filled`, built once for all that look at it, tests in a browser too."""
    return once(tmp_path_factory, "built", lambda folder: build_site(filled, make_project(folder / "project"), None))
