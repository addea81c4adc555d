"""A disk that is full, and folders that can not be written, at every write. Real file systems; nothing is pretended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories._disk import Done, SmallDisk, possible
from tests.stories._world import assert_nothing_left, attempts, proposals, write_campaign

pytestmark = pytest.mark.story

TRIALS = 6
STAGES = (
    ("trial_started", 0), ("start", 0), ("measure", 0), ("done", 0), ("attempt_ended", 0), ("trial_ended", 0),
    ("trial_ended", 24 * 1024), ("trial_ended", 200 * 1024),
)  # fmt: skip
"""Event at which the disk fills, and the bytes that are left: running file, engine log, client, seal, ingest (create,
insert) and snapshot meet the end of the disk."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Skipped where mount namespaces are not permitted: no package brings that right, in CI either."""
    if not possible():
        pytest.skip("a mount namespace with a tmpfs in it (root, or unprivileged user namespaces)")
    with SmallDisk(tmp_path / "disk", "64m") as made:
        yield made


def told_once(done: Done, slug: str, status: int) -> None:
    """The status, one clear message with a hint, and nothing of our own inside."""
    both = done.stdout + done.stderr
    assert done.status == status, both
    errors = [line for line in done.stderr.splitlines() if line.startswith("error[")]
    assert len(errors) == 1, both
    assert errors[0].startswith(f"error[{slug}]: "), both
    assert done.stderr.rstrip().splitlines()[-1].startswith("  hint: "), both
    assert "Traceback" not in both
    assert "BUG" not in both


def whole(disk: SmallDisk, campaign: Path, trials: int = TRIALS) -> None:
    """One run in peace ends the campaign; nothing is lost, doubled or left."""
    done = disk.run("run", campaign)
    assert done.status == 0, done.stdout + done.stderr
    results = disk.seen / "results"
    assert [number for number, _ in proposals(results)] == list(range(trials))
    assert len({fingerprint for _, fingerprint in proposals(results)}) == trials
    facts = attempts(results)
    assert all(fact["outcome"] in ("measured", "interrupted") for fact in facts), [fact["failure"] for fact in facts]
    assert_nothing_left(results)
    verified = disk.run("store", "verify")
    assert verified.status == 0, verified.stdout
    assert "pending" not in verified.stdout
    counted = disk.run("sql", "SELECT count(*) AS n FROM attempts", "--format", "csv")
    assert counted.stdout.split() == ["n", str(len(facts))]


def test_a_disk_that_fills_at_every_stage_costs_nothing_that_was_sealed(tmp_path: Path, disk: SmallDisk) -> None:
    campaign = write_campaign(tmp_path, trials=TRIALS, loads="[1]")
    disk.fill()
    told_once(disk.run("run", campaign), "no-space", 10)
    disk.free()
    sealed = 0
    for event, leave in STAGES:
        done = disk.run("run", campaign, "--json", at=event, then=("fill", leave))
        assert done.acted, f"{event}: {done.stdout}"
        told_once(done, "no-space", 10)
        disk.free()
        now = len(attempts(disk.seen / "results"))
        assert now >= sealed
        sealed = now
    whole(disk, campaign)


def test_build_and_copies_on_a_full_disk_say_so_and_leave_the_old_site(tmp_path: Path, disk: SmallDisk) -> None:
    campaign = write_campaign(tmp_path, trials=1, loads="[1]")
    whole(disk, campaign, 1)
    public, copies = disk.inside / "public", disk.inside / "copies"
    disk.fill(64 * 1024)
    for words in (
        ("build", "--out", public),
        ("store", "export", copies),
        ("store", "rebuild"),
        ("store", "snapshot"),
        ("sql", "SELECT r.* FROM range(200000) r", "--format", "csv", "--out", disk.inside / "rows.csv"),
    ):
        told_once(disk.run(*words), "no-space", 10)
    disk.free()
    built = disk.run("build", "--out", public)
    assert built.status == 0, built.stderr
    front = (disk.seen / "public/index.html").read_bytes()
    disk.fill(256 * 1024)
    told_once(disk.run("build", "--out", public), "no-space", 10)
    assert (disk.seen / "public/index.html").read_bytes() == front
    disk.free()
    disk.read_only(public.parent)
    told_once(disk.run("build", "--out", public, "--results", disk.inside / "results"), "unwritable", 4)
    disk.writable(public.parent)
    assert disk.run("build", "--out", public).status == 0
    assert [path.name for path in disk.seen.glob(".*")] == []
    whole(disk, campaign, 1)


def test_a_results_folder_that_can_not_be_written(tmp_path: Path, disk: SmallDisk) -> None:
    """From the start, and from any moment of a run on."""
    campaign, results = write_campaign(tmp_path, trials=3, loads="[1]"), disk.inside / "results"
    disk.read_only(disk.inside)
    told_once(disk.run("run", campaign), "unwritable", 4)
    disk.writable(disk.inside)
    for event in ("start", "done", "trial_ended"):
        (disk.seen / "results").mkdir(exist_ok=True)
        done = disk.run("run", campaign, "--json", at=event, then=("read_only", str(results)))
        assert done.acted
        told_once(done, "unwritable", 4)
        for words in (("store", "ingest"), ("store", "rebuild"), ("store", "snapshot"), ("reap",)):
            ended = disk.run(*words)
            if ended.status != 0:
                told_once(ended, ended.stderr.partition("[")[2].partition("]")[0], ended.status)
                assert ended.status in (4, 5)
        disk.writable(results)
    whole(disk, campaign, 3)


def test_a_cache_that_can_not_be_written_and_a_full_tmp_stop_nothing(tmp_path: Path, disk: SmallDisk) -> None:
    campaign = write_campaign(tmp_path, trials=1, loads="[1]")
    cache, tmp = disk.inside / "cache", disk.inside / "tmp"
    for folder in ("cache", "tmp"):
        (disk.seen / folder).mkdir()
    disk.read_only(cache)
    results = tmp_path / "elsewhere"
    disk.fill()
    extra = {"TUNEBOOK_CACHE": str(cache), "TMPDIR": str(tmp)}
    ran = disk.run("run", campaign, "--results", results, **extra)
    assert ran.status == 0, ran.stderr
    built = disk.run("build", "--results", results, "--out", tmp_path / "public", **extra)
    assert built.status == 0, built.stderr
    assert "Traceback" not in ran.stderr + built.stderr
