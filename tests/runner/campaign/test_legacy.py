"""`tunebook import campaign`: what becomes of an old task, to the letter; nothing in silence, nothing overwritten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.campaign.legacy import Translated, translate
from runner.campaign.load import parse
from runner.cli._main import run_command_line
from runner.domain.campaign import Campaign
from runner.domain.parameters import Choice, Float, Int
from runner.errors import CampaignError
from runner.plan import plan

Golden = Callable[[str, str], None]
FOLDER = Path(__file__).parents[2] / "golden" / "import"
SAMPLES = sorted(path.stem for path in FOLDER.glob("*.json"))


def imported(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = run_command_line(["import", "campaign", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize("name", SAMPLES)
def test_sample(
    name: str, golden: Golden, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The campaign, what is said about it, and that `check` and `plan` take it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{name}.json").write_text((FOLDER / f"{name}.json").read_text())
    status, out, err = imported(capsys, f"{name}.json", "--output", "made")
    assert status == 0, err
    [made] = (tmp_path / "made").iterdir()
    golden(f"import/{name}.yaml", made.read_text())
    golden(f"import/{name}.txt", out + err)
    assert run_command_line(["check", "made"]) == 0
    planned = plan(parse(made.read_text(), made))
    assert [one.reason for one in planned.defaults if one.rule] == []
    assert len(planned.rejected) <= len(planned.configurations) / 2


TASK: dict[str, Any] = {
    "task_name": "t",
    "model": {"id_or_path": "org/model"},
    "base_runtime": "vllm",
    "deployment_mode": "docker",
    "runtime_image_tag": "v0.33.0",
    "parameters": {},
    "optimization": {"strategy": "grid_search", "objective": "minimize_latency", "max_iterations": 3},
    "benchmark": {"traffic_scenarios": ["D(10,10)"], "num_concurrency": [1]},
}


def made(**changes: Any) -> Translated:
    return translate(json.dumps(TASK | changes), Path("t.json"))


def campaign(**changes: Any) -> Campaign:
    return parse(made(**changes).text, Path("t.yaml"))


def notes(**changes: Any) -> dict[str, str]:
    return {note.key: f"{note.kind} {note.why}" for note in made(**changes).notes}


def test_parameters_become_a_space() -> None:
    [entry] = campaign(
        parameters={
            "--max-num-seqs": [8, 16],
            "gpu-memory-utilization": {"type": "continuous", "low": 0.7, "high": 0.9},
            "max-num-batched-tokens": {"type": "integer", "low": 512, "high": 8192, "log": True},
            "scheduling-policy": {"type": "choice", "values": ["fcfs", "priority"]},
            "enforce-eager": [True],
            "block-size": 16,
        }
    ).entries
    assert entry.space.parameters == {
        "max-num-seqs": Choice((8, 16)),
        "gpu-memory-utilization": Float(0.7, 0.9),
        "max-num-batched-tokens": Int(512, 8192, log=True),
        "scheduling-policy": Choice(("fcfs", "priority")),
    }
    assert entry.flags == {"enforce-eager": True, "block-size": 16}


def test_a_flag_of_another_name_is_put_right_and_one_that_is_none_is_told() -> None:
    """2 of the 4 presets of the old autotuner held flags that its engines have not."""
    told = notes(base_runtime="sglang", runtime_image_tag="v0.5.23", parameters={"tp": [1, 2], "mem-frac": [0.8]})
    assert told["parameters.tp"] == "changed written tp-size, as the engine's documents do"
    assert told["parameters.mem-frac"] == "changed written mem-fraction-static, as the engine's documents do"
    told = notes(parameters={"model": ["x"], "no-such-flag": [1], "max-num-seqs": [0, 8, "many"]})
    assert told["parameters.model"].startswith("dropped the value \"x\": flag 'model' is set by tunebook")
    assert told["allow_unknown_flags"].startswith("added the table of vllm has no no-such-flag")
    kept = campaign(parameters={"no-such-flag": [1], "max-num-seqs": [0, 8, "many"]}).entries[0]
    assert kept.flags == {"no-such-flag": 1, "max-num-seqs": 8}


def test_a_flag_that_the_image_has_not_is_dropped_with_its_version() -> None:
    told = notes(runtime_image_tag="v0.20.0", parameters={"max-num-active-seqs": [8, 16]})
    assert "it came with 0.31.0, this is 0.20.0" in told["parameters.max-num-active-seqs"]


@pytest.mark.parametrize(
    ("objective", "metric"),
    [
        ("minimize_latency", "e2e_mean"),
        ("maximize_throughput", "total_throughput_per_gpu"),
        ("minimize_ttft", "ttft_mean"),
        ("minimize_tpot", "tpot_mean"),
    ],
)
def test_objectives(objective: str, metric: str) -> None:
    assert campaign(optimization={"objective": objective}).objective.metric == metric


@pytest.mark.parametrize(("strategy", "sampler"), [("grid_search", "grid"), ("bayesian", "tpe"), ("random", "random")])
def test_strategies(strategy: str, sampler: str) -> None:
    optimization = {"strategy": strategy, "max_iterations": 7, "n_initial_random": 3, "seed": 5}
    search = campaign(optimization=optimization, parameters={"max-num-seqs": [1, 2]}).search
    assert (search.sampler, search.trials, search.seed) == (sampler, 8, 5)
    if sampler == "tpe":
        assert search.startup == 3


def test_units() -> None:
    """Seconds, minutes, and what was seconds in the file and minutes where it was read."""
    benchmark = TASK["benchmark"] | {"max_time_per_iteration": 3, "max_requests_per_iteration": 40}
    slo = {"latency": {"p99": {"threshold": 1.5}}, "tpot": {"threshold": 0.0125, "weight": 3}, "steepness": 0.05}
    one = campaign(benchmark=benchmark, optimization={"timeout_per_iteration": 900}, slo=slo)
    assert (one.workload.each_level.duration, one.workload.each_level.requests) == (180, 40)
    assert (one.timeouts.load, one.timeouts.level) == (900, 300)
    limits = {slo.metric: (slo.maximum, slo.hard, slo.weight, slo.steepness) for slo in one.slos}
    assert limits == {"e2e_p99": (1.5, False, 1, 0.05), "tpot_mean": (0.0125, False, 3, 0.05)}
    short = campaign(benchmark=benchmark, optimization={"timeout_per_iteration": 60})
    assert short.workload.each_level.duration == 60, "no level took longer than its whole trial"


def test_a_hard_limit_stands_where_a_trial_failed() -> None:
    [limit] = campaign(slo={"ttft": {"threshold": 1.0, "hard_fail": True, "fail_ratio": 0.25}}).slos
    assert (limit.maximum, limit.hard) == (1.25, True)
    [usual] = campaign(slo={"ttft": {"threshold": 1.0, "hard_fail": True}}).slos
    assert usual.maximum == 1.5


def test_gpus_are_what_the_largest_configuration_needs() -> None:
    """The old autotuner took no notice of parallel_config and gave a model over four GPUs one."""
    assert campaign(parallel_config={"tp": [1, 2], "pp": 2}).hardware.gpus == 4
    assert campaign(parameters={"tensor-parallel-size": [4]}).hardware.gpus == 4
    assert campaign(parallel_config={"presets": ["single-gpu", "large-model-tp"]}).hardware.gpus == 8
    assert campaign().hardware.gpus == 1
    assert campaign(parameters={"tensor-parallel-size": [64], "data-parallel-size": [2]}).hardware.gpus == 64


def test_shared_settings_of_which_a_flag_says_one() -> None:
    told = notes(parameters={"tensor-parallel-size": [2]}, parallel_config={"tp": [1, 2], "dp": 1})
    assert told["parallel_config.tp"].startswith("dropped the flag tensor-parallel-size of parameters goes before")
    [entry] = campaign(quant_config={"kvcache_dtype": ["auto", "fp8"], "gemm_dtype": "auto"}).entries
    assert entry.space.parameters == {"quantization.kvcache_dtype": Choice(("auto", "fp8"))}
    assert entry.flags == {"quantization.gemm_dtype": "auto"}


@pytest.mark.parametrize(
    ("model", "written"),
    [
        ({"id_or_path": "org/model"}, ("org/model", None)),
        ({"id_or_path": "/srv/model"}, (None, "/srv/model")),
        ({"id_or_path": "gpt2"}, (None, "/models/gpt2")),
        ({"name": "older"}, (None, "/models/older")),
    ],
)
def test_models(model: dict[str, str], written: tuple[str | None, str | None]) -> None:
    one = campaign(model=model).model
    assert (one.id, one.path) == written


def every_key(value: Any, path: str = "") -> set[str]:
    if not isinstance(value, dict):
        return {path}
    return set().union(*(every_key(one, f"{path}.{key}".lstrip(".")) for key, one in value.items()))


def test_nothing_is_dropped_in_silence() -> None:
    """A key that nobody knows is reported wherever it stands."""
    strange = {"zz": 1}
    task = TASK | strange | {"slo": {"ttft": {"threshold": 1} | strange, "latency": strange} | strange}
    for part in ("model", "optimization", "benchmark"):
        task = task | {part: TASK[part] | strange}
    task["benchmark"] = task["benchmark"] | {"additional_params": strange}
    task |= {"quant_config": strange, "parallel_config": strange, "parameters": strange}
    told = notes(**task)
    unknown = {key for key in every_key(task) if key.endswith("zz")} - {"parameters.zz"}
    assert len(unknown) == 10
    assert {key for key in unknown if not told.get(key, "").startswith("dropped")} == set()
    assert "zz" in told["allow_unknown_flags"]


def test_a_key_that_stands_twice_is_told() -> None:
    text = json.dumps(TASK).replace('"task_name": "t"', '"task_name": "u", "task_name": "t"')
    [note] = [one for one in translate(text, Path("t.json")).notes if one.key == "task_name"]
    assert "stands twice" in note.why


BAD = {
    "not-json": "tasks: [",
    "a-campaign": (Path(__file__).parent / "good.yaml").read_text(),
    "a-list": "[1, 2]",
    "results": json.dumps({"task_name": "t", "results": []}),
    "empty": "",
    "wrong-types": json.dumps(
        {
            "task_name": 3,
            "model": {"id_or_path": ["x"]},
            "base_runtime": "llama",
            "parameters": [1],
            "optimization": {"strategy": 5, "objective": "maximise_fun", "max_iterations": -1},
            "benchmark": {"task": "text-to-image", "traffic_scenarios": ["E(4)"], "num_concurrency": [0, True, "4"]},
            "slo": {"ttft": {"threshold": "soon", "hard_fail": "yes"}},
        },
        indent=1,
    ),
    "not-a-number": json.dumps(TASK).replace("3}", "NaN}"),
    "a-secret": json.dumps(TASK | {"description": "with hf_" + "a1B2" * 6}),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_task(
    name: str, golden: Golden, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "task.json").write_text(BAD[name])
    status, out, err = imported(capsys, "task.json", "--output", "made")
    assert (status, out) == (2, "")
    golden(f"import/refused-{name}.txt", err)
    assert not (tmp_path / "made").exists()


HOSTILE = "\x1b[31mred\u202e\n# evil: true\nname: other"


def test_hostile_words_stay_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """In comments, texts, names of flags and files: one line each, nothing steers a terminal, nothing is new YAML."""
    task = TASK | {
        "task_name": f"../../{HOSTILE}",
        "description": HOSTILE,
        HOSTILE: HOSTILE,
        "parameters": {HOSTILE: [1], "max-num-seqs": [HOSTILE, 4], "scheduling-policy": ["fcfs", {"a": 1}, None, []]},
        "benchmark": TASK["benchmark"] | {"num_concurrency": [1, HOSTILE, 10**30], "model_name": HOSTILE},
    }
    (path := tmp_path / "task.json").write_text(json.dumps(task))
    status, out, err = imported(capsys, str(path), "--output", str(tmp_path / "made"))
    assert status == 0, err
    [file] = (tmp_path / "made").iterdir()
    one = parse(file.read_text(), file)
    assert one.name.startswith("31mred") or "evil" in one.name
    assert one.entries[0].flags == {"max-num-seqs": 4, "scheduling-policy": "fcfs"}
    for text in (out, err, file.read_text()):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert all(line.startswith("#") for line in file.read_text().split("tunebook: 1")[0].splitlines())


MANY_VALUES = json.dumps(TASK | {"parameters": {"max-num-seqs": [1] * 50_000}})


@pytest.mark.parametrize("text", ["[" * 100_000, '{"model": ' * 5000 + "1" + "}" * 5000, MANY_VALUES])
def test_files_that_would_take_for_ever(text: str) -> None:
    with pytest.raises(CampaignError):
        translate(text, Path("t.json"))


def test_it_never_overwrites_but_with_force(
    golden: Golden, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(TASK))
    (tmp_path / "t.yaml").write_text("mine\n")
    assert imported(capsys, "a.json")[0] == 2
    assert (tmp_path / "t.yaml").read_text() == "mine\n"
    assert imported(capsys, "a.json", "--force")[0] == 0
    assert "tunebook: 1" in (tmp_path / "t.yaml").read_text()


def test_a_broken_file_and_a_second_of_one_name_do_not_stop_the_rest(
    golden: Golden, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text(json.dumps(TASK))
    (tmp_path / "c.json").write_text(json.dumps(TASK))
    status, out, err = imported(capsys, "a.json", "b.json", "c.json", "none.json", "--output", "made", "--force")
    assert status == 2
    assert out.startswith("wrote made/t.yaml, from b.json\n")
    golden("import/several.txt", err)


def test_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (path := tmp_path / "t.json").write_text(json.dumps(TASK))
    status, out, _ = imported(capsys, str(path), "--output", str(tmp_path / "made"), "--json")
    first, last = map(json.loads, out.splitlines())
    assert status == 0
    assert (first["event"], last) == ("imported", {"event": "end", "exit_code": 0})
    assert {"kind", "key", "why", "line"} == set(first["notes"][0])


def test_in_a_project_it_goes_to_the_campaigns(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tunebook.toml").touch()
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "t.json").write_text(json.dumps(TASK))
    monkeypatch.chdir(tmp_path)
    assert imported(capsys, "t.json")[0] == 0
    assert (tmp_path / "campaigns" / "t.yaml").is_file()
