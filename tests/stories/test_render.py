"""What `tunebook render` prints for a shell starts the engine that was measured; for Docker: test_docker.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.util import net
from tests.stories._copied import QUICKSTART, answers, filled, running
from tests.stories._world import tunebook

pytestmark = [pytest.mark.story, pytest.mark.engine]


def test_the_copied_shell_text_starts_what_was_measured(results: Path) -> None:
    tunebook("run", QUICKSTART, "--max-trials", "1", results=results)
    port = net.free_port()
    with running(filled(tunebook("render", "quickstart#0", results=results).stdout, port)) as child:
        assert "SmolLM2-135M-Instruct.Q4_1.gguf" in answers(port, child)
    asked = tunebook("render", "quickstart", "--trial", "0", "--as", "docker", results=results, status=2).stderr
    assert "error[usage]: quickstart ran without containers: no image is known for --as docker" in asked
    assert "--image REPOSITORY:TAG" in asked
