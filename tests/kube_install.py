"""`python -m tests.kube_install`: a real kube-apiserver and etcd for the tests, in a folder of the cache, once.

Nobody packages kube-apiserver, but Debian 12 has its source with everything that it needs, and the Go that builds it.
Nothing is installed and the machine's apt keeps its sources and its lists: packages are fetched with the lists of a
folder of our own and unpacked there, without root. About 8 minutes of CPU and 2.5 GB while it builds, 140 MB kept.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.ray_install import CACHE

VERSION = "1.20.2"
PROGRAMS = ("kube-apiserver", "etcd")
TOOLS = ("apt-get", "dpkg", "dpkg-source", "make", "gcc", "patch")
"""Of the machine: all are there where Debian's package build-essential is."""
PACKAGES = ("etcd-server", "golang-1.19-go", "golang-1.19-src", "rsync", "libpopt0", "libxxhash0")
REFLECT2 = "golang-github-modern-go-reflect2-dev"
"""The copy in the source of Kubernetes is 1.0.1, which crashes under Go 1.18 and newer."""
SOURCES = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))


def folder() -> Path:
    """The two programs, or one, or none of them."""
    return CACHE / f"kube-{VERSION}"


def lacking() -> str | None:
    """What is missing for tests with an API server."""
    absent = [name for name in PROGRAMS if not (folder() / name).is_file()]
    return f"{' and '.join(absent)} in {folder()} (`make kube` builds them)" if absent else None


def install() -> None:
    """What is interrupted goes on where it was: a step that ended has left its mark in the folder of the build."""
    folder().mkdir(parents=True, exist_ok=True)
    build = folder().with_name(f"{folder().name}.build")
    with folder().with_name(f"{folder().name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if lacking() is not None:
            _demand(TOOLS)
            build.mkdir(exist_ok=True)
            _fetch(build)
            _keep(build / "root/usr/bin/etcd")
            _keep(_compile(build))
        shutil.rmtree(build, ignore_errors=True)


def deb_src(text: str) -> str:
    """A list of package sources with the source packages too: of either form, one line or several for an entry."""
    text = re.sub(r"^Types:.*$", "Types: deb deb-src", text, flags=re.MULTILINE)
    return re.sub(r"^deb(\s.*)$", r"deb\1\ndeb-src\1", text, flags=re.MULTILINE)


def _fetch(build: Path) -> None:
    """Debian's packages into `root`, the source of Kubernetes into `source`."""
    apt = _apt(build)
    with _step(build, "lists") as wanted:
        if wanted:
            _run([*apt, "update"], build, "is the machine's package mirror reachable?")
    with _step(build, "packages") as wanted:
        if wanted:
            _fresh(build / "debs")
            _run([*apt, "download", *PACKAGES, REFLECT2], build / "debs", f"{VERSION} builds on Debian 12 only; {OWN}")
            for package in sorted((build / "debs").glob("*.deb")):
                _run(["dpkg", "-x", str(package), str(build / "root")], build, "is the disk full?")
    with _step(build, "source") as wanted:
        if wanted:
            _fresh(build / "source")
            _run([*apt, "source", "kubernetes"], build / "source", f"{VERSION} is in Debian 12 only; {OWN}")
            there = tree(build) / "vendor/github.com/modern-go/reflect2"
            shutil.rmtree(there)
            shutil.copytree(build / "root/usr/share/gocode/src/github.com/modern-go/reflect2", there)


OWN = f"else put a kube-apiserver and an etcd of your own into {folder()}"


def tree(build: Path) -> Path:
    [found] = (build / "source").glob("kubernetes-1.20*/")
    return found


def _compile(build: Path) -> Path:
    """The program, after 8 minutes of CPU."""
    root, hint = build / "root", "see what the compiler said above; it needs 2.5 GB of disk and 2 GB of memory"
    environment = {
        "PATH": f"{root}/usr/lib/go-1.19/bin:{root}/usr/bin:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": ":".join(str(one.parent) for one in sorted(root.glob("usr/lib/*/libpopt.so.0"))),
        "GOROOT": f"{root}/usr/lib/go-1.19",
        "GOCACHE": f"{build}/gocache",
        "HOME": str(build),
    }
    with _step(build, "generated") as wanted:
        if wanted:
            _run(["make", "generated_files"], tree(build), hint, environment)
    machine = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    what = ["WHAT=cmd/kube-apiserver", f"KUBE_BUILD_PLATFORMS=linux/{machine}"]
    _run(["make", *what], tree(build), hint, environment)
    return tree(build) / f"_output/local/bin/linux/{machine}/kube-apiserver"


def _apt(build: Path) -> list[str]:
    """apt-get with the machine's sources and source packages too, and lists of our own."""
    lists = [SOURCES[0], *sorted(SOURCES[1].glob("*.list")), *sorted(SOURCES[1].glob("*.sources"))]
    parts = _fresh(build / "sources")
    for path in filter(Path.is_file, lists):
        (parts / path.name).write_text(deb_src(path.read_text(encoding="utf-8")), encoding="utf-8")
    for name in ("lists/partial", "archives/partial"):
        (build / name).mkdir(parents=True, exist_ok=True)
    own = {
        "Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": parts, "Dir::State::lists": build / "lists",
        "Dir::Cache": build, "APT::Sandbox::User": "",
    }  # fmt: skip
    return ["apt-get", "-q", *(word for name, value in own.items() for word in ("-o", f"{name}={value}"))]


def _keep(program: Path) -> None:
    """In the cache, whole or not there."""
    part = folder() / f"{program.name}.part"
    shutil.copy2(program, part)
    part.rename(folder() / program.name)


@contextmanager
def _step(build: Path, name: str) -> Iterator[bool]:
    """Whether it is still to be done; its mark is left when it ended well."""
    mark = build / f".{name}"
    yield not mark.exists()
    mark.touch()


def _fresh(place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place


def _demand(tools: Sequence[str]) -> None:
    if absent := [name for name in tools if shutil.which(name) is None]:
        sys.exit(
            f"kube-apiserver is built with {', '.join(absent)}, not on PATH: apt-get install build-essential; {OWN}"
        )


def _run(argv: Sequence[str], where: Path, hint: str, more: dict[str, str] | None = None) -> None:
    done = subprocess.run(argv, cwd=where, env={**os.environ, **(more or {})}, check=False)
    if done.returncode != 0:
        words = " ".join(word for word in argv if not re.match(r"-o$|[\w:]+=/", word))
        sys.exit(f"`{words}` in {where} ended with {done.returncode}: {hint}. What is done is kept; run it again.")


if __name__ == "__main__":
    install()
