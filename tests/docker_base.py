"""An image to build others from, made of this machine: its Python, a shell, and the packages of tunebook as wheels.

With it a Dockerfile is built for real where no registry and no package index is reached. pip looks for wheels in a
folder of the image; each is packed anew from what is installed here.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path

from tests.docker_engine import BASE_PYTHON, DockerEngine, folders, required

BASE = "tunebook-test:base"
TOOLS = ("sh", "cp", "mkdir", "rm")
WHEELS = "/wheels"
MODULES = str(sysconfig.get_config_var("DESTSHARED"))
LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "site-packages", "dist-packages", "__pycache__"}
"""Of the standard library: nobody asks for them, and they are most of it."""


def base_image(found: DockerEngine) -> str:
    """Its name. 450 MB, most of it wheels; pip's settings in it are those of a machine without a network."""
    packed = found.folder / "base.tar"
    packages = [one for one in required("tunebook") if one.metadata["Name"] != "tunebook"]
    programs = [BASE_PYTHON, *(shutil.which(tool) or tool for tool in TOOLS)]
    libraries = _libraries([*programs, *_extensions(packages)])
    with tarfile.open(packed, "w") as archive:
        for name in ("tmp", "opt"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(entry)
        for path in {*programs, *libraries}:
            archive.add(Path(path).resolve(), path.lstrip("/"))
        for path in (BASE_PYTHON, *programs[1:]):  # a shell looks for them here
            _link(archive, f"usr/local/bin/{'python3' if path == BASE_PYTHON else Path(path).name}", path)
        _link(archive, "bin/sh", programs[1]) if programs[1] != "/bin/sh" else None
        for place in folders(sysconfig.get_path("stdlib"), MODULES):
            archive.add(place, place.lstrip("/"), filter=_wanted)
        for one in packages:
            name, content = wheel(one)
            entry = tarfile.TarInfo(f"{WHEELS}/{name}".lstrip("/"))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    places = sorted({str(Path(path).parent) for path in libraries})
    settings = [f"PIP_FIND_LINKS={WHEELS}", "PIP_NO_INDEX=1", f"LD_LIBRARY_PATH={':'.join(places)}"]
    with found.client() as client:
        repository, _, tag = BASE.partition(":")
        changes = [f"ENV {one}" for one in settings]
        client.api.import_image_from_file(str(packed), repository=repository, tag=tag, changes=changes)
    packed.unlink()
    return BASE


def wheel(one: Distribution) -> tuple[str, bytes]:
    """File name and content of a wheel of what is installed: pip takes it as the one that it was made from."""
    tags = [tag.split("-") for tag in re.findall(r"^Tag: (\S+)", one.read_text("WHEEL") or "", re.M)]
    joined = "-".join(".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True))
    files = {str(file): Path(str(one.locate_file(file))) for file in one.files or ()}
    info = next(name.partition("/")[0] for name in files if name.endswith(".dist-info/METADATA"))
    own = (f"{info}/RECORD", f"{info}/INSTALLER", f"{info}/REQUESTED", f"{info}/direct_url.json")
    held = {
        name: path
        for name, path in files.items()
        if name not in own and not name.startswith("..") and not name.endswith(".pyc") and path.is_file()
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, path in held.items():
            archive.writestr(name, path.read_bytes())
        archive.writestr(own[0], "".join(f'"{name}",,\n' for name in [*held, own[0]]))
    return f"{info.removesuffix('.dist-info')}-{joined}.whl", content.getvalue()


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if LEFT_OUT & set(Path(entry.name).parts) or entry.name.endswith(".a") else entry


def _link(archive: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)


def _extensions(packages: Iterable[Distribution]) -> Iterator[str]:
    """Compiled modules, of Python itself and of the packages."""
    yield from map(str, Path(MODULES).glob("*.so"))
    for one in packages:
        for file in one.files or ():
            if ".so" in file.suffixes:
                yield str(one.locate_file(file))


def _libraries(programs: list[str]) -> set[str]:
    """What the loader takes from the system for them, and the loader."""
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    found = set(re.findall(r"(?:=> |^\t)(/\S+) \(0x", said, re.M))
    return {path for path in found if "site-packages" not in path}  # those come with their wheel
