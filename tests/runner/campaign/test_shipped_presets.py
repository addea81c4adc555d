"""tunebook's own presets: each is a sound file, its flags are flags of its engine, and a campaign of it plans."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runner.campaign import preset_schema, schema
from runner.campaign.document import read
from runner.campaign.load import parse
from runner.campaign.preset_files import shipped
from runner.campaign.preset_schema import PresetFile
from runner.campaign.validate import complaints
from runner.plan import plan
from runner.runtimes import runtimes

ROOT = Path(__file__).parents[3]
IMAGES = {"vllm": "vllm/vllm-openai:v0.33.0", "sglang": "lmsysorg/sglang:v0.5.23-cu130"}
CAMPAIGN = """\
tunebook: 1
name: shipped
model: {%s}
hardware: {gpus: %d}
deploy: %s
runtimes:
  - runtime: %s
    extends: %s
    %s
workload: {scenarios: ["D(1000,200)"], load: {concurrency: [1, 8]}}
objective: {metric: output_throughput}
search: {trials: 10}
"""


def text_of(name: str) -> str:
    return files("runner.templates").joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def data_of(name: str) -> dict[str, Any]:
    data: dict[str, Any] = read(text_of(name), name).data
    return data


def campaign_of(name: str) -> str:
    runtime = data_of(name).get("runtime", "vllm")
    if image := IMAGES.get(runtime):
        return CAMPAIGN % ("id: meta-llama/Llama-3.1-8B-Instruct", 1, "docker", runtime, name, f"image: {image}")
    return CAMPAIGN % ("path: model.gguf", 0, "local", runtime, name, "")


def test_there_are_some() -> None:
    assert {"presets/sglang-throughput", "presets/vllm-latency", "presets/llama-cpp-cpu"} <= set(shipped())


@pytest.mark.parametrize("name", shipped())
def test_it_is_sound(name: str) -> None:
    assert complaints(PresetFile, read(text_of(name), name)) == []
    data = data_of(name)
    assert data["name"] == name.removeprefix("presets/")
    assert data["description"]
    assert data["recommended_for"]
    jsonschema.validate(data, json.loads(preset_schema.json_schema()))


@pytest.mark.parametrize("name", shipped())
def test_its_flags_are_flags_of_its_engine_and_a_campaign_of_it_plans(name: str) -> None:
    jsonschema.validate(read(campaign_of(name), name).data, json.loads(schema.json_schema()))
    campaign = parse(campaign_of(name), Path("shipped.yaml"))
    [entry] = campaign.entries
    assert runtimes.get(entry.runtime).check(entry) == []
    data = data_of(name)
    given = {*data.get("space", {}), *(f"quantization.{field}" for field in data.get("quantization", {}))}
    assert set(entry.space.parameters) == given
    assert set(data.get("flags", {})) == set(entry.flags)
    made = plan(campaign)
    assert made.trials > 1
    assert [planned.reason for planned in made.defaults if planned.rule] == []
    assert len(made.rejected) < len(made.configurations) / 2, "most of what it searches can be tried"


@pytest.mark.parametrize("runtime", IMAGES)
def test_a_preset_of_shared_settings_goes_with_every_engine_that_has_them(runtime: str) -> None:
    text = CAMPAIGN % ("id: a/b", 1, "docker", runtime, "presets/kv-cache-fp8", f"image: {IMAGES[runtime]}")
    flags = [dict(one.configuration.flags) for one in plan(parse(text, Path("shipped.yaml"))).configurations]
    assert any(str(one.get("kv-cache-dtype", "")).startswith("fp8") for one in flags)


def test_the_published_schema_of_presets_is_current(request: pytest.FixtureRequest) -> None:
    path = ROOT / "site" / "preset.schema.json"
    if request.config.getoption("--accept"):
        path.write_text(preset_schema.json_schema(), encoding="utf-8")
    assert path.read_text() == preset_schema.json_schema(), "run `make golden` and read the difference"


def test_the_reference_page_tells_every_key_of_a_preset() -> None:
    page = (ROOT / "site" / "reference" / "campaign-file.md").read_text().partition("### Presets")[2]
    keys = json.loads(preset_schema.json_schema())["properties"]
    assert [key for key in keys if f"`{key}`" not in page] == []


def test_the_guide_shows_each_of_them() -> None:
    page = (ROOT / "site" / "guide" / "presets.md").read_text()
    assert [name for name in shipped() if f'--8<-- "{name}.yaml"' not in page] == []
