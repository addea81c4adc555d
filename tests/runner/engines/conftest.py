"""A toy engine: a wheel of two files, a recipe, a cache of the test's own. Nothing asks a network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from runner.engines import recipes

TOY = """\
title = "Toy"
about = "an engine for tests"
runtimes = ["llama_cpp"]
device = "any"
version = "2.0"
python = ["3.8", "3.99"]
packages = ["toy-engine=={version}"]
installed_bytes = 20_000_000
download_bytes = 1_000_000

[probe]
module = "toy_engine"
distribution = "toy-engine"
"""


def make_wheel(folder: Path, name: str, version: str, requires: tuple[str, ...] = (), module: str = "") -> Path:
    """The smallest wheel that pip takes."""
    module = module or name.replace("-", "_")
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    asked = "".join(f"Requires-Dist: {one}\n" for one in requires)
    files = {
        f"{module}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{asked}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text)}\n")
    wheel = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "".join(rows) + f"{info}/RECORD,,\n")
    return wheel


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without engines, and a pip that finds `toy-engine` 1.0 and 2.0 in a folder and looks nowhere else."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for version in ("1.0", "2.0"):
        make_wheel(wheels, "toy-engine", version)
    settings = {
        "TUNEBOOK_CACHE": str(tmp_path / "cache"),
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "cache"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of recipes: the toy's alone."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "toy.toml").write_text(TOY, encoding="utf-8")
    monkeypatch.setattr(recipes, "HERE", folder)
    return folder
