"""The text file of each trial, and that pages link to every one of them and to nothing else."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from report import details
from report.build import Built
from report.gather import prepare
from report.publish import Publisher
from runner.domain.failure import Outcome, Role
from runner.domain.records import RecordKind
from runner.store.ingest import ingest
from runner.store.reader import open_snapshot
from runner.store.record import seal
from runner.store.snapshot import snapshot
from tests import make
from tests.report.conftest import EVIL_NAME

CAMPAIGN = "results/campaigns/smollm-cpu"


def written(results: Path, out: Path, *, private: bool = False) -> dict[str, str]:
    """Path below the site -> text, of every file that stands beside the pages of `results`."""
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        publisher = Publisher(["bench-1"], private=private)
        done = details.write(connection, out, publisher)
    found = {path.relative_to(out).as_posix(): path.read_text(encoding="utf-8-sig") for path in out.rglob("*.*")}
    assert done == sum(name.endswith(".txt") for name in found)
    return found


@pytest.fixture(scope="module")
def texts(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return written(filled, tmp_path_factory.mktemp("details"))


def test_every_trial_has_one(texts: dict[str, str]) -> None:
    numbers = sorted(int(Path(name).stem) for name in texts if name.startswith(f"{CAMPAIGN}/trials/"))
    assert numbers == list(range(12))


def test_a_success_says_what_to_launch_and_what_was_measured(texts: dict[str, str]) -> None:
    text = texts[f"{CAMPAIGN}/trials/4.txt"]
    assert '--model "$MODEL" --port "$PORT"' in text
    assert "batch-size=256 flash-attn=true threads=4" in text
    assert re.search(r"succeeded.*measured [\d.]+ tok/s; score [\d.]+ tok/s; confirmed .* by 3 fresh deployments", text)
    assert "ATTEMPTS: 4" in text
    assert "1. search: measured after 11.5 s; reached done; began 2026-03-02 01:03:00 UTC; client native 0.1.0" in text
    assert (
        "precheck 0.01 s, lease 0.01 s, start 0.30 s, load 1.40 s, ready 0.20 s, warmup 0.60 s, measure 9.00 s" in text
    )
    assert "concurrency 1, D(100,20)" in text
    assert "WHY IT FAILED" not in text


def test_a_failure_says_why_and_where_the_log_is(texts: dict[str, str]) -> None:
    text = texts[f"{CAMPAIGN}/trials/5.txt"]
    assert "failed: oom_load at load; severity 0.8 of 1; penalty" in text
    assert "Evidence    ggml_aligned_malloc: insufficient memory" in text
    assert "Ended by    SIGKILL" in text
    assert re.search(r"Hint +\S", text)
    assert re.search(r"tunebook logs [0-9a-f-]{36}\)", text)


def test_an_attempt_that_nobody_is_to_blame_for_is_told_too(texts: dict[str, str]) -> None:
    text = texts[f"{CAMPAIGN}/trials/6.txt"]
    assert "1. search: infra at start (port)" in text
    assert "2. retry: measured" in text


def test_errors_of_requests_and_warnings_are_in_it(texts: dict[str, str]) -> None:
    assert "errors: 9 x reset at level 1: connection reset by peer" in texts[f"{CAMPAIGN}/trials/7.txt"]
    gpu = texts["results/campaigns/smollm-gpu/trials/1.txt"]
    assert "WARNINGS: 2" in gpu
    assert "was also used by process 4711" in gpu


def test_what_others_wrote_begins_no_line(texts: dict[str, str]) -> None:
    """A line of ours that is not indented is a heading; nothing from outside can make one."""
    for name, text in texts.items():
        if name.endswith(".txt"):
            ours = [line for line in text.splitlines() if line and not line.startswith("  ")]
            heads = r"Trial \d+ of .*|LAUNCH .*|WHY IT FAILED|ATTEMPTS: \d+|LOG EXCERPT|WARNINGS: \d+"
            assert [line for line in ours if not re.fullmatch(heads, line)] == [], name
            assert all(line.isprintable() for line in text.splitlines()), name
    hostile = [text for text in texts.values() if EVIL_NAME in text]
    assert any("<script>window.hacked=1</script>" in text for text in hostile)


def test_no_machine_is_named_unless_the_site_is_private(filled: Path, tmp_path: Path) -> None:
    """The host stands in no file; what an engine said of it and of paths is filtered."""
    results = tmp_path / "results"
    failed = make.failure(evidence="on bench-1: can not read /home/ada/model.gguf")
    make.write_store(results, attempts=[make.attempt(number=0, failed=failed)])
    public = written(results, tmp_path / "public")[f"{CAMPAIGN}/trials/0.txt"]
    assert "on host-1: can not read <path>/model.gguf" in public
    private = written(results, tmp_path / "private", private=True)[f"{CAMPAIGN}/trials/0.txt"]
    assert "on bench-1: can not read /home/ada/model.gguf" in private


def test_a_withdrawn_trial_keeps_its_file(tmp_path: Path) -> None:
    results = tmp_path / "results"
    made = make.write_store(results)
    gone = [one for one in made.attempts if one.number == 2]
    for n, one in enumerate([*gone, made.of(4, Role.CONFIRM)]):
        fact = make.retraction(one, retraction_id=make.an_id(7000 + n))
        seal(results, RecordKind.RETRACTION, fact.retraction_id, fact)
    ingest(results)
    snapshot(results)
    texts = written(results, tmp_path / "out")
    assert "withdrawn: it counts nowhere" in texts[f"{CAMPAIGN}/trials/2.txt"]
    assert "withdrawn: another job ran on the machine" in texts[f"{CAMPAIGN}/trials/2.txt"]
    assert texts[f"{CAMPAIGN}/trials/4.txt"].count("; withdrawn\n") == 1


def test_a_number_that_two_machines_gave_tells_both(tmp_path: Path) -> None:
    """Each searched the lineage by itself, and their records were merged: nothing of either is left out."""
    results, same = tmp_path / "results", make.attempt(number=1, values={"threads": 2})
    other = make.attempt(number=1, values={"threads": 4}, n=77)
    make.write_store(results, attempts=[make.attempt(number=0), same, other])
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        details.write(connection, tmp_path / "out", Publisher(["bench-1"]))
    text = (tmp_path / "out" / CAMPAIGN / "trials/1.txt").read_text(encoding="utf-8-sig")
    heads = [line.strip() for line in text.splitlines() if line.startswith(("Trial ", "  Parameters"))]
    assert heads[::2] == ["Trial 1 of smollm-cpu"] * 2
    assert sorted(heads[1::2]) == ["Parameters  threads=2", "Parameters  threads=4"]


def test_one_trial_without_a_number(tmp_path: Path) -> None:
    """Interrupted before anything happened: no launch, no level, no evidence."""
    results = tmp_path / "results"
    bare = replace(make.attempt(number=0), levels=(), launch=None, engine=None, phases=(), outcome=Outcome.INTERRUPTED)
    make.write_store(results, attempts=[bare])
    text = written(results, tmp_path / "out")[f"{CAMPAIGN}/trials/0.txt"]
    assert "not measured yet" in text
    assert "No line was kept as evidence" in text


def test_the_same_snapshot_gives_the_same_bytes(filled: Path, texts: dict[str, str], tmp_path: Path) -> None:
    assert written(filled, tmp_path) == texts


def test_pages_link_to_every_file_and_every_link_ends_in_one(built: Built) -> None:
    """MkDocs checks none of these links: they come with the tables, after it."""
    files = {path.resolve() for path in built.out.rglob("trials/*.txt")}
    linked = set()
    for page in [*built.out.rglob("results/campaigns/*/index.html"), built.out / "results/failures.html"]:
        for link in re.findall(r'href="([^"]*trials/\d+\.txt)"', page.read_text(encoding="utf-8")):
            linked.add((page.parent / link).resolve())
    assert files == linked
    assert len(files) == 20
    failures = (built.out / "results/failures.html").read_text(encoding="utf-8")
    assert 'href="campaigns/smollm-cpu/trials/5.txt"' in failures


def test_a_permalink_still_leads_to_the_row(built: Built) -> None:
    text = (built.out / CAMPAIGN / "index.html").read_text(encoding="utf-8")
    row = re.search(r'<tr id="trial-5".*?</tr>', text)
    assert row is not None
    assert '<a href="trials/5.txt">5</a>' in row[0]
