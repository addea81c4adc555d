"""A campaign's page tells how to start what it found: the very texts of `tunebook render`, as far as they may leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from report.gather import gather, prepare
from report.launches import forms
from report.publish import Publisher
from runner.cli.render import COMMAND
from runner.domain.campaign import Deploy, Model
from runner.store.reader import open_snapshot
from tests import make
from tests.report.test_pages import rendered

ORDER = ("shell", "docker", "compose", "kubernetes")


def launches(results: Path, *, private: bool = False) -> list[dict[str, Any]]:
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        return gather(connection, ["launches"], Publisher(["bench-1"], private=private))["launches"]


def printed(results: Path, *words: str) -> str:
    done = CliRunner().invoke(COMMAND, [*words, "--results", str(results)])
    assert done.exit_code == 0, done.output
    return done.stdout


def in_containers(results: Path, **changes: Any) -> make.Made:
    of = make.campaign(deploy=Deploy("docker", {"shm_size": "2GB"}), **changes)
    options = {"image": "ghcr.io/example/engine:v1"}
    of = replace(of, entries=tuple(replace(one, options=options, pass_env=("HF_TOKEN",)) for one in of.entries))
    attempts = [replace(one, placement=one.placement and replace(one.placement, image_digest="sha256:ab12"))
                for one in make.believable(of)]  # fmt: skip
    return make.write_store(results, of=of, attempts=attempts)


@pytest.mark.parametrize("model", [None, Model(id="org/model", revision="main")])
def test_every_form_is_what_render_prints(tmp_path: Path, model: Model | None) -> None:
    made = in_containers(tmp_path, **({"model": model} if model else {}))
    rows = launches(tmp_path)
    assert [(row["entry"], row["number"], row["is_best"]) for row in rows] == [("f16", 4, True), ("q8", 6, False)]
    for row in rows:
        for name, form in zip(ORDER, forms(row), strict=True):
            assert form.text == printed(tmp_path, made.campaign.name, "--trial", str(row["number"]), "--as", name)
    assert "ghcr.io/example/engine@sha256:ab12" in str(forms(rows[0])[1].text)


def test_the_best_is_the_one_that_render_takes(tmp_path: Path) -> None:
    make.write_store(tmp_path)
    assert forms(launches(tmp_path)[0])[0].text == printed(tmp_path, "smollm-cpu")


def test_without_an_image_the_remedy_is_said(tmp_path: Path) -> None:
    of = make.campaign(name="it's mine", path="c.yaml")
    make.write_store(tmp_path, of=of)
    [shell, *others] = forms(launches(tmp_path)[0])
    assert shell.text is not None
    for name, form in zip(ORDER[1:], others, strict=True):
        assert form.text is None
        assert form.remedy == f"tunebook render 'it'\"'\"'s mine' --trial 4 --as {name} --image REPOSITORY:TAG"
    page = next(page for path, page in rendered(tmp_path).items() if path.startswith("campaigns/it-s-mine"))
    assert page.markdown.count("This campaign ran without containers") == 6, "three forms of two entries"


def test_paths_and_hosts_stay_and_the_words_are_whole(tmp_path: Path) -> None:
    """What is hidden in a word does not move the ends of the words."""
    of = make.campaign()
    [base] = [make.attempt(of, 0)]
    assert base.launch is not None
    odd = (
        *base.launch.portable,
        "--lora",
        '/home/ann/it\'s "mine"/x',
        "--at",
        '$MODEL:/home/ann/b\\"c',
        "--on",
        "bench-1",
    )
    env = {"TMPDIR": "/home/ann/tmp dir"}
    changed = replace(
        base, launch=replace(base.launch, portable=odd), configuration=replace(base.configuration, env=env)
    )
    make.write_store(tmp_path, of=of, attempts=[changed])
    text = forms(launches(tmp_path)[0])[0].text or ""
    assert "ann" not in text
    assert "bench-1" not in text
    assert "--on host-1" in text
    assert "'<path>" in text, "quoted: to a shell it would be a file to read"
    assert "--lora" in text
    assert "--at" in text
    assert forms(launches(tmp_path, private=True)[0])[0].text == printed(tmp_path, "smollm-cpu", "--trial", "0")


def test_a_size_that_is_none_does_not_end_a_build(tmp_path: Path) -> None:
    of = make.campaign(deploy=Deploy("docker", {"shm_size": "a lot"}))
    of = replace(of, entries=tuple(replace(one, options={"image": "a:1"}) for one in of.entries))
    make.write_store(tmp_path, of=of)
    rows: Sequence[Mapping[str, Any]] = launches(tmp_path)
    assert "--shm-size 16000000000" in str(forms(rows[0])[1].text)
