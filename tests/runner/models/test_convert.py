"""The conversion's bookkeeping, with a stand-in for the script that needs torch: once, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runner.errors import Interrupted, ModelMissing, NoSpace, NotReady
from runner.models import convert
from runner.models.convert import converted, folder_of, is_gguf

CONTENT = b"GGUF and so on"
SHA = hashlib.sha256(CONTENT).hexdigest()

STAND_IN = """
import pathlib, sys
source, folder = map(pathlib.Path, sys.argv[1:])
print("loading torch and transformers"); print("reading the weights", flush=True)
for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
    (folder / name).write_text("{}")
(folder / "model.safetensors").write_bytes(source.read_bytes()); (folder / "model.safetensors").chmod(0o600)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(convert, "PACKAGES", ("json",))  # the stand-in needs no torch
    return tmp_path / "cache"


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "small.Q4.gguf"
    path.write_bytes(CONTENT)
    return path


def script(tmp_path: Path, text: str = STAND_IN) -> Path:
    path = tmp_path / "script.py"
    path.write_text(text)
    return path


def left_behind(cache: Path) -> list[str]:
    """All but the lock file, which stays: a removed one could be locked by two at once."""
    return [path.name for path in (cache / "models").glob("*/*") if not path.name.endswith(".lock")]


def test_the_folder_lies_under_the_hash_of_the_file(tmp_path: Path, gguf: Path, cache: Path) -> None:
    said: list[str] = []
    folder = convert.convert(gguf, sys.executable, said.append, script=script(tmp_path))
    assert folder == cache / "models" / SHA / f"small.Q4-hf{convert.RECIPE}"
    assert (folder / "model.safetensors").read_bytes() == CONTENT
    assert (folder / "model.safetensors").stat().st_mode & 0o777 == 0o644, "a container's user reads it too"
    assert json.loads((folder / "tunebook.json").read_text())["sha256"] == SHA
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []
    assert "once" in said[0]
    assert "is converted" in said[-1]
    assert left_behind(cache) == [folder.name]


def test_the_second_time_nothing_runs(tmp_path: Path, gguf: Path) -> None:
    first = convert.convert(gguf, sys.executable, script=script(tmp_path))
    said: list[str] = []
    assert convert.convert(gguf, "/nowhere/python", said.append, script=tmp_path / "absent.py") == first
    assert said == []
    assert converted(gguf) == first


def test_another_content_is_another_folder(tmp_path: Path, gguf: Path) -> None:
    first = convert.convert(gguf, sys.executable, script=script(tmp_path))
    gguf.write_bytes(CONTENT + b"!")
    assert folder_of(gguf) != first


def test_what_is_not_converted_is_missing(gguf: Path) -> None:
    with pytest.raises(ModelMissing) as caught:
        converted(gguf)
    assert "small.Q4.gguf" in caught.value.what


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise ValueError('GGUF model with architecture hen is not supported yet.')", "architecture hen"),
        ("import sys; sys.exit(3)", "exit 3"),
        ("import os; os.abort()", "SIGABRT"),
        ("print('reading the weights')", "lacks files"),
    ],
)
def test_a_failure_says_why_and_leaves_nothing(tmp_path: Path, gguf: Path, cache: Path, text: str, words: str) -> None:
    with pytest.raises(NotReady) as caught:
        convert.convert(gguf, sys.executable, script=script(tmp_path, text))
    assert words in caught.value.what
    assert "small.Q4.gguf" in caught.value.what
    assert left_behind(cache) == []


def test_an_interpreter_without_the_packages_is_named_with_the_command(
    tmp_path: Path, gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "PACKAGES", ("json", "no_such_module_here"))
    with pytest.raises(NotReady) as caught:
        convert.convert(gguf, sys.executable, script=script(tmp_path))
    assert "no_such_module_here" in caught.value.what
    assert caught.value.hint == f"{sys.executable} -m pip install no_such_module_here"


def test_a_stop_ends_the_script_and_leaves_nothing(tmp_path: Path, gguf: Path, cache: Path) -> None:
    waits = script(tmp_path, "import time; print('reading the weights', flush=True); time.sleep(600)")
    asked = threading.Event()

    def say(text: str) -> None:
        if text == "reading the weights":
            asked.set()

    with pytest.raises(Interrupted):
        convert.convert(gguf, sys.executable, say, asked.is_set, script=waits)
    assert left_behind(cache) == []


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path, gguf: Path) -> None:
    left = folder_of(gguf).parent / f".{folder_of(gguf).name}.0123abcd.part"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    folder = convert.convert(gguf, sys.executable, script=script(tmp_path))
    assert not left.exists()
    assert folder.is_dir()


def test_who_comes_second_waits_and_finds_it_done(tmp_path: Path, gguf: Path) -> None:
    """The other process holds the lock and finishes."""
    go, said = tmp_path / "go", list[str]()
    until = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
    waits = script(tmp_path, until + STAND_IN)
    code = (
        "import sys, pathlib, runner.models.convert as c; c.PACKAGES = ();"
        "c.convert(pathlib.Path(sys.argv[1]), sys.executable, print, script=pathlib.Path(sys.argv[2]))"
    )
    argv = [sys.executable, "-uc", code, str(gguf), str(waits)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert "once" in first.stdout.readline()

        def say(text: str) -> None:
            said.append(text)
            go.touch()

        folder = convert.convert(gguf, "/nowhere/python", say, script=tmp_path / "absent.py")
        assert first.wait(60) == 0
    assert said == [f"waiting: another process converts to {folder.name}"]


def test_a_full_disk_is_told_before_the_work(tmp_path: Path, gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "SPACE", 10**18)
    with pytest.raises(NoSpace) as caught:
        convert.convert(gguf, sys.executable, script=script(tmp_path))
    assert "TUNEBOOK_CACHE" in str(caught.value.hint)


def test_only_a_gguf_file_is_converted(tmp_path: Path, gguf: Path) -> None:
    assert is_gguf(gguf)
    assert not is_gguf(tmp_path)
