"""An own repository: the wheel in an empty environment, far from the clone, from `new --project` to the site."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.stories._world import ROOT, assert_nothing_left

pytestmark = pytest.mark.story


def call(*words: str | Path, cwd: Path, environment: dict[str, str], timeout: int = 540) -> str:
    done = subprocess.run(
        [*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def install(python: Path | str, *words: str | Path, cwd: Path, environment: dict[str, str]) -> None:
    """pip, for real. Without an index the story can not be told here; in CI that is a failure."""
    done = subprocess.run(
        [str(python), "-m", "pip", *map(str, words)],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=570, check=False,
    )  # fmt: skip
    if done.returncode and not os.environ.get("CI") and "No matching distribution found" in done.stderr:
        pytest.skip(f"pip reaches no package index: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with nothing of the clone above it. Removed at the end: an environment is half a gigabyte."""
    folder = tmp_path_factory.mktemp("outside")
    assert not folder.is_relative_to(ROOT)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stranger(outside: Path) -> dict[str, str]:
    """The environment of somebody who has no clone: no PYTHONPATH, no virtual environment, a home of its own."""
    ours = ("PYTHON", "VIRTUAL_ENV", "TUNEBOOK_", "COVERAGE_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"HOME": str(outside / "home"), "NO_COLOR": "1", "TUNEBOOK_CACHE": str(outside / "cache")}


@pytest.fixture(scope="module")
def wheel(outside: Path, stranger: dict[str, str]) -> Path:
    folder = outside / "wheels"
    # With our own home: pip's cache and settings are the machine's.
    environment = stranger | {"HOME": str(Path.home())}
    install(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder, ROOT, cwd=outside, environment=environment)
    (built,) = folder.glob("tunebook-*.whl")
    return built


@pytest.fixture(scope="module")
def bin_folder(outside: Path, wheel: Path, stranger: dict[str, str]) -> Path:
    """bin/ of an environment with the wheel and what it asks for, from the index that pip uses here."""
    venv = outside / "venv"
    environment = stranger | {"HOME": str(Path.home())}
    call(sys.executable, "-m", "venv", venv, cwd=outside, environment=environment)
    # What is never imported need not be compiled: a third of the time.
    install(venv / "bin/python", "install", "--no-compile", wheel, cwd=outside, environment=environment)
    return venv / "bin"


def test_the_wheel_holds_all_of_both_packages(wheel: Path) -> None:
    """Queries, pages, assets, schema, tables, templates: whatever lies beside the code."""
    held = set(zipfile.ZipFile(wheel).namelist())
    files = [path for package in ("runner", "report") for path in (ROOT / package).rglob("*") if path.is_file()]
    names = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert names - held == set()
    top = {name.split("/")[0] for name in held}
    assert {name for name in top if not name.endswith(".dist-info")} == {"runner", "report"}


def test_from_a_wheel_to_a_site(outside: Path, bin_folder: Path, stranger: dict[str, str]) -> None:
    tunebook, python = bin_folder / "tunebook", bin_folder / "python"
    ask = "import sys, runner, report; print(runner.__file__, report.__file__, *sys.path, sep='\\n')"
    where = call(python, "-c", ask, cwd=outside, environment=stranger).splitlines()
    assert [path for path in where if Path(path).is_relative_to(ROOT)] == []
    assert Path(where[0]).is_relative_to(bin_folder.parent)

    call(tunebook, "new", "--project", "ours", "tiny", "--runtime", "simulated", cwd=outside, environment=stranger)
    project = outside / "ours"
    quicken(project / "campaigns" / "tiny.yaml")
    assert call(tunebook, "check", "campaigns/", cwd=project, environment=stranger).startswith("ok campaigns/tiny.yaml")
    assert "  not here  " not in call(tunebook, "plan", "campaigns/", cwd=project, environment=stranger)
    proxied = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    said = call(tunebook, "run", "campaigns/", cwd=project, environment=stranger | proxied)  # nobody is at that proxy
    assert "  against " in said
    call(tunebook, "build", cwd=project, environment=stranger)

    overview = (project / "public/index.html").read_text(encoding="utf-8")
    page = (project / "public/results/campaigns/tiny/index.html").read_text(encoding="utf-8")
    assert "runner.simulated.server" in overview, "the launch command of the winner"
    assert "<title>Results - ours</title>" in overview
    best = call(
        tunebook, "sql", "SELECT number FROM best JOIN trials USING (trial_id)", "--format", "csv",
        cwd=project, environment=stranger,
    ).split()[-1]  # fmt: skip
    assert f'id="trial-{best}"' in page
    for name in ("results/assets/vega.js", "results/data/results.duckdb", "results/failures.html"):
        assert (project / "public" / name).stat().st_size > 0
    assert_nothing_left(project / "results")


def test_the_wheel_brings_its_presets(outside: Path, bin_folder: Path, stranger: dict[str, str]) -> None:
    """What `extends: shipped preset` adds stands in the plan; nothing of it is in the file."""
    folder = outside / "presets"
    folder.mkdir()
    written = """\
tunebook: 1
name: preset
model: {path: model.gguf}
deploy: local
runtimes:
  - runtime: llama_cpp
    extends: presets/llama-cpp-cpu
workload: {scenarios: ["D(10,10)"], load: {concurrency: [1]}, each_level: {requests: 2}}
objective: {metric: output_throughput, goal: maximize}
"""
    (folder / "preset.yaml").write_text(written, encoding="utf-8")
    shipped = yaml.safe_load((ROOT / "runner/templates/presets/llama-cpp-cpu.yaml").read_text(encoding="utf-8"))
    told = call(bin_folder / "tunebook", "plan", "preset.yaml", cwd=folder, environment=stranger)
    for name in [*shipped.get("flags", {}), *shipped.get("space", {})]:
        assert name in told


def quicken(campaign: Path) -> None:
    """The campaign as written, with a faster pretended engine and fewer trials."""
    text = campaign.read_text(encoding="utf-8")
    for before, after in (
        ("time-scale: 0.1", "time-scale: 0.02"),
        ("trials: 12", "trials: 3"),
        ("repeats: 3, at_most: 8", "repeats: 2"),
    ):
        assert text.count(before) == 1
        text = text.replace(before, after)
    campaign.write_text(text, encoding="utf-8")
