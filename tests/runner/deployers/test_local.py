from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from runner.deployers import PlaceRequest
from runner.deployers.local import Local
from runner.domain.campaign import Deploy
from runner.domain.trial import Health, Launch
from runner.errors import EngineMissing
from runner.util.redact import redact

DUMP = "import json, os; print(json.dumps(dict(os.environ)), os.getcwd())"


def run(tmp_path: Path, argv: tuple[str, ...], env: dict[str, str], pass_env: tuple[str, ...] = ()) -> str:
    log = tmp_path / "engine.log"
    request = PlaceRequest("a", "/m", "m", "", tmp_path, log, gpus=("GPU-1", "GPU-2"), options={"pass_env": pass_env})
    placement = Local().place(request, Deploy())
    assert placement.python == sys.executable
    with Local().start(Launch(argv, env, Health(), ()), placement, request) as engine:
        while engine.poll() is None:
            time.sleep(0.01)
    return log.read_text()


def test_the_engine_gets_its_environment_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "a-secret-of-the-hub")
    monkeypatch.setenv("MY_API_KEY", "another-secret-value")
    monkeypatch.setenv("PLAIN", "nobody asked for it")
    monkeypatch.setenv("GGML_KEPT", "kept")
    monkeypatch.setenv("PYTHONPATH", "/ours")
    said = run(tmp_path, (sys.executable, "-c", DUMP), {"OMP_NUM_THREADS": "3"}, ("HF_TOKEN", "ABSENT"))
    assert '"GGML_KEPT": "kept"' in said, "what engines and their libraries read goes on"
    assert "PLAIN" not in said
    assert '"OMP_NUM_THREADS": "3"' in said
    assert '"CUDA_VISIBLE_DEVICES": "GPU-1,GPU-2"' in said
    assert '"HF_TOKEN": "a-secret-of-the-hub"' in said, "it was passed through by name"
    assert "another-secret-value" not in said
    assert "PYTHONPATH" not in said
    assert "ABSENT" not in said
    assert said.strip().endswith(str(tmp_path)), "it works in the attempt's own folder"
    assert "a-secret-of-the-hub" not in redact(said), "what is passed through leaves no text"


@pytest.mark.parametrize(
    ("own", "said"), [({}, '"HF_HUB_OFFLINE": "1"'), ({"HF_HUB_OFFLINE": "0"}, '"HF_HUB_OFFLINE": "0"')]
)
def test_an_engine_whose_model_is_here_asks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: dict[str, str], said: str
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    argv = (sys.executable, "-c", DUMP)
    for offline in (True, False):
        request = PlaceRequest(
            "a", "acme/tiny", "m", "", tmp_path, tmp_path / "engine.log", hub_model=Path("/hub") if offline else None
        )
        with Local().start(Launch(argv, own, Health(), ()), Local().place(request, Deploy()), request) as engine:
            while engine.poll() is None:
                time.sleep(0.01)
        assert (said in request.log_path.read_text()) is (offline or bool(own)), "what the entry sets goes first"
        request.log_path.unlink()


def test_an_engine_behind_a_proxy_still_speaks_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "hub.example")
    said = run(tmp_path, (sys.executable, "-c", DUMP), {})
    assert '"https_proxy": "http://proxy.example:3128"' in said
    assert '"NO_PROXY": "hub.example,127.0.0.1,localhost,::1"' in said


def test_a_missing_interpreter_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing) as caught:
        run(tmp_path, ("/nowhere/python", "-c", ""), {})
    assert "/nowhere/python" in caught.value.what
    assert caught.value.hint


@pytest.mark.parametrize(("content", "mode"), [(b"no program at all", 0o755), (b"#!/bin/sh", 0o644)])
def test_a_file_that_is_no_program_says_what_to_do(tmp_path: Path, content: bytes, mode: int) -> None:
    """Exec format error and permission denied: a plain OSError of the start, not a bug of ours."""
    program = tmp_path / "engine"
    program.write_bytes(content)
    program.chmod(mode)
    with pytest.raises(EngineMissing, match=r"can not start .*engine: ") as caught:
        run(tmp_path, (str(program),), {})
    assert caught.value.hint


def test_programs_beside_the_interpreter_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine starts some of its tools by name; an interpreter that is in no environment adds nothing."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("VIRTUAL_ENV", "/ours")
    home = tmp_path / "env"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to(sys.executable)
    request = PlaceRequest("a", "/m", "m", str(home / "bin" / "python"), tmp_path, tmp_path / "engine.log")

    def said() -> str:
        request.log_path.unlink(missing_ok=True)
        launch = Launch((sys.executable, "-c", DUMP), {}, Health(), ())
        with Local().start(launch, Local().place(request, Deploy()), request) as engine:
            while engine.poll() is None:
                time.sleep(0.01)
        return request.log_path.read_text()

    assert '"PATH": "/usr/bin:/bin"' in said()
    (home / "pyvenv.cfg").touch()
    assert f'"PATH": "{home}/bin:/usr/bin:/bin"' in said()
    assert f'"VIRTUAL_ENV": "{home}"' in said()


def test_an_engine_that_names_the_model_itself_is_asked_by_that_name(tmp_path: Path) -> None:
    request = PlaceRequest("a", "/models/small", "a label", "", tmp_path, tmp_path / "engine.log")
    placement = Local().place(request, Deploy())
    sleeps = (sys.executable, "-c", "import time; time.sleep(60)")
    for served, asked in ((None, "a label"), ("/models/small", "/models/small")):
        with Local().start(Launch(sleeps, {}, Health(), (), served=served), placement, request) as engine:
            assert engine.endpoint.model == asked
