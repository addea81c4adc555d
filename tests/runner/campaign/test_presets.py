"""`extends`: an entry made of presets is the entry that its author could have written out, and says where it is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runner.campaign.load import from_resolved, load, resolved
from runner.cli._main import run_command_line
from runner.domain.campaign import Campaign
from runner.domain.parameters import Choice, Int
from runner.errors import CampaignError

TEXT = """\
tunebook: 1
name: made
model: {path: model.gguf}
runtimes:
  - runtime: simulated
%s
workload: {scenarios: ["D(64,32)"], load: {concurrency: [1, 4]}, each_level: {duration: 5s}}
objective: {metric: output_throughput}
"""

PRESETS = {
    "one": "flags: {ctx-size: 512}\nspace: {max-num-seqs: [4, 8], chunk-size: [128, 512]}\nenv: {LEVEL: 1}\n",
    "two": "space: {max-num-seqs: [8, 16], cache-dtype: [f16, q8]}\nenv: {LEVEL: 2}\nwhere: [max-num-seqs >= 4]\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tunebook.toml").touch()
    (tmp_path / "campaigns" / "presets").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(project: Path, entry: str, presets: Mapping[str, str] = PRESETS, name: str = "made") -> Path:
    for preset, text in presets.items():
        (project / "campaigns" / "presets" / f"{preset}.yaml").write_text(text)
    lines = "\n".join(f"    {line}" for line in entry.splitlines())
    (path := project / "campaigns" / f"{name}.yaml").write_text(TEXT % lines)
    return path


def made(project: Path, entry: str, presets: Mapping[str, str] = PRESETS) -> Campaign:
    return load(written(project, entry, presets))


def told(campaign: Campaign) -> dict[str, str | None]:
    """Setting -> how each of its conflicts was decided, and what counts."""
    return {one.setting: f"{one.decided_by} {one.result}" for one in campaign.extended[0].conflicts}


def test_the_last_one_wins_and_every_override_is_told(project: Path) -> None:
    campaign = made(project, "extends: [presets/one, presets/two]")
    [entry] = campaign.entries
    assert entry.flags == {"ctx-size": 512}
    assert entry.space.parameters == {
        "max-num-seqs": Choice((8, 16)),
        "chunk-size": Choice((128, 512)),
        "cache-dtype": Choice(("f16", "q8")),
    }
    assert entry.env == {"LEVEL": "2"}
    assert entry.space.where == ("max-num-seqs >= 4",)
    assert told(campaign) == {"max-num-seqs": "last_wins [8, 16]", "env.LEVEL": "last_wins 2"}
    [seqs] = [one for one in campaign.extended[0].conflicts if one.setting == "max-num-seqs"]
    assert [(one.value, one.source, one.place) for one in seqs.given] == [
        ("[4, 8]", "presets/one", "campaigns/presets/one.yaml:2"),
        ("[8, 16]", "presets/two", "campaigns/presets/two.yaml:1"),
    ]


def test_union_and_intersection(project: Path) -> None:
    union = made(project, "extends: [presets/one, presets/two]\nmerge: union")
    assert union.entries[0].space.parameters["max-num-seqs"] == Choice((4, 8, 16))
    assert union.entries[0].space.parameters["env.LEVEL"] == Choice((1, 2)), "two fixed values are both tried"
    assert told(union) == {"max-num-seqs": "union [4, 8, 16]", "env.LEVEL": "union [1, 2]"}
    both = made(project, "extends: [presets/one, presets/two]\nmerge: intersection\nenv: {LEVEL: 3}")
    assert both.entries[0].space.parameters["max-num-seqs"] == Choice((8,))
    assert {"chunk-size", "cache-dtype"} <= both.entries[0].space.parameters.keys(), "said by one: nobody is against it"


def test_the_entry_goes_before_its_presets(project: Path) -> None:
    """Also where they could not be made one, and where it fixes what they search."""
    entry = "extends: [presets/one, presets/two]\nmerge: intersection\nflags: {max-num-seqs: 32}\nenv: [LEVEL]"
    campaign = made(project, entry)
    [entry_made] = campaign.entries
    assert entry_made.flags == {"ctx-size": 512, "max-num-seqs": 32}
    assert "max-num-seqs" not in entry_made.space.parameters
    assert entry_made.pass_env == ("LEVEL",)
    assert told(campaign) == {"max-num-seqs": "entry 32", "env.LEVEL": "entry null"}
    assert [one.source for one in campaign.extended[0].conflicts[0].given] == [
        "presets/one",
        "presets/two",
        "the entry",
    ]


def test_settings_can_be_left_out(project: Path) -> None:
    campaign = made(project, "extends: presets/one\nwithout: [chunk-size, env.LEVEL]")
    assert set(campaign.entries[0].space.parameters) == {"max-num-seqs"}
    assert campaign.entries[0].env == {}
    assert told(campaign) == {"chunk-size": "without None", "env.LEVEL": "without None"}


def test_a_constraint_over_what_is_left_out_goes_too(project: Path) -> None:
    both = "extends: [presets/one, presets/two]\nwithout: max-num-seqs\n"
    campaign = made(project, both + "where: [chunk-size >= 128]")
    assert campaign.entries[0].space.where == ("chunk-size >= 128",)
    assert told(campaign)["where max-num-seqs >= 4"] == "without None"
    kept = made(project, both + "flags: {max-num-seqs: 8}")
    assert kept.entries[0].space.where == ("max-num-seqs >= 4",), "the entry says it: the constraint can be computed"


def test_presets_that_multiply_are_refused(project: Path) -> None:
    each = [f"presets/p{n}{m}" for n in range(7) for m in range(9)]
    presets = {
        f"p{n}{m}": f"extends: [{', '.join(f'presets/p{n + 1}{k}' for k in range(9))}]\n" if n < 6 else "flags: {}\n"
        for n in range(7)
        for m in range(9)
    }
    assert len(each) == len(presets)
    found = problems(written(project, "extends: [presets/p00, presets/p01]", presets))
    assert {slug for slug, _ in found} == {"preset-circle"}


def test_shared_settings_and_conditions_survive(project: Path) -> None:
    presets = {
        "shared": "quantization: {kvcache_dtype: [auto, fp8]}\nparallel: {tp: 1}\n",
        "ranges": "runtime: vllm\nspace:\n  max-num-seqs: {int: [4, 64], log: true}\n"
        "  max-num-batched-tokens: {choice: [64, 128], when: 'max-num-seqs >= 8'}\n",
    }
    path = written(project, "extends: [presets/shared, presets/ranges]\nparallel: {tp: [1, 2]}", presets)
    path.write_text(path.read_text().replace("runtime: simulated", "runtime: vllm"))
    [entry] = load(path).entries
    assert entry.space.parameters == {
        "quantization.kvcache_dtype": Choice(("auto", "fp8")),
        "parallel.tp": Choice((1, 2)),
        "max-num-seqs": Int(4, 64, log=True),
        "max-num-batched-tokens": Choice((64, 128), "max-num-seqs >= 8"),
    }


def test_a_preset_of_presets(project: Path) -> None:
    both = PRESETS | {"both": "extends: [presets/one, presets/two]\nmerge: union\nspace: {chunk-size: [256]}\n"}
    campaign = made(project, "extends: presets/both", both)
    assert campaign.entries[0].space.parameters["max-num-seqs"] == Choice((4, 8, 16))
    assert campaign.entries[0].space.parameters["chunk-size"] == Choice((256,))
    assert [one.source for one in campaign.extended[0].presets] == ["presets/one", "presets/two", "presets/both"]


def test_a_project_may_build_on_one_of_ours_under_its_name(project: Path) -> None:
    """A preset never finds itself: below it stands the next of its name."""
    ours = {"llama-cpp-cpu": "extends: presets/llama-cpp-cpu\nspace: {parallel: [16]}\n"}
    path = written(project, "extends: presets/llama-cpp-cpu", ours)
    path.write_text(path.read_text().replace("runtime: simulated", "runtime: llama_cpp"))
    campaign = load(path)
    assert campaign.entries[0].space.parameters["parallel"] == Choice((16,))
    assert [one.place for one in campaign.extended[0].presets] == [
        "tunebook's own presets/llama-cpp-cpu.yaml",
        "campaigns/presets/llama-cpp-cpu.yaml",
    ]


def test_identity_is_of_what_it_came_to(project: Path) -> None:
    """Written out it is the same campaign; a changed preset is a changed one; where a value came from is no part."""
    campaign = made(project, "extends: presets/one\nspace: {max-num-seqs: [4]}")
    flat = "flags: {ctx-size: 512}\nspace: {max-num-seqs: [4], chunk-size: [128, 512]}\nenv: {LEVEL: 1}"
    by_hand = made(project, flat)
    assert (by_hand.version_sha256, by_hand.search_key) == (campaign.version_sha256, campaign.search_key)
    again = from_resolved(resolved(campaign))
    assert again == campaign
    assert again.extended == campaign.extended != ()
    edited = PRESETS | {"one": PRESETS["one"].replace("512}", "1024}")}
    changed = made(project, "extends: presets/one\nspace: {max-num-seqs: [4]}", edited)
    assert changed.search_key != campaign.search_key
    commented = PRESETS | {"one": "# for all\ndescription: words\n" + PRESETS["one"]}
    same = made(project, "extends: presets/one\nspace: {max-num-seqs: [4]}", commented)
    assert same.version_sha256 == campaign.version_sha256


def test_the_nearest_file_counts(project: Path) -> None:
    """Beside the campaign, then campaigns/ of the project, then tunebook's own; by name with or without its ending."""
    night = project / "campaigns" / "night"
    (night / "presets").mkdir(parents=True)
    path = night / "made.yaml"
    written(project, "")
    path.write_text(TEXT % "    extends: presets/one.yaml")
    assert load(path).entries[0].flags == {"ctx-size": 512}
    (night / "presets" / "one.yaml").write_text("flags: {ctx-size: 99}\n")
    assert load(path).entries[0].flags == {"ctx-size": 99}


