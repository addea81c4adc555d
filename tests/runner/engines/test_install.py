"""Installing with a real pip from a folder of wheels: what is made, what is left after each way to fail."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.domain.events import Event
from runner.engines import environments, recipes
from runner.engines.environments import Environment, folder_of, log_of, read
from runner.engines.install import Plan, Step, install, label_of, plan, write_requirements
from runner.engines.remove import remove
from runner.errors import AlreadyRunning, Interrupted, NoSpace, NotReady
from runner.events import listening
from runner.util import procfs
from tests.runner.engines.conftest import TOY, make_wheel

pytestmark = pytest.mark.usefixtures("cache", "shelf")


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def handle(self, event: Event) -> None:
        self.events.append(event)

    def names(self) -> list[str]:
        return [event.name for event in self.events]


def toy(version: str | None = None) -> Plan:
    return plan(recipes.get("toy"), version, None)


def scripted(code: str, *, version: str = "2.0", what: str = "pip install") -> Plan:
    """An installation whose only step is a Python script."""
    return replace(toy(version), steps=(Step(what, (sys.executable, "-c", code)),))


def quick() -> Plan:
    """Without pip, which takes seconds to be unpacked: the wheel is unzipped."""
    wanted, wheels = toy(), os.environ["PIP_FIND_LINKS"]
    unzip = f"import glob, zipfile; zipfile.ZipFile({wheels!r} + '/toy_engine-2.0-py3-none-any.whl')"
    steps = (
        Step("making the environment", (*wanted.steps[0].argv, "--without-pip")),
        Step("pip install", (sys.executable, "-c", f"{unzip}.extractall(glob.glob('lib/python3*/site-packages')[0])")),
    )
    return replace(wanted, steps=steps)


def pretended(name: str, version: str, **note: Any) -> Environment:
    """An environment as if it had been installed: a note, and an interpreter that runs."""
    folder = folder_of(name, version)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    made = Environment(name, version, folder, "3.11.7", 1000, "2026-03-02T01:00:00.000000Z", 3.0, ("a==1",))
    text = json.dumps({**environments.note_of(made), **note})
    (folder / environments.NOTE).write_text(text, encoding="utf-8")
    return made


def test_an_engine_stands_in_an_environment_of_its_own() -> None:
    heard = Heard()
    with listening(heard):
        made, now = install(toy("1.0"))
    assert now
    assert (made.version, made.python_version) == ("1.0", ".".join(map(str, sys.version_info[:3])))
    assert "toy-engine==1.0" in made.lock
    assert made.bytes > 1_000_000, "a pip is in it"
    assert read(made.folder) == made
    assert sorted(path.name for path in made.folder.iterdir()) == [
        "bin", "engine.json", "include", "lib", "lib64", "pyvenv.cfg",
    ]  # fmt: skip
    asked = [str(made.python), "-c", "import toy_engine, sys; print(toy_engine.VERSION, sys.prefix)"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    assert said == ["1.0", str(made.folder)]
    program = (made.folder / "bin" / "toy-engine").read_text(encoding="utf-8")
    assert str(made.python) in program.splitlines()[0], "a program of it starts its own interpreter"
    assert heard.names()[0] == "engine_started"
    assert heard.names()[-1] == "engine_ended"
    doing = [event.data["doing"] for event in heard.events if event.name == "engine_progress"]
    assert "making the environment" in doing
    assert heard.events[-1].data["bytes"] == made.bytes
    assert "Successfully installed toy-engine-1.0" in log_of("toy", "1.0").read_text(encoding="utf-8")


def test_what_is_there_is_left_alone() -> None:
    there = pretended("toy", "2.0")
    heard = Heard()
    with listening(heard):
        assert install(toy()) == (there, False)
    assert heard.names() == []
    assert toy().lines() == [f"Toy 2.0 is installed already in {there.folder}: there is nothing to do"]


def test_one_whose_python_is_gone_is_made_anew(tmp_path: Path) -> None:
    broken = pretended("toy", "2.0")
    broken.python.unlink()
    broken.python.symlink_to(tmp_path / "no-python")
    assert not broken.works
    made, now = install(quick())
    assert now
    assert made.works


def test_a_wheel_whose_dependencies_are_wrong(shelf: Path, tmp_path: Path) -> None:
    """Its own list counts without what the recipe leaves out and without extras; with a marker as it stands."""
    wheels = tmp_path / "wheels"
    asks = (
        "helper>=1",
        "Torch_Vision[x]==9; python_version > '3'",
        "never; extra == 'dev'",
        "other; python_version < '3'",
    )
    make_wheel(wheels, "odd-engine", "0.3", asks, module="odd")
    make_wheel(wheels, "helper", "1.5")
    text = TOY.replace('packages = ["toy-engine=={version}"]', 'packages = []\nalone = "odd-engine=={version}"')
    text = text.replace("[probe]", 'first = ["helper"]\nwithout = ["torch-vision"]\n[probe]').replace(
        '"toy_engine"', '"odd"'
    )
    (shelf / "odd.toml").write_text(text.replace('"toy-engine"', '"odd-engine"'), encoding="utf-8")
    wanted = plan(recipes.get("odd"), "0.3", None)
    assert any("left out: torch-vision" in line for line in wanted.lines())
    made, _ = install(wanted)
    names = {line.partition("==")[0] for line in made.lock}
    assert (made.folder / "first.txt").read_text(encoding="utf-8") == "helper>=1\n"
    assert {"odd-engine", "helper"} <= names
    assert not {"torch-vision", "never", "other"} & names
    assert (made.folder / "requirements.txt").read_text(encoding="utf-8") == "helper>=1\nother; python_version < '3'\n"


def test_requirements_are_read_from_the_one_wheel(shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "here" / "wheels").mkdir(parents=True)
    make_wheel(tmp_path / "here" / "wheels", "plain", "1.0")
    write_requirements(tmp_path / "here", recipes.get("toy"))
    assert (tmp_path / "here" / "requirements.txt").read_text(encoding="utf-8") == ""


def test_a_plan_says_everything_and_does_nothing(cache: Path) -> None:
    wanted = toy()
    lines = wanted.lines()
    folder = cache / "engines" / "toy-2.0"
    assert f"folder: {folder}" in lines
    assert f"{sys.executable} -m venv {folder}" in lines
    assert lines[-1].startswith(f"{folder}/bin/python -m pip install ")
    assert lines[-1].endswith(" toy-engine==2.0")
    assert "about 20.0 MB" in lines[2]
    assert not cache.exists()


def test_a_version_that_is_nowhere(cache: Path) -> None:
    with pytest.raises(NotReady) as refused:
        install(toy("9.9"))
    assert (
        "pip install failed: Could not find a version that satisfies the requirement toy-engine==9.9"
        in refused.value.what
    )
    assert str(log_of("toy", "9.9")) in str(refused.value.hint)
    assert not folder_of("toy", "9.9").exists()
    assert environments.unfinished() == []


def test_without_room_nothing_is_begun(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 20_999_999))
    with pytest.raises(NoSpace) as refused:
        install(toy())
    assert "takes about 21.0 MB until it is installed, and 21.0 MB are free" in refused.value.what
    assert "TUNEBOOK_CACHE" in str(refused.value.hint)
    assert not folder_of("toy", "2.0").exists()


def test_a_disk_that_fills_up_meanwhile() -> None:
    code = "print('ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device'); exit(1)"
    with pytest.raises(NoSpace):
        install(scripted(code))
    assert not folder_of("toy", "2.0").exists()


def test_what_was_installed_must_be_the_engine() -> None:
    code = f"import os; os.mkdir('bin'); os.symlink({sys.executable!r}, 'bin/python')"
    with pytest.raises(NotReady, match="is not whole: no module toy_engine"):
        install(scripted(code))
    assert not folder_of("toy", "2.0").exists()


def test_a_python_that_the_engine_does_not_run_on(shelf: Path) -> None:
    (shelf / "toy.toml").write_text(TOY.replace('["3.8", "3.99"]', '["3.3", "3.4"]'), encoding="utf-8")
    with pytest.raises(NotReady) as refused:
        toy()
    assert "needs Python 3.3 to 3.4" in refused.value.what
    assert "--python /path/to/python3.4" in str(refused.value.hint)
    pretended("toy", "2.0")
    assert install(toy())[1] is False, "what another Python has installed is there"


def test_a_python_may_be_named_as_in_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pythonx").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = plan(recipes.get("toy"), None, "pythonx")
    assert wanted.steps[0].argv[0] == str(tmp_path / "pythonx")


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/true"])
def test_a_python_that_is_none(python: str) -> None:
    with pytest.raises(NotReady, match="Python"):
        plan(recipes.get("toy"), None, python)


def test_a_stop_ends_pip_and_removes_what_is_there() -> None:
    stop = threading.Event()
    heard = Heard()

    class AtOnce(Heard):
        def handle(self, event: Event) -> None:
            if event.name == "engine_progress":
                stop.set()

    with listening(heard, AtOnce()), pytest.raises(Interrupted):
        install(scripted("import time; time.sleep(600)"), stop.is_set)
    assert not folder_of("toy", "2.0").exists()
    assert procfs.labelled("TUNEBOOK_ATTEMPT", label_of(folder_of("toy", "2.0"))) == []


KILLED = """
import sys
from runner.engines.install import Step, install
from tests.runner.engines.test_install import scripted
from runner.engines import recipes
from pathlib import Path
recipes.HERE = Path(sys.argv[1])
install(scripted("import pathlib, time; pathlib.Path('half').touch(); time.sleep(600)"))
"""


def interrupted(shelf: Path) -> subprocess.Popen[bytes]:
    """Another process in the middle of an installation."""
    other = subprocess.Popen([sys.executable, "-c", KILLED, str(shelf)], cwd=Path(__file__).parents[3])
    deadline = time.monotonic() + 60
    while not (folder_of("toy", "2.0") / "half").exists():
        assert time.monotonic() < deadline
        assert other.poll() is None
        time.sleep(0.05)
    return other


def test_a_killed_installation_looks_like_none_and_the_next_one_begins_anew(shelf: Path) -> None:
    other = interrupted(shelf)
    folder = folder_of("toy", "2.0")
    assert environments.unfinished() == [(folder, True)]
    other.send_signal(signal.SIGKILL)
    other.wait()
    left = procfs.labelled("TUNEBOOK_ATTEMPT", label_of(folder))
    assert left, "its pip lives on"
    assert environments.installed() == []
    assert environments.unfinished() == [(folder, False)]
    made, now = install(quick())
    assert now
    assert not (folder / "half").exists()
    assert not any(procfs.same(one) for one in left)
    assert environments.installed() == [made]


def test_what_a_killed_installation_left_can_be_removed(shelf: Path) -> None:
    other = interrupted(shelf)
    with pytest.raises(AlreadyRunning, match="is being installed"):
        remove(folder_of("toy", "2.0"))
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert remove(folder_of("toy", "2.0")) is not None
    assert environments.unfinished() == []
    assert procfs.labelled("TUNEBOOK_ATTEMPT", label_of(folder_of("toy", "2.0"))) == []


def test_of_two_at_once_one_installs_and_the_other_finds_it() -> None:
    heard, came = Heard(), list[bool]()

    def one() -> None:
        came.append(install(quick())[1])

    with listening(heard):
        threads = [threading.Thread(target=one) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert sorted(came) == [False, True]
    assert heard.names().count("engine_started") == 1
    assert "engine_waiting" in heard.names()


def test_a_stop_ends_the_wait_for_another() -> None:
    with environments.locked(folder_of("toy", "2.0"), lambda: True), pytest.raises(Interrupted):
        install(toy(), lambda: True)


def test_an_environment_in_use_is_not_removed() -> None:
    made = pretended("toy", "2.0")
    with subprocess.Popen([str(made.python), "-c", "import time; time.sleep(600)"]) as user:
        with pytest.raises(AlreadyRunning, match=rf"toy-2.0 is in use by python\S* \(pid {user.pid}\)"):
            remove(made.folder)
        user.kill()
    assert made.works
    gone = remove(made.folder)
    assert gone is not None
    assert gone.bytes > 0
    assert not made.folder.exists()
    assert remove(made.folder) is None


def test_the_password_of_an_index_stands_in_no_environment_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.util.environment import for_engine, for_installer

    monkeypatch.setenv("PIP_INDEX_URL", "https://me:hunter2-hunter2@index.example/simple")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789abcdef")
    assert for_installer()["PIP_INDEX_URL"].startswith("https://me:")
    assert not {"PIP_TARGET", "HF_TOKEN", "VIRTUAL_ENV"} & for_installer().keys()
    assert "PIP_INDEX_URL" not in for_engine()


def test_a_cache_that_is_no_folder(cache: Path) -> None:
    cache.mkdir()
    (cache / "engines").write_text("in the way", encoding="utf-8")
    with pytest.raises(OSError, match=str(cache / "engines")):
        install(toy())
