"""A Docker Engine of the tests' own: started here, on a private socket, in a network namespace of its own.

Nothing of the machine's Engine, if it has one, is touched: not its socket, not its images, not the host's firewall.
A test that publishes ports enters the namespace (`within`); loopback there is another one.
"""

from __future__ import annotations

import ctypes
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import docker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests._machine import missing

PROGRAMS = ("dockerd", "docker", "containerd", "runc", "iptables", "ip", "nsenter")
EMPTY = "tunebook-test:empty"
"""An image of empty folders: what runs in it is this machine's own, mounted read-only. No registry is needed."""
ROOT = Path(__file__).parents[1]
PATHS = [str(ROOT), sysconfig.get_paths()["purelib"], *(path for path in sys.path if path.endswith("site-packages"))]
"""PYTHONPATH for this Python in a container: its own idea of a virtual environment does not reach in there."""
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc", sys.base_prefix)
BASE_PYTHON = str(Path(sys.executable).resolve())
"""The interpreter without a virtual environment around it, and so without the packages of one."""
CLONE_NEWNET = 0x40000000
_PATIENCE = 60.0


@dataclass
class DockerEngine:
    """A running Engine. `mounts` is what `deploy: {mounts: ...}` needs for a Python of this machine in EMPTY."""

    folder: Path
    namespace: str
    daemon: subprocess.Popen[bytes] | None = None
    mounts: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    @contextmanager
    def client(self) -> Iterator[Any]:
        with closing(docker.DockerClient(base_url=self.address, timeout=60)) as client:
            yield client

    def start(self) -> None:
        argv = ["nsenter", f"--net=/run/netns/{self.namespace}", "dockerd"]
        argv += ["--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"]
        argv += ["--pidfile", f"{self.folder}/pid", "-H", self.address]
        with (self.folder / "log").open("ab") as log:
            self.daemon = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                           start_new_session=True)  # fmt: skip
        limit = time.monotonic() + _PATIENCE
        while not self._listens():  # not with the SDK: a client that can not connect leaves its socket open
            if self.daemon.poll() is not None or time.monotonic() > limit:
                tail = (self.folder / "log").read_text(errors="replace")[-2000:]
                missing(f"a Docker Engine that starts; its log ends:\n{tail}")
            time.sleep(0.1)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as asking:
            try:
                asking.connect(f"{self.folder}/docker.sock")
            except OSError:
                return False
            return True

    def stop(self, number: int = signal.SIGTERM) -> None:
        """SIGTERM ends its containers too; SIGKILL leaves them."""
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.send_signal(number)
            self.daemon.wait(_PATIENCE)
        self.daemon = None

    def containers(self) -> list[str]:
        """Names of all that there are, in whatever state."""
        with self.client() as client:
            return sorted(made.name for made in client.containers.list(all=True))

    def speaks(self) -> bool:
        """Whether a container has begun to run: something was written in it."""
        with self.client() as client:
            return any(made.logs() for made in client.containers.list())


@contextmanager
def engine() -> Iterator[DockerEngine]:
    """Started and, whatever happens, ended; its namespace, containers and images are gone afterwards."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        missing(f"{', '.join(absent)} (`make system`)")
    if os.geteuid() != 0:
        missing("root, which a Docker Engine of one's own needs")
    folder = Path(tempfile.mkdtemp(prefix="tbd-", dir="/tmp"))  # short: the path of a socket may have 107 bytes
    found = DockerEngine(folder, folder.name, mounts=_mounts())
    try:
        _run("ip", "netns", "add", found.namespace)
        _run("nsenter", f"--net=/run/netns/{found.namespace}", "ip", "link", "set", "lo", "up")
        found.start()
        with found.client() as client:
            client.api.import_image_from_data(empty_image(), repository=EMPTY.partition(":")[0], tag="empty")
        yield found
    finally:
        _end(found)


def _end(found: DockerEngine) -> None:
    if found.daemon is not None:
        with found.client() as client:
            for made in client.containers.list(all=True):
                made.remove(force=True)
    found.stop()
    subprocess.run(["ip", "netns", "delete", found.namespace], check=False, capture_output=True)
    for line in Path("/proc/mounts").read_text().splitlines():  # the Engine keeps the namespace of its host mounted
        if (place := line.split()[1]).startswith(f"{found.folder}/"):
            subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
    shutil.rmtree(found.folder, ignore_errors=True)
    assert not found.folder.exists(), "something of the Engine is left"


@contextmanager
def within(namespace: str) -> Iterator[None]:
    """This thread, and what it starts, has the network of `namespace`."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as away:  # noqa: PTH123
        _set(libc, away.fileno())
        try:
            yield
        finally:
            _set(libc, home.fileno())


def _set(libc: ctypes.CDLL, number: int) -> None:
    if libc.setns(number, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        missing(f"the right to make a network namespace ({' '.join(argv)}: {done.stderr.strip()})")


def _mounts() -> list[str]:
    """What this Python needs: system libraries, its installation, its packages, and the product."""
    paths = [path for path in sys.path if path.startswith("/")]
    return folders(*SYSTEM, sys.prefix, str(ROOT), *paths, sysconfig.get_paths()["purelib"])


def folders(*wanted: str) -> list[str]:
    """Those that there are, without those that lie in another one."""
    kept: list[str] = []
    for path in sorted({str(Path(one).resolve()) if one not in ("/lib", "/lib64", "/bin") else one for one in wanted}):
        if Path(path).is_dir() and not any(path.startswith(f"{other}/") for other in kept):
            kept.append(path)
    return kept


def image_with(found: DockerEngine, package: str) -> tuple[str, list[str]]:
    """An image that holds an installed package and all that it requires, built without a registry; and the mounts that
    are still wanted for `BASE_PYTHON` in it. As images of engines do, it has an entrypoint."""
    name = f"tunebook-test:{package}"
    dockerfile = f"""
        FROM {EMPTY}
        COPY packages /packages
        ENV PYTHONPATH=/packages
        ENTRYPOINT ["/bin/false"]
    """
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        archive.addfile(entry, io.BytesIO(dockerfile.encode()))
        for one in required(package):
            for file in one.files or ():
                if (path := Path(str(one.locate_file(file)))).is_file() and ".." not in file.parts:
                    archive.add(path, f"packages/{file}")
    context.seek(0)
    with found.client() as client:
        client.images.build(fileobj=context, custom_context=True, tag=name, rm=True)
    return name, folders(*SYSTEM)


def required(package: str) -> list[Distribution]:
    """The installed distribution, and those that it requires here, without extras."""
    found: dict[str, Distribution] = {}
    names = [package]
    while names:
        if (name := canonicalize_name(names.pop())) in found:
            continue
        found[name] = distribution(name)
        wanted = [Requirement(text) for text in found[name].requires or ()]
        names += [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return list(found.values())


def empty_image() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("usr", "lib", "lib64", "bin", "etc", "tmp", "proc", "sys", "dev"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(entry)
    return packed.getvalue()
