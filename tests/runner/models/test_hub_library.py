"""What huggingface_hub itself guarantees of a download, seen with a hub that misbehaves.

The table of site/guide/models.md rests on these: where the library fails a row, the code is ours. A test that fails
after an update of the library may mean that there is less for us to do.
"""

from __future__ import annotations

import email.utils
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from huggingface_hub import close_session, hf_hub_download, snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError

from tests.runner.models.hub import MODEL, Hub
from tests.runner.models.hub_world import WEIGHTS, hub, waits

__all__ = ["hub", "waits"]


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No token of this machine, no bars, small blocks; a client of the test's own."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    close_session()
    yield
    close_session()


def get(hub: Hub, cache: Path, file: str = WEIGHTS, **options: Any) -> Path:
    return Path(hf_hub_download(MODEL, file, endpoint=hub.url, cache_dir=cache, **options))


def parts(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob("*") if "incomplete" in path.name]


def test_library_goes_on_within_one_call(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    hub.script(WEIGHTS, "short:150000")
    assert get(hub, tmp_path).read_bytes() == hub.files[WEIGHTS]
    assert [one.get("range") for one in hub.gets(WEIGHTS)] == [None, "bytes=150000-"]


def test_library_keeps_nothing_for_the_next_call(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    hub.script(WEIGHTS, "short:150000", "404")
    with pytest.raises(HfHubHTTPError):
        get(hub, tmp_path)
    assert parts(tmp_path) == []
    get(hub, tmp_path)
    assert hub.gets(WEIGHTS)[-1].get("range") is None


def test_library_believes_any_range(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    hub.script(WEIGHTS, "short:150000", "wrong-range")
    assert get(hub, tmp_path).read_bytes() != hub.files[WEIGHTS]


def test_library_begins_anew_when_the_range_is_ignored(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    hub.script(WEIGHTS, "short:150000", "ignore-range")
    assert get(hub, tmp_path).read_bytes() == hub.files[WEIGHTS]


def test_library_gives_up_at_416(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    hub.script(WEIGHTS, "short:150000", "416")
    with pytest.raises(HfHubHTTPError, match="416"):
        get(hub, tmp_path)


def test_library_mixes_two_contents(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    hub.script(WEIGHTS, "stale:150000")
    assert get(hub, tmp_path).read_bytes() != hub.files[WEIGHTS]
    assert not any("if-range" in one for one in hub.gets(WEIGHTS))


def test_library_obeys_retry_after_in_seconds_and_has_no_limit(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    hub.script(WEIGHTS, "429:7", "429:100000")
    assert get(hub, tmp_path).read_bytes() == hub.files[WEIGHTS]
    assert waits == [8.0, 100_001.0]


def test_library_reads_no_date_of_retry_after(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    hub.script(WEIGHTS, f"429:{email.utils.formatdate(time.time() + 60, usegmt=True)}")
    get(hub, tmp_path)
    assert waits == [1.0]


@pytest.mark.parametrize("status", ["500", "503"])
def test_library_gives_up_at_a_server_error(hub: Hub, tmp_path: Path, waits: list[float], status: str) -> None:
    hub.script(WEIGHTS, status)
    with pytest.raises(HfHubHTTPError, match=status):
        get(hub, tmp_path)
    assert waits == []


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_library_only_warns_of_a_full_disk(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 1000))
    with pytest.warns(UserWarning, match="Not enough free disk space"):
        assert get(hub, tmp_path).is_file()


def test_library_flushes_nothing_to_the_disk(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    get(hub, tmp_path)
    assert flushed == []


def test_library_lets_one_of_two_fetch(hub: Hub, tmp_path: Path) -> None:
    threads = [threading.Thread(target=get, args=(hub, tmp_path)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(hub.gets(WEIGHTS)) == 1


def test_library_throws_the_part_away_at_an_interrupt(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    hub.script(WEIGHTS, "short:150000")
    with monkeypatch.context() as patched:
        patched.setattr("time.sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get(hub, tmp_path)
    assert parts(tmp_path) == []
    assert get(hub, tmp_path).read_bytes() == hub.files[WEIGHTS], "the lock is free"


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_library_refuses_a_name_that_leads_out(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.files[name] = b"outside"
    with pytest.raises((ValueError, HfHubHTTPError)):
        get(hub, tmp_path / "cache", name)
    with pytest.raises((ValueError, HfHubHTTPError)):
        snapshot_download(MODEL, endpoint=hub.url, cache_dir=tmp_path / "cache", max_workers=1)
    assert not list(tmp_path.rglob("outside"))


def test_library_goes_through_the_proxy(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", hub.url)
    path = hf_hub_download(MODEL, "config.json", endpoint="http://hub.invalid", cache_dir=tmp_path)
    assert Path(path).read_bytes() == hub.files["config.json"]


def test_library_delivers_wrong_content(hub: Hub, tmp_path: Path) -> None:
    hub.script(WEIGHTS, "corrupt")
    assert get(hub, tmp_path).read_bytes() != hub.files[WEIGHTS]


def test_library_asks_for_compressed_bytes(hub: Hub, tmp_path: Path) -> None:
    get(hub, tmp_path)
    assert "gzip" in hub.gets(WEIGHTS)[0]["accept-encoding"]


@pytest.mark.parametrize("status", ["401", "403"])
def test_library_names_no_variable_for_the_token(hub: Hub, tmp_path: Path, status: str) -> None:
    hub.token = "wanted" if status == "401" else None
    hub.on_api += [status] if status == "403" else []
    with pytest.raises((HfHubHTTPError, GatedRepoError, LocalEntryNotFoundError)) as caught:
        snapshot_download(MODEL, endpoint=hub.url, cache_dir=tmp_path)
    assert "HF_TOKEN" not in str(caught.value)


@pytest.mark.parametrize("step", ["too-much", "304"])
def test_library_checks_the_size(hub: Hub, tmp_path: Path, step: str) -> None:
    hub.script(WEIGHTS, step)
    with pytest.raises(OSError, match="Consistency check failed"):
        get(hub, tmp_path)
    assert not (tmp_path / "models--acme--tiny-model" / "blobs" / WEIGHTS).exists()


def test_library_sets_no_condition(hub: Hub, tmp_path: Path) -> None:
    for _ in range(2):
        get(hub, tmp_path, force_download=True)
    asked = hub.gets(WEIGHTS)
    assert len(asked) == 2
    assert not any(name.startswith("if-") for one in asked for name in one)


def test_library_shows_the_token_to_the_hub_and_not_to_its_storage(hub: Hub, tmp_path: Path) -> None:
    hub.token = "of-the-hub"
    get(hub, tmp_path, token="of-the-hub")
    assert not any("authorization" in one for one in hub.gets(WEIGHTS))


def test_library_waits_for_a_drip(hub: Hub, tmp_path: Path) -> None:
    """Each silence is shorter than its limit; of all of them together there is none."""
    hub.files["config.json"] = b"x" * 30
    hub.script("config.json", "drip")
    assert get(hub, tmp_path, "config.json", etag_timeout=0.5).stat().st_size == 30


def test_library_keeps_files_of_one_stem_apart(hub: Hub, tmp_path: Path) -> None:
    hub.files["model.gguf"] = b"G" * 100
    assert {get(hub, tmp_path, name).read_bytes() for name in (WEIGHTS, "model.gguf")} == {
        hub.files[WEIGHTS],
        hub.files["model.gguf"],
    }


def test_library_moves_the_branch_first(hub: Hub, tmp_path: Path) -> None:
    snapshot_download(MODEL, endpoint=hub.url, cache_dir=tmp_path)
    hub.commit = "decade" + "0" * 34
    hub.files["config.json"] = b'{"version": 2}'
    hub.script("config.json", "404")
    with pytest.raises((HfHubHTTPError, LocalEntryNotFoundError)):
        snapshot_download(MODEL, endpoint=hub.url, cache_dir=tmp_path)
    assert (tmp_path / "models--acme--tiny-model/refs/main").read_text() == hub.commit