def problems(path: Path) -> list[tuple[str, str]]:
    with pytest.raises(CampaignError) as raised:
        load(path)
    return [(one.slug, str(one.where)) for one in raised.value.problems()]


def test_what_is_wrong_in_a_preset_is_said_there(project: Path) -> None:
    presets = {"bad": "space:\n  max-num-seqs: {int: [9, 3]}\nflgs: {}\n", "odd": "flags:\n  no-such-flag: 1\n"}
    path = written(project, "extends: presets/bad", presets)
    assert problems(path) == [
        ("empty-space", "campaigns/presets/bad.yaml:2:17"),
        ("unknown-key", "campaigns/presets/bad.yaml:3:1"),
    ]
    path = written(project, "extends: presets/odd", presets)
    assert problems(path) == [("unknown-flag", "campaigns/presets/odd.yaml:2:3")], "said by the engine, of their merge"


def test_a_secret_in_a_preset(project: Path) -> None:
    token = "hf_" + "Ab1" * 8
    path = written(project, "extends: presets/leaky", {"leaky": f"# {token}\nflags: {{ctx-size: 64}}\n"})
    with pytest.raises(CampaignError) as raised:
        load(path)
    assert [one.slug for one in raised.value.problems()] == ["secret"]
    assert token not in str(raised.value.problems())


