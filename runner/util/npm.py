"""Files out of a package of the npm registry: its tarball is fetched, held to its hash and read. Nothing of it runs.

Which registry: `NPM_CONFIG_REGISTRY`, else `registry=` of the user's `.npmrc`, else what an installed npm says. npm
itself is not needed where one of the first two names it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runner.errors import HashMismatch, NetworkError, NotReady
from runner.util import environment, process
from runner.util.download import download, shown
from runner.util.files import disk_errors, new_folder, remove_abandoned
from runner.util.project import cache_folder

MOST = 200_000_000
"""Bytes of a tarball, at most."""
PATIENCE = 1800.0
"""Seconds for one tarball."""
_SETTING = re.compile(r"\s*registry\s*=\s*(\S+)\s*")
_FOLDER = "package/"
"""What every member of a tarball of npm begins with."""


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a package. `sha256` is that of its tarball, which is the same on every mirror."""

    name: str
    version: str
    sha256: str


def registry() -> str:
    """The address of the registry, without a slash at its end. Raises NotReady when nothing here names one."""
    found = _of_environment() or _of_settings() or _of_npm()
    if not found:
        raise NotReady(
            "no npm registry is known here: npm is not installed, and nothing names one",
            hint="set NPM_CONFIG_REGISTRY to the address of a registry or a mirror",
        )
    return found.rstrip("/")


def files_of(package: Package, names: Iterable[str]) -> dict[str, bytes]:
    """Name (in the package) -> content. Raises NetworkError, HashMismatch, NotReady, NoSpace, Unwritable, UsageError
    for an address of a registry that is none or that carries a password."""
    cache = cache_folder()
    with disk_errors(cache, "TUNEBOOK_CACHE"):
        cache.mkdir(parents=True, exist_ok=True)
        for left in cache.glob(".npm.*.part"):
            remove_abandoned(left)
        with new_folder(cache / f".npm.{secrets.token_hex(4)}.part") as folder:
            address = f"{registry()}/{package.name}/-/{package.name.rpartition('/')[2]}-{package.version}.tgz"
            path = _fetched(address, folder / "package.tgz")
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != package.sha256:
                what = f"sha256 {found[:16]}... and not {package.sha256[:16]}..."
                raise HashMismatch(
                    f"{shown(address)} is not the promised file: {what}",
                    hint="ask another registry: NPM_CONFIG_REGISTRY",
                )
            with tarfile.open(path) as archive:
                return {name: _read(archive, name) for name in names}


def _fetched(address: str, target: Path) -> Path:
    try:
        return download(address, target, most=MOST, seconds=PATIENCE)
    except NetworkError as error:
        hint = "check the network, the proxy (HTTPS_PROXY) and the registry (NPM_CONFIG_REGISTRY)"
        raise NetworkError(error.what, hint=hint) from error


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(_FOLDER + name)
    if member is None:  # a folder, which a package of this hash does not have there
        raise KeyError(name)
    return member.read()


def _of_environment() -> str | None:
    """As npm reads it: in any case."""
    return next((value for name, value in os.environ.items() if name.lower() == "npm_config_registry" and value), None)


def _of_settings() -> str | None:
    """Of the user's file, not of the project's: a project comes from a repository and does not say whom we ask."""
    path = Path(os.environ.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc")
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((match[1].strip("'\"") for line in lines if (match := _SETTING.fullmatch(line))), None)


def _of_npm() -> str | None:
    try:
        asked = ["npm", "config", "get", "registry"]
        done = process.run(asked, timeout=60.0, cwd=Path.home(), env=environment.for_tool())
    except OSError:
        return None
    said = done.stdout.strip().splitlines()
    return said[-1] if done.ok and said and said[-1].startswith(("https://", "http://")) else None
