"""Every guarantee of `tunebook model fetch`, against a hub that misbehaves. The table of site/guide/models.md names
these tests."""

from __future__ import annotations

import email.utils
import hashlib
import os
import shutil
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from runner.errors import HashMismatch, NetworkError, NoSpace, NotAuthorised, RateLimited
from runner.models import hub_cache
from runner.models.download import answers
from runner.models.download.transfer import Settings
from runner.models.fetching import Asked, fetch
from tests.runner.models.hub import MODEL, Hub, oid_of
from tests.runner.models.hub_world import WEIGHTS, Told, blob, get, hub, interrupted, machine, part, ranges, waits

__all__ = ("hub", "machine", "waits")


def test_a_part_is_gone_on_with(hub: Hub, waits: list[float]) -> None:
    interrupted(hub)
    assert part(hub).stat().st_size == 150_000
    told = Told()
    assert get(hub, told).read_bytes() == hub.files[WEIGHTS]
    assert ranges(hub)[-1] == "bytes=150000-"
    assert told.of("start")[0]["resume"] is True
    assert told.of("start")[0]["start"] == 150_000
    assert not part(hub).exists()


def test_another_range_than_was_asked_for_begins_anew(hub: Hub, waits: list[float]) -> None:
    hub.script(WEIGHTS, "short:150000", "wrong-range")
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
    assert ranges(hub) == [None, "bytes=150000-", None]


def test_a_server_that_knows_no_ranges_is_read_from_the_start(hub: Hub, waits: list[float]) -> None:
    hub.script(WEIGHTS, "short:150000", "ignore-range")
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
    assert ranges(hub) == [None, "bytes=150000-"]


def test_416_begins_anew(hub: Hub, waits: list[float]) -> None:
    hub.script(WEIGHTS, "short:150000", "416")
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
    assert ranges(hub) == [None, "bytes=150000-", None]


def test_a_part_that_is_too_large_is_thrown_away(hub: Hub) -> None:
    part(hub).parent.mkdir(parents=True)
    part(hub).write_bytes(b"x" * 300_001)
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
    assert ranges(hub) == [None]


def test_a_file_that_changes_meanwhile_is_not_mixed(hub: Hub, waits: list[float]) -> None:
    interrupted(hub, "stale:150000")
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
    assert hub.gets(WEIGHTS)[-1]["if-range"] == '"as-it-was"', "known from the first download, which never ended"


@pytest.mark.parametrize("etag", ['W/"weak"', "", "bare"])
def test_only_a_strong_etag_is_a_condition(hub: Hub, waits: list[float], etag: str) -> None:
    interrupted(hub)
    part(hub).with_name(f"{part(hub).name}.etag").write_text(etag)
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
    assert "if-range" not in hub.gets(WEIGHTS)[-1]


def test_what_is_here_is_not_asked_for_and_304_is_no_file(hub: Hub, waits: list[float]) -> None:
    hub.script(WEIGHTS, "304")
    told = Told()
    assert get(hub, told).read_bytes() == hub.files[WEIGHTS]
    assert "304" in told.of("retry")[0]["msg"]
    get(hub)
    assert len(hub.gets(WEIGHTS)) == 2
    assert not any(name.startswith("if-none") for one in hub.gets(WEIGHTS) for name in one)


def test_what_is_here_but_not_whole_is_fetched(hub: Hub) -> None:
    get(hub)
    blob(hub).write_bytes(b"cut short")
    assert get(hub).read_bytes() == hub.files[WEIGHTS]