def test_nothing_outside_of_the_project_is_read(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Not by a path and not through a link: what a message quotes could be anybody's file."""
    outside = tmp_path_factory.mktemp("outside") / "x.yaml"
    outside.write_text("secret words of somebody\n")
    (project / "campaigns" / "presets" / "link.yaml").symlink_to(outside)
    for name in (f"{outside}", f"../../{outside.parent.name}/x", "presets/link", "~/x", "presets/..", "a" * 5000):
        path = written(project, f"extends: {name!r}", {})
        with pytest.raises(CampaignError) as raised:
            load(path)
        [problem] = raised.value.problems()
        assert problem.slug == "unknown-preset"
        assert "secret words" not in str(problem)


def test_a_preset_is_no_campaign(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(project, "extends: presets/one")
    assert run_command_line(["check", "campaigns/presets/one.yaml"]) == 2
    told, hint = capsys.readouterr().err.splitlines()
    assert told.startswith("error[preset-alone]: this is a preset, and no campaign")
    assert told.endswith("(campaigns/presets/one.yaml)")
    assert hint == "  hint: check the campaigns that extend it"
    assert run_command_line(["check", "campaigns/"]) == 0, "nor is it looked at with the campaigns of a folder"


FOLDER = Path(__file__).parents[2] / "golden" / "preset-errors"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_message(
    name: str, project: Path, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each campaign of the golden folder has something wrong with its presets, which lie in presets/ there."""
    for path in (FOLDER / "presets").glob("*.yaml"):
        (project / "campaigns" / "presets" / path.name).write_text(path.read_text())
    (project / "campaigns" / f"{name}.yaml").write_text((FOLDER / f"{name}.yaml").read_text())
    assert run_command_line(["check", f"campaigns/{name}.yaml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    golden(f"preset-errors/{name}.txt", re.sub(r"\(known: [^)]*\)", "(known: ...)", err))
