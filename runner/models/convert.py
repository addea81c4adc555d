"""A GGUF file as a Hugging Face folder, for engines that load no GGUF. Made once and kept in the cache.

The folder lies beside the cached file, under the file's sha256, and carries the number of the recipe: another way of
converting makes another folder, never a changed one. It is made in a temporary sibling and renamed when it is whole;
who comes second waits for the first. The work is done by the interpreter of the engine, which has torch; ours has not.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import Interrupted, ModelMissing, NoSpace, NotReady
from runner.models.hashes import sha256_of
from runner.util import environment, interpreter, process
from runner.util.files import disk_errors, fsync_folder, locked, new_folder, remove_abandoned
from runner.util.project import cache_folder
from runner.util.redact import redact

RECIPE = 1
"""Counted up when `gguf_to_folder.py` writes something else."""

SCRIPT = Path(__file__).with_name("gguf_to_folder.py")
PACKAGES = ("torch", "transformers", "accelerate", "gguf")
NEEDED = ("config.json", "tokenizer.json", "tokenizer_config.json")
PATIENCE = 3600.0
"""Seconds for one file: 30 s of CPU for 135 million parameters, and a large one waits for its disk."""

SPACE = 6
"""Bytes written for each of the file: 4 bits become 16, and the tokenizer and the noise of a disk come on top."""

_LOOK = 0.1


def is_gguf(path: Path) -> bool:
    """Whether what `locate` found is a file to convert. A folder is taken as it is."""
    return path.is_file() and path.suffix == ".gguf"


def folder_of(gguf: Path) -> Path:
    """Where the converted folder lies, or will lie. Reads the file once when its hash is not known yet."""
    return cache_folder() / "models" / sha256_of(gguf) / f"{gguf.stem}-hf{RECIPE}"


def converted(gguf: Path) -> Path:
    """The folder that is there. Raises ModelMissing: nothing is converted here."""
    folder = folder_of(gguf)
    if not is_whole(folder):
        raise ModelMissing(
            f"{gguf.name} is not converted to a Hugging Face folder yet",
            hint="`tunebook run` converts it before the first trial",
        )
    return folder


def is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in NEEDED)


def lacking(python: str) -> list[str]:
    """Packages that the interpreter needs for a conversion and has not."""
    return interpreter.missing_modules(python, PACKAGES)


def convert(
    gguf: Path,
    python: str,
    say: Callable[[str], None] = lambda text: None,
    should_stop: Callable[[], bool] = lambda: False,
    script: Path = SCRIPT,
) -> Path:
    """The folder of `gguf`, made now if it is not there. Called before the first attempt of a run, never inside one.

    `say` is told what is done, in words. Raises NotReady (the interpreter lacks a package; the script failed),
    NoSpace, Unwritable, and Interrupted when `should_stop` said so; nothing is left behind then.
    """
    target = folder_of(gguf)
    if is_whole(target):
        return target
    with disk_errors(target, "TUNEBOOK_CACHE"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target, say, should_stop):
            if is_whole(target):
                return target
            for left in target.parent.glob(f".{target.name}.*.part"):
                remove_abandoned(left)
            absent = lacking(python)
            if absent:
                what = f"{gguf.name} can not be converted: {python} has no {', no '.join(absent)}"
                raise NotReady(what, hint=f"{python} -m pip install {' '.join(absent)}")
            _enough_space(gguf, target)
            say(f"converting {gguf.name} to a Hugging Face folder, once: it is kept in the cache")
            began = time.monotonic()
            part = target.parent / f".{target.name}.{secrets.token_hex(4)}.part"
            with new_folder(part):
                _run([python, str(script), str(gguf), str(part)], part, gguf, say, should_stop)
                _finish(part, gguf)
                if target.exists():
                    shutil.rmtree(target)  # half of one, from before: it was not whole
                part.rename(target)
            fsync_folder(target.parent)
            say(f"{gguf.name} is converted, in {time.monotonic() - began:.0f} s")
    return target


def _enough_space(gguf: Path, target: Path) -> None:
    wanted = SPACE * gguf.stat().st_size
    if shutil.disk_usage(target.parent).free < wanted:
        raise NoSpace(
            f"{gguf.name} can not be converted: {wanted / 1e9:.1f} GB are needed in {target.parent}",
            hint="free some space, or choose another cache with TUNEBOOK_CACHE",
        )


@contextmanager
def _alone(target: Path, say: Callable[[str], None], should_stop: Callable[[], bool]) -> Iterator[None]:
    """One process at a time converts a file."""
    told = False

    def wait() -> bool:
        nonlocal told
        if not told:
            say(f"waiting: another process converts to {target.name}")
        told = True
        _unless_stopped(should_stop)
        time.sleep(_LOOK)
        return True

    with locked(target.with_name(f".{target.name}.lock"), wait):
        yield


def _run(argv: list[str], part: Path, gguf: Path, say: Callable[[str], None], should_stop: Callable[[], bool]) -> None:
    """The script, to its end. Its output goes to a file in the folder, which is removed with what it made."""
    log = part / ".log"
    env = environment.for_engine(own={"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive"})
    with process.start(argv, label=f"convert-{gguf.name}", env=env, cwd=part, stdout=log) as owned:
        deadline = time.monotonic() + PATIENCE
        told = 0
        while (ended := owned.wait(_LOOK)) is None and time.monotonic() < deadline:
            _unless_stopped(should_stop)
            told = _pass_on(log, told, say)
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    if ended is None or ended.code != 0:
        how = f"not done after {PATIENCE:.0f} s" if ended is None else f"exit {ended.code or ended.signal}"
        last = text.splitlines()[-1] if text else "no output"
        raise NotReady(redact(f"{gguf.name} can not be converted ({how}): {last}")[:500], hint=_hint(gguf))
    log.unlink()


def _pass_on(log: Path, told: int, say: Callable[[str], None]) -> int:
    """The script's own steps, not the bars and warnings of the libraries between them."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    for line in lines[told:]:
        if line.startswith(("reading ", "writing ")):
            say(line)
    return len(lines)


def _finish(part: Path, gguf: Path) -> None:
    """Whole, readable for everybody (a container's user too), and on the disk before it gets its name."""
    if not is_whole(part) or not list(part.glob("*.safetensors")):
        raise NotReady(f"{gguf.name} can not be converted: the folder lacks files", hint=_hint(gguf))
    note = {"gguf": gguf.name, "sha256": sha256_of(gguf), "recipe": RECIPE}
    (part / "tunebook.json").write_text(json.dumps(note) + "\n", encoding="utf-8")
    for file in part.iterdir():
        file.chmod(0o644)
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    fsync_folder(part)


def _hint(gguf: Path) -> str:
    return f"if Transformers can not read {gguf.name}, give the campaign a Hugging Face folder: `model: {{path: ...}}`"


def _unless_stopped(should_stop: Callable[[], bool]) -> None:
    if should_stop():
        raise Interrupted("stopped while a model was converted", hint="run the command again")