@pytest.mark.parametrize("step", ["429:7", f"429:{email.utils.formatdate(2_000_000_007, usegmt=True)}", "503:7"])
def test_retry_after_is_obeyed(hub: Hub, waits: list[float], step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    hub.script(WEIGHTS, step)
    told = Told()
    get(hub, told)
    assert waits == [7.0]
    assert told.of("retry")[0]["wait_secs"] == 7.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [({"Retry-After": "120"}, 120.0), ({"retry-after": "99999"}, 3600.0), ({}, 5.0), ({"Retry-After": "soon"}, 5.0),
     ({"Retry-After": "Thu, 01 Jan 1970 00:00:10 GMT"}, 10.0), ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
     ({"Retry-After": "-3"}, 5.0)],
)  # fmt: skip
def test_retry_after_has_a_default_and_a_limit(header: dict[str, str], seconds: float) -> None:
    assert answers.retry_after(header, now=0.0) == seconds


def test_429_after_every_try_is_its_own_error(hub: Hub, waits: list[float]) -> None:
    hub.script(WEIGHTS, "short:1000", *["429:1"] * 4)
    with pytest.raises(RateLimited) as caught:
        get(hub)
    assert caught.value.status == 12
    assert part(hub).stat().st_size == 1000


def test_tries_come_later_and_later(hub: Hub, waits: list[float]) -> None:
    hub.script(WEIGHTS, "500", "502", "cut")
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
    assert waits == [pytest.approx(0.237), pytest.approx(0.474), pytest.approx(0.911)]
    assert [answers.back_off(attempt) for attempt in (7, 100)] == [pytest.approx(10.059), pytest.approx(10.1)]


@pytest.mark.parametrize("step", ["500", "cut", "short:0", "304"])
def test_tries_end(hub: Hub, waits: list[float], step: str) -> None:
    hub.script(WEIGHTS, *[step] * 20)
    with pytest.raises(NetworkError) as caught:
        get(hub, settings=Settings(retries=2))
    assert caught.value.status == 14
    assert len(hub.gets(WEIGHTS)) == 3


def test_progress_earns_new_tries(hub: Hub, waits: list[float]) -> None:
    hub.script(WEIGHTS, *["short:50000"] * 5)
    assert get(hub, settings=Settings(retries=1)).read_bytes() == hub.files[WEIGHTS]


def test_a_slow_drip_ends_in_time(hub: Hub) -> None:
    hub.script(WEIGHTS, "drip")
    with pytest.raises(NetworkError, match="not here in time"):
        get(hub, settings=Settings(timeout=0.3))


def test_a_silent_server_ends_in_time(hub: Hub) -> None:
    hub.script(WEIGHTS, "hang", "hang")
    with pytest.raises(NetworkError, match="no answer"):
        get(hub, settings=Settings(timeout=0.3, retries=1))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_without_room_is_refused_before_the_first_byte(
    hub: Hub, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(hub)
    before = len(hub.gets(WEIGHTS))
    free = 50_000_000 + 149_999  # half of it is here, and 50 MB stay free
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, free))
    with pytest.raises(NoSpace) as caught:
        get(hub)
    assert caught.value.status == 10
    assert len(hub.gets(WEIGHTS)) == before
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, free + 1))
    hub.script(WEIGHTS, "ignore-range")
    with pytest.raises(NoSpace):  # what was there is of no use: now all of it is needed
        get(hub)


