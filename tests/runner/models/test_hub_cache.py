"""What of the hub is here, and whether it is whole: with the hub's listing, and for what others fetched without one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runner.domain.campaign import Model
from runner.errors import ModelMissing
from runner.models import hub_cache, hub_offline
from runner.models.shelf import as_text, check, everything
from tests.runner.models.hub import Hub

COMMIT = "ab" * 20
WHOLE = {"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "weights"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "hf" / "hub"


def put(files: dict[str, str], listed: dict[str, int] | None = None, model_id: str = "acme/tiny") -> Path:
    """A snapshot as the library leaves it: links to content."""
    folder = hub_cache.folder_of(model_id)
    snapshot = folder / "snapshots" / COMMIT
    for number, (name, text) in enumerate(files.items()):
        blob, link = folder / "blobs" / f"{number:040x}", snapshot / name
        blob.parent.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob.write_text(text)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(COMMIT)
    if listed is not None:
        told = {name: {"size": size, "blob_id": "0" * 40} for name, size in listed.items()}
        (folder / "trees").mkdir()
        (folder / "trees" / f"{COMMIT}.json").write_text(json.dumps({"format_version": 1, "files": told}))
    return snapshot


def missing() -> tuple[str, ...]:
    found = hub_cache.snapshot("acme/tiny")
    assert found is not None
    return found.missing


@pytest.mark.parametrize("absent", [None, *WHOLE])
def test_without_a_listing_any_model_needs_three_things(absent: str | None) -> None:
    put({name: text for name, text in WHOLE.items() if name != absent})
    assert missing() == (() if absent is None else (absent,))


def test_the_index_names_the_shards() -> None:
    index = json.dumps({"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}})
    files = {name: text for name, text in WHOLE.items() if name != "model.safetensors"}
    put(files | {"model.safetensors.index.json": index, "model-1-of-2.safetensors": "half"})
    assert missing() == ("model-2-of-2.safetensors",)


def test_a_link_to_nothing_is_missing() -> None:
    snapshot = put(WHOLE)
    (snapshot / "model.safetensors").resolve().unlink()
    assert missing() == ("model.safetensors",)


def test_a_gguf_needs_nothing_beside_it() -> None:
    put({"tiny-q4.gguf": "GGUF"})
    assert missing() == ()


def test_the_listing_says_what_must_be_there_and_how_large() -> None:
    listed = {name: len(text) for name, text in WHOLE.items()}
    put(WHOLE, {**listed, "README.md": 3, "pytorch_model.bin": 9, "generation_config.json": 3, "model.safetensors": 8})
    assert missing() == ("generation_config.json", "model.safetensors")


def test_a_branch_a_commit_and_what_is_not_here() -> None:
    snapshot = put(WHOLE)
    for revision in (None, "main", COMMIT):
        found = hub_cache.snapshot("acme/tiny", revision)
        assert found is not None
        assert (found.folder, found.refs) == (snapshot, ("main",))
    for model_id, revision in (
        ("acme/tiny", "v2"),
        ("acme/tiny", "../main"),
        ("acme/other", None),
        ("acme/tiny", "cd" * 20),
    ):
        assert hub_cache.snapshot(model_id, revision) is None


@pytest.mark.parametrize(
    ("env", "folder"),
    [({"HF_HUB_CACHE": "/a/b", "HF_HOME": "/c"}, "/a/b"), ({"HF_HOME": "/c"}, "/c/hub"),
     ({"HF_HOME": "", "XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
     ({"HF_HOME": "$ROOM/hf", "ROOM": "/r"}, "/r/hf/hub")],
)  # fmt: skip
def test_the_cache_lies_where_the_library_has_it(
    env: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert str(hub_cache.hub_folder()) == folder


def test_second_forms_of_the_weights_are_not_wanted() -> None:
    names = ["config.json", "model.safetensors", "pytorch_model.bin", "original/params.json", "onnx/model.onnx",
             "tf_model.h5", "README.md", "merges.txt", "1_Pooling/config.json"]  # fmt: skip
    assert hub_cache.wanted(names) == sorted(
        ["config.json", "model.safetensors", "README.md", "merges.txt", "1_Pooling/config.json"]
    )
    assert "README.md" not in hub_cache.needed(names)
    only_bin = ["config.json", "pytorch_model.bin"]
    assert hub_cache.wanted(only_bin) == only_bin


def test_what_is_the_only_form_of_its_weights_is_wanted() -> None:
    mistral = ["consolidated.safetensors", "params.json", "tekken.json"]
    assert hub_cache.wanted(mistral) == mistral
    both = [*mistral, "model.safetensors"]
    assert "consolidated.safetensors" not in hub_cache.wanted(both)
    embedding = ["2_Dense/pytorch_model.bin", "model.safetensors"]
    assert hub_cache.wanted(embedding) == embedding
    assert hub_cache.needed(embedding) == embedding
    assert "2_Dense/pytorch_model.bin" not in hub_cache.wanted([*embedding, "2_Dense/model.safetensors"])


def test_what_is_here_and_what_began(home: Path) -> None:
    put(WHOLE)
    begun = hub_cache.folder_of("acme/begun") / "blobs"
    begun.mkdir(parents=True)
    (begun / f"{'c' * 64}.incomplete").write_bytes(b"x" * 2000)
    first, second = everything()
    assert (first.name, first.revision, first.complete) == ("acme/tiny", "main", True)
    assert (second.name, second.complete, second.parts) == ("acme/begun", False, 2000)
    assert "2.0 kB of an interrupted download are kept" in as_text(everything())
    [*looked] = check(first)
    assert len(looked) == 3
    assert all(one.why is not None for one in looked), "the blobs of this test are called otherwise than they are"


def test_a_whole_model_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    put(WHOLE)
    monkeypatch.setattr(hub_offline, "answers", lambda: pytest.fail("nobody is to be asked"))
    hub_offline.refuse_unless_whole(Model(id="acme/tiny"))


def test_half_a_model_is_refused_where_there_is_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    put({"config.json": "{}"})
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelMissing) as caught:
        hub_offline.refuse_unless_whole(Model(id="acme/tiny", revision="main"))
    assert "http://127.0.0.1:9 does not answer: tokenizer.json, model.safetensors are missing" in caught.value.what
    assert "`tunebook model fetch acme/tiny --rev main`" in str(caught.value.hint)
    hub_offline.refuse_unless_whole(Model(id="acme/tiny"), ask_network=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelMissing, match="HF_HUB_OFFLINE is set"):
        hub_offline.refuse_unless_whole(Model(id="acme/tiny"), ask_network=False)
    with pytest.raises(
        ModelMissing, match=r"nothing of acme/other is in .*config.json, tokenizer.json, model.safetensors"
    ):
        hub_offline.refuse_unless_whole(Model(id="acme/other"))


@pytest.mark.parametrize("step", ["well", "401", "503"])
def test_where_somebody_answers_the_engine_may_ask(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    with Hub() as hub:
        hub.on_api.append(step)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub_offline.refuse_unless_whole(Model(id="acme/tiny"))
        assert [one.method for one in hub.asked] == ["HEAD"]
