"""The image of a project is built as the guide says, by a real Docker Engine, and a night of the CronJob goes in it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from runner import __version__
from runner.cli._main import run_command_line
from tests.docker_base import base_image
from tests.docker_engine import ROOT, DockerEngine
from tests.docs.recipes import command_line, containers
from tests.stories.test_project import install, quicken

pytestmark = [pytest.mark.docker, pytest.mark.story, pytest.mark.matrix]

USER = 10001


def docker(engine: DockerEngine, *words: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        ["docker", "--host", engine.address, *map(str, words)],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def image(docker_engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a project as `tunebook new` makes it, with the wheel that its requirements.txt asks for."""
    project = tmp_path_factory.mktemp("image") / "ours"
    words = ["new", "--project", str(project), "tiny", "--runtime", "simulated", "--ci", "kubernetes"]
    assert run_command_line(words) == 0
    wheel = ["wheel", "--no-deps", "--wheel-dir", "wheels", str(ROOT)]
    install(sys.executable, *wheel, cwd=project, environment=dict(os.environ))
    quicken(project / "campaigns/tiny.yaml")
    (project / "results").mkdir()
    (project / "results/ours").write_text("measured")
    base = base_image(docker_engine)
    local = ["--build-arg", f"BUILD={base}", "--build-arg", f"BASE={base}"]
    docker(docker_engine, "build", *local, "--tag", "our-models:1", ".", cwd=project)
    return "our-models:1"


def test_it_is_tunebook_and_not_root(image: str, docker_engine: DockerEngine) -> None:
    run = ["run", "--rm", "--network", "none"]
    assert docker(docker_engine, *run, image, "--version").split()[-1] == __version__
    assert docker(docker_engine, *run, image, "check", "campaigns/").startswith("ok campaigns/tiny.yaml")
    who = "import os; print(os.getuid(), os.getgid(), *sorted(os.listdir('.')))"
    uid, gid, *held = docker(docker_engine, *run, "--entrypoint", "python", image, "-c", who).split()
    assert (uid, gid) == (str(USER), str(USER))
    assert "campaigns" in held
    assert "results" not in held, "what was measured stays outside"


def test_a_night_in_the_cluster_as_its_pod_is_told(image: str, docker_engine: DockerEngine, tmp_path: Path) -> None:
    """The containers of the CronJob one after the other, twice: on one volume, its root read-only, as nobody."""
    volume = tmp_path / "volume"
    volume.mkdir()
    os.chown(volume, USER, USER)  # what `fsGroup` does
    for _ in range(2):
        for one in containers():
            where = ["--workdir", one["workingDir"], "--volume", f"{volume}:/var/lib/tunebook", "--tmpfs", "/tmp"]
            locked = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none"]
            env = [word for name in one.get("env", []) for word in ("--env", f"{name['name']}={name['value']}")]
            entry = ["--entrypoint", one["command"][0]] if "command" in one else []
            words = one["command"][1:] if "command" in one else shlex.split(command_line(one))[1:]
            docker(docker_engine, "run", "--rm", *where, *locked, *env, *entry, image, *words)
    assert "simulated" in (volume / "project/public/index.html").read_text(encoding="utf-8")
    assert list((volume / "results/records").glob("**/MANIFEST.sha256"))
    assert {path.stat().st_uid for path in volume.rglob("*")} == {USER}