def test_a_file_is_flushed_before_and_its_folder_after_it_gets_its_name(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[Path, bool]] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        flushed.append((Path(f"/proc/self/fd/{descriptor}").readlink(), blob(hub).exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    get(hub)
    assert flushed.index((part(hub), False)) < flushed.index((blob(hub).parent, True))


def test_two_writers_fetch_a_file_once(hub: Hub) -> None:
    told = [Told(), Told()]
    threads = [threading.Thread(target=get, args=(hub, one)) for one in told]
    hub.script(WEIGHTS, "429:1")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ranges(hub) == [None, None], "one that was told to wait, and one that brought it"
    assert len([one for both in told for one in both.of("waiting")]) <= 1
    assert blob(hub).read_bytes() == hub.files[WEIGHTS]


def test_an_interrupt_keeps_the_part_and_frees_the_lock(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    hub.script(WEIGHTS, "short:150000")
    with monkeypatch.context() as patched:
        patched.setattr("time.sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get(hub)
    assert part(hub).stat().st_size == 150_000
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
    assert ranges(hub) == [None, "bytes=150000-"]


def test_the_proxy_is_used(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", hub.url)
    wish = Asked(MODEL, names=(WEIGHTS,), base_url="http://hub.invalid")
    assert fetch(wish, Settings(), Told()).read_bytes() == hub.files[WEIGHTS]


@pytest.mark.parametrize("file", [WEIGHTS, "config.json"])
def test_wrong_content_gets_no_name_and_leaves_nothing(hub: Hub, tmp_path: Path, file: str) -> None:
    hub.script(file, "corrupt")
    with pytest.raises(HashMismatch) as caught:
        get(hub, names=(file,))
    assert caught.value.status == 13
    blobs = hub_cache.folder_of(MODEL) / "blobs"
    assert list(blobs.iterdir()) == []
    assert hub_cache.snapshot(MODEL) is None
    get(hub, names=(file,))
    assert [path.name for path in blobs.iterdir()] == [oid_of(hub.files[file])]


def test_a_part_of_another_file_is_found_out_and_begun_anew(hub: Hub, waits: list[float]) -> None:
    interrupted(hub)
    part(hub).write_bytes(b"x" * 150_000)
    assert get(hub).read_bytes() == hub.files[WEIGHTS]


def test_the_hash_of_the_user_counts_too(hub: Hub) -> None:
    with pytest.raises(HashMismatch):
        get(hub, sha256="ab" * 32)
    right = hashlib.sha256(hub.files[WEIGHTS]).hexdigest()
    assert get(hub, sha256=right).read_bytes() == hub.files[WEIGHTS]


def test_bytes_are_asked_for_as_they_are(hub: Hub) -> None:
    hub.script(WEIGHTS, "gzip")
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
    assert hub.gets(WEIGHTS)[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("where", ["listing", "bytes"])
@pytest.mark.parametrize("status", ["401", "403"])
def test_a_login_that_is_wanted_names_the_variable(hub: Hub, where: str, status: str) -> None:
    file = WEIGHTS
    if where == "listing":
        hub.on_api.append(status)
    else:
        file = "config.json"
        hub.script(file, status)
    with pytest.raises(NotAuthorised) as caught:
        get(hub, names=(file,))
    assert caught.value.status == 11
    assert "HF_TOKEN" in str(caught.value.hint)


def test_the_token_goes_to_the_hub_and_not_to_its_storage(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token = "hf_of-the-hub"
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert get(hub).is_file()
    assert len(hub.gets(WEIGHTS)) == 1
    assert "authorization" not in hub.gets(WEIGHTS)[0]


@pytest.mark.parametrize("step", ["too-much", "short:299999"])
def test_the_size_is_checked(hub: Hub, waits: list[float], step: str) -> None:
    hub.script(WEIGHTS, *[step] * 9)
    with pytest.raises(NetworkError):
        get(hub, settings=Settings(retries=0))
    assert not blob(hub).exists()


def test_force_fetches_again_without_a_condition(hub: Hub) -> None:
    get(hub)
    part(hub).write_bytes(b"left over")
    assert get(hub, settings=Settings(force=True)).read_bytes() == hub.files[WEIGHTS]
    assert len(hub.gets(WEIGHTS)) == 2
    assert not any(name.startswith(("if-", "range")) for one in hub.gets(WEIGHTS) for name in one)


def test_a_link_of_the_storage_that_is_too_old_is_asked_for_again(hub: Hub, waits: list[float]) -> None:
    hub.script(WEIGHTS, "short:150000", "403")
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
    assert ranges(hub) == [None, "bytes=150000-", "bytes=150000-"]


@pytest.mark.parametrize("step", ["429:3", "500", "cut"])
def test_questions_are_tried_again_too(hub: Hub, waits: list[float], step: str) -> None:
    hub.on_api.append(step)
    told = Told()
    assert get(hub, told).is_file()
    assert len(told.of("retry")) == 1
