"""Whether this machine has the hardware and the model of a campaign, asked before its first attempt."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.campaign import Campaign, Deploy, Entry, Hardware, Model
from runner.engines import environments
from runner.errors import ModelMissing, NotReady, OtherHardware
from runner.models import convert
from runner.preflight import convert_models, refuse_unless_ready
from tests import make
from tests.make.weights import packed


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "H100:2")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def refusal(hardware: Hardware, deploy: Deploy | None = None) -> str | None:
    """What a campaign for this hardware is refused with, if it is because of the hardware."""
    of = replace(make.campaign(), hardware=hardware, deploy=deploy or Deploy("local"))
    of = replace(of, entries=tuple(replace(entry, runtime="simulated") for entry in of.entries))
    of = replace(of, model=replace(of.model, id="simulated/tiny"))
    try:
        refuse_unless_ready(of, Path())
    except OtherHardware as error:
        [problem] = error.problems()
        return problem.what
    return None


def test_gpus_that_are_there_are_no_reason_to_refuse() -> None:
    assert refusal(Hardware()) is None
    assert refusal(Hardware(gpus=2)) is None
    assert refusal(Hardware(gpus=1, gpu="h100")) is None


@pytest.mark.parametrize("hardware", [Hardware(gpus=3), Hardware(gpus=1, gpu="H200")])
def test_too_few_or_others_are(hardware: Hardware) -> None:
    said = refusal(hardware)
    assert said is not None
    assert f"asks for {hardware.label} and this machine has 2x NVIDIA H100 80GB HBM3" in said


def test_a_server_elsewhere_needs_none_here() -> None:
    assert refusal(Hardware(gpus=8, gpu="B200"), Deploy("attach", {"url": "http://h:1"})) is None


CONTENT = b"GGUF" + bytes([3]) + bytes(19)
"""Of a model without a tensor."""
PACKAGED = Model(package="tb-test==1", file="small.gguf", sha256=hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path))
    path = tmp_path / "models" / str(PACKAGED.sha256) / "small.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return path


def engines(*runtimes: str) -> Campaign:
    of = replace(make.campaign(), model=PACKAGED, hardware=Hardware(), deploy=Deploy("local"))
    return replace(of, entries=tuple(Entry(name, name) for name in runtimes))


def test_an_engine_that_loads_files_needs_no_conversion(cached: Path) -> None:
    convert_models(engines("llama_cpp", "simulated"), Path(), refuse_to_hear, lambda: False)


def test_a_conversion_without_its_packages_is_one_message(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.runtimes.transformers.PACKAGES", ())
    monkeypatch.setattr("runner.models.convert.PACKAGES", ("json", "no_such_module_here"))
    with pytest.raises(NotReady) as caught:
        refuse_unless_ready(engines("llama_cpp", "transformers"), Path())
    assert "small.gguf" in caught.value.what
    assert "has no no_such_module_here" in caught.value.what
    assert str(caught.value.hint).startswith("run `tunebook engine install transformers`")
    assert str(caught.value.hint).endswith("-m pip install no_such_module_here")


def test_what_is_converted_is_ready_and_needs_no_packages(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.runtimes.transformers.PACKAGES", ())
    monkeypatch.setattr("runner.models.convert.PACKAGES", ("no_such_module_here",))
    folder = convert.folder_of(cached)
    folder.mkdir()
    for name in convert.NEEDED:
        (folder / name).write_text("{}")
    refuse_unless_ready(engines("transformers"), Path())
    convert_models(engines("transformers"), Path(), refuse_to_hear, lambda: False)


def test_the_interpreter_that_can_is_the_one_that_converts(
    cached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = tmp_path / "python"
    able.symlink_to(sys.executable)
    asked: list[str] = []
    monkeypatch.setattr("runner.models.convert.lacking", lambda python: [] if python == str(able) else ["torch"])
    monkeypatch.setattr("runner.models.convert.convert", lambda gguf, python, say, stop: asked.append(python))
    entries = (
        Entry("a", "transformers", options={"python": "/nowhere/python"}),
        Entry("b", "transformers", options={"python": str(able)}),
    )
    convert_models(replace(engines(), entries=entries), Path(), refuse_to_hear, lambda: False)
    assert asked == [str(able)]


def test_without_one_of_its_own_an_installed_engine_converts(
    cached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vLLM in a container has no interpreter here; the environment of another engine has the packages."""
    engine = environments.Environment("any", "1", tmp_path / "engines" / "any-1", "3.11", 1, "", 1.0, ())
    engine.python.parent.mkdir(parents=True)
    engine.python.symlink_to(sys.executable)
    asked: list[str] = []
    monkeypatch.setattr("runner.engines.environments.installed", lambda name=None: [engine])
    monkeypatch.setattr(
        "runner.models.convert.lacking", lambda python: [] if python == str(engine.python) else ["torch"]
    )
    monkeypatch.setattr("runner.models.convert.convert", lambda gguf, python, say, stop: asked.append(python))
    of = replace(engines("vllm"), deploy=Deploy("docker"))
    convert_models(of, Path(), refuse_to_hear, lambda: False)
    assert asked == [str(engine.python)]


def refuse_to_hear(text: str) -> None:
    raise AssertionError(f"nothing was to be done: {text}")


def of_the_hub(*runtimes: str) -> Campaign:
    of = replace(make.campaign(), model=Model(id="acme/tiny"), hardware=Hardware(), deploy=Deploy("local"))
    return replace(of, entries=tuple(Entry(name, name) for name in runtimes))


@pytest.mark.parametrize("runtime", ["transformers", "simulated"])
def test_half_a_hub_model_without_a_network_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    monkeypatch.setattr("runner.runtimes.transformers.PACKAGES", ())
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if runtime == "simulated":  # it loads nothing
        refuse_unless_ready(of_the_hub(runtime), Path())
        return
    with pytest.raises(ModelMissing, match=r"config\.json, tokenizer\.json, model\.safetensors are missing"):
        refuse_unless_ready(of_the_hub(runtime), Path())
    snapshot = tmp_path / "hub" / "models--acme--tiny" / "snapshots" / ("ab" * 20)
    snapshot.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (snapshot / name).write_bytes(packed({}) if name.endswith(".safetensors") else b"{}")
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("ab" * 20)
    refuse_unless_ready(of_the_hub(runtime), Path())
