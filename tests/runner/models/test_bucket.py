"""An object store, through fsspec: a file system of this machine stands for it, under the name s3."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry, register_implementation

from runner.domain.campaign import Model
from runner.errors import HashMismatch, ModelMissing, NetworkError, NotAuthorised, NotReady
from runner.models.download.transfer import Settings
from runner.models.fetch import locate
from runner.models.fetching import Asked, fetch, plan_lines
from runner.models.shelf import everything
from runner.models.sources import bucket


class Store(MemoryFileSystem):  # type: ignore[misc]
    """Objects in memory. `broken`: what the next readings of content raise."""

    protocol = "s3"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    broken: ClassVar[list[BaseException]] = []

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("s3://").strip("/")

    def info(self, path: str, **more: Any) -> dict[str, Any]:
        told: dict[str, Any] = super().info(path, **more)
        if told["type"] == "file":
            told["ETag"] = hashlib.md5(self.store[self._strip_protocol(path)].getvalue()).hexdigest()
        return told

    def _open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        if mode == "rb" and self.broken:
            raise self.broken.pop(0)
        return super()._open(path, mode, **more)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    register_implementation("s3", Store, clobber=True)
    made = Store()
    made.store.clear()
    made.broken.clear()
    made.pipe("/models/tiny/config.json", b"{}")
    made.pipe("/models/tiny/model.safetensors", b"w" * 3_000_000)
    yield made
    _registry.pop("s3", None)


def quiet(phase: str, **data: Any) -> None: ...


def test_a_folder_is_found_by_its_address_when_it_is_whole(store: Store, tmp_path: Path) -> None:
    model = Model(path="s3://models/tiny")
    with pytest.raises(ModelMissing) as caught:
        locate(model, tmp_path)
    assert "tunebook model fetch s3://models/tiny" in str(caught.value.hint)
    folder = fetch(Asked("s3://models/tiny"), Settings(), quiet)
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        "config.json",
        "model.safetensors",
    }
    assert locate(model, tmp_path) == folder
    [shelved] = everything()
    assert (shelved.name, shelved.complete) == ("s3://models/tiny", True)
    (folder / "config.json").unlink()
    with pytest.raises(ModelMissing):
        locate(model, tmp_path)


def test_a_file_is_verified_and_gone_on_with(store: Store, tmp_path: Path) -> None:
    address = "s3://models/tiny/model.safetensors"
    with pytest.raises(HashMismatch):
        fetch(Asked(address, sha256="ab" * 32), Settings(), quiet)
    part = bucket.folder_of(address) / "model.safetensors.part"
    part.write_bytes(b"w" * 1_000_000)
    part.with_name(f"{part.name}.etag").write_text(hashlib.md5(b"w" * 3_000_000).hexdigest())
    told: list[dict[str, Any]] = []
    found = fetch(Asked(address), Settings(), lambda phase, **data: told.append({"phase": phase, **data}))
    assert found.read_bytes() == b"w" * 3_000_000
    assert (told[0]["phase"], told[0]["start"]) == ("start", 1_000_000)
    assert locate(Model(path=address), tmp_path) == found


def test_what_breaks_is_tried_again_and_said(store: Store) -> None:
    address = "s3://models/tiny/model.safetensors"
    store.broken[:] = [ConnectionError("reset")]
    assert fetch(Asked(address), Settings(), quiet).is_file()
    store.broken[:] = [ConnectionError("reset")] * 9
    with pytest.raises(NetworkError, match="reset"):
        fetch(Asked(address), Settings(force=True, retries=1), quiet)
    store.broken[:] = [PermissionError("Forbidden")]
    with pytest.raises(NotAuthorised):
        fetch(Asked(address), Settings(force=True), quiet)
    with pytest.raises(NetworkError, match="nothing is at s3://models/absent"):
        fetch(Asked("s3://models/absent"), Settings(), quiet)


def test_another_content_of_the_same_size_is_neither_kept_nor_mixed(store: Store) -> None:
    address = "s3://models/tiny/model.safetensors"
    found = fetch(Asked(address), Settings(), quiet)
    store.pipe("/models/tiny/model.safetensors", b"n" * 3_000_000)
    part = found.with_name(f"{found.name}.part")
    part.write_bytes(b"w" * 1_000_000)
    part.with_name(f"{part.name}.etag").write_text("of another day")
    assert fetch(Asked(address), Settings(), quiet).read_bytes() == b"n" * 3_000_000


def test_a_wrong_beginning_is_begun_anew(store: Store) -> None:
    """Of the right content by its name, and yet not: the hash finds it out, and that is not the last word."""
    address, content = "s3://models/tiny/model.safetensors", b"w" * 3_000_000
    part = bucket.folder_of(address) / "model.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    part.with_name(f"{part.name}.etag").write_text(hashlib.md5(content).hexdigest())
    said: list[str] = []
    asked = Asked(address, sha256=hashlib.sha256(content).hexdigest())
    found = fetch(asked, Settings(), lambda phase, **data: said.append(phase))
    assert found.read_bytes() == content
    assert said.count("retry") == 1


def test_a_store_that_can_not_be_listed_is_a_network_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Store, path: str) -> bool:
        raise ConnectionError("refused")

    monkeypatch.setattr(Store, "isfile", refuse)
    with pytest.raises(NetworkError, match="refused"):
        fetch(Asked("s3://models/tiny"), Settings(), quiet)


def test_a_plan_of_it(store: Store) -> None:
    lines, plan = plan_lines(Asked("s3://models/tiny"), Settings(), quiet)
    assert lines[0].startswith("s3://models/tiny: 2 files, 3.0 MB, to ")
    assert plan["bytes"] == 3_000_002


@pytest.mark.skipif(importlib.util.find_spec("s3fs") is not None, reason="s3fs is installed here")
def test_without_its_package_it_says_so() -> None:
    with pytest.raises(NotReady) as caught:
        fetch(Asked("s3://models/tiny"), Settings(), quiet)
    assert "needs the package s3fs" in caught.value.what
