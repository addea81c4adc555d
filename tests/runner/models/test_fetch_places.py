"""Where a download puts what comes, and what it refuses before a byte is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import close_session

from runner.errors import HashMismatch, NetworkError, UsageError
from runner.models import hub_cache
from runner.models.download.transfer import Settings
from runner.models.fetching import Asked, fetch
from tests.runner.models.hub import MODEL, Hub, Lfs, tiny_model
from tests.runner.models.hub_world import WEIGHTS, Told, blob, get, hub, machine, waits

__all__ = ("hub", "machine", "waits")


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "a//outside", "c:\\outside", "a\x07b"])
@pytest.mark.parametrize("out", [True, False])
def test_no_name_leads_out_of_the_folder(hub: Hub, tmp_path: Path, name: str, out: bool) -> None:
    hub.files[name] = b"outside"
    with pytest.raises(UsageError, match="would not lie in the model's folder"):
        get(hub, names=(), out=tmp_path / "out" if out else None)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("word", ["../../outside", "/outside", "main", "g" * 64])
def test_no_hash_leads_out_of_the_folder(hub: Hub, tmp_path: Path, word: str) -> None:
    """A server that is no hub, or a bad one: hashes and commits become names of files."""
    hub.oid = word
    with pytest.raises(NetworkError, match="is none"):
        get(hub, settings=Settings(retries=0))
    hub.oid, hub.commit = None, word
    with pytest.raises(NetworkError):
        get(hub, settings=Settings(retries=0))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_old_file_stays_when_the_new_one_is_wrong(hub: Hub, tmp_path: Path) -> None:
    out = get(hub, out=tmp_path / "out")
    hub.files[WEIGHTS] = Lfs(b"version 2" * 1000)
    hub.script(WEIGHTS, "corrupt")
    with pytest.raises(HashMismatch):
        get(hub, out=tmp_path / "out")
    assert out.read_bytes() == tiny_model()[WEIGHTS]


def test_files_of_one_stem_do_not_collide(hub: Hub, tmp_path: Path, waits: list[float]) -> None:
    hub.files["model.gguf"] = Lfs(b"G" * 200_000)
    hub.script(WEIGHTS, "short:1000", "404")
    hub.script("model.gguf", "short:2000", "404")
    for name in (WEIGHTS, "model.gguf"):
        with pytest.raises(NetworkError):
            get(hub, names=(name,), out=tmp_path, settings=Settings(retries=1))
    for name in (WEIGHTS, "model.gguf"):
        assert get(hub, names=(name,), out=tmp_path).read_bytes() == hub.files[name]
    assert {path.name for path in (tmp_path / "acme-tiny-model").iterdir() if not path.name.startswith(".")} == {
        WEIGHTS,
        "model.gguf",
    }


def test_a_whole_model_lies_where_engines_look(hub: Hub, tmp_path: Path) -> None:
    hub.files |= {"pytorch_model.bin": Lfs(b"the same again"), "original/consolidated.00.pth": Lfs(b"and again")}
    folder = get(hub, names=())
    assert folder == tmp_path / "hf/hub/models--acme--tiny-model/snapshots" / hub.commit
    here = hub_cache.snapshot(MODEL)
    assert here is not None
    assert (here.complete, here.refs, here.folder) == (True, ("main",), folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(tiny_model())
    for name, content in tiny_model().items():
        assert (folder / name).read_bytes() == content
    before = len(hub.asked)
    close_session()
    from huggingface_hub import snapshot_download

    assert snapshot_download(
        MODEL, cache_dir=tmp_path / "hf/hub", local_files_only=True, ignore_patterns=["*.bin", "original/*"]
    ) == str(folder)
    assert len(hub.asked) == before


def test_a_branch_leads_to_the_old_commit_until_the_new_one_is_whole(hub: Hub, waits: list[float]) -> None:
    get(hub, names=())
    hub.commit = "decade" + "0" * 34
    hub.files[WEIGHTS] = Lfs(b"version 2" * 1000)
    hub.script(WEIGHTS, "short:10", "404")
    with pytest.raises(NetworkError):
        get(hub, names=(), settings=Settings(retries=1))
    here = hub_cache.snapshot(MODEL)
    assert here is not None
    assert here.complete
    assert here.commit.startswith("c0ffee")
    assert get(hub, names=()).name == hub.commit
    assert [one.refs for one in hub_cache.snapshots()] == [(), ("main",)]


def test_a_missing_model_revision_or_file(hub: Hub) -> None:
    for asked, error, said in (
        ({"rev": "no-such-branch"}, NetworkError, "no such revision"),
        ({"names": ("model.safetensor",)}, UsageError, "has no file model.safetensor"),
    ):
        with pytest.raises(error, match=said):
            get(hub, **asked)
    with pytest.raises(NetworkError, match="404"):
        fetch(Asked("acme/other", base_url=hub.url), Settings(), Told())
    with pytest.raises(UsageError, match="is no id of a model"):
        fetch(Asked("what is this", base_url=hub.url), Settings(), Told())


def test_offline_fetches_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NetworkError, match="HF_HUB_OFFLINE"):
        get(hub)
    assert hub.asked == []
    monkeypatch.delenv("HF_HUB_OFFLINE")
    folder = get(hub, names=())
    hub.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert get(hub, names=()) == folder, "all of it is here"
    assert hub.asked == []


def test_nobody_answers() -> None:
    with pytest.raises(NetworkError, match="does not answer"):
        fetch(Asked(MODEL, base_url="http://127.0.0.1:9"), Settings(retries=0), Told())


@pytest.mark.parametrize("step", ["well", "corrupt"])
def test_a_file_above_the_limit_of_http_is_the_librarys_and_verified(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr("runner.models.sources.hub.LARGEST", 1000)
    hub.script(WEIGHTS, step)
    if step == "corrupt":
        with pytest.raises(HashMismatch):
            get(hub)
        assert not blob(hub).exists()
    assert get(hub).read_bytes() == hub.files[WEIGHTS]
