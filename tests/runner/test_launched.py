"""Which launch somebody means, and what becomes of it for others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.campaign import Deploy, Entry, Hardware, Model
from runner.errors import UnknownId, UsageError
from runner.launched import launched, served
from tests import make


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> make.Made:
    made = make.write_store(tmp_path_factory.mktemp("launched") / "results")
    make.write_all_failed(made.results)
    return made


@pytest.mark.parametrize(("asked", "trial", "number"), [
    ("smollm-cpu", "best", 4),
    ("smollm-cpu", "11", 11),
    ("smollm-cpu#11", "best", 11),
    ("smollm-cpu", "5", 5),
    ("smollm-hopeless", "2", 2),
])  # fmt: skip
def test_the_trial_that_is_meant(store: make.Made, asked: str, trial: str, number: int) -> None:
    campaign, attempt = launched(store.results, asked, trial)
    assert (campaign.name, attempt.number) == (asked.partition("#")[0], number)
    assert attempt.launch is not None


def test_a_trial_that_was_tried_twice_is_the_one_that_was_measured(store: make.Made) -> None:
    _, attempt = launched(store.results, "smollm-cpu", "6")
    assert attempt.failure is None, "the first found its port taken"


@pytest.mark.parametrize(("asked", "trial", "error", "words"), [
    ("smollm-hopeless", "best", UsageError, "no trial of smollm-hopeless succeeded"),
    ("smollm-cpu", "99", UnknownId, "has no trial '99'"),
    ("smollm-cpu", "first", UnknownId, "has no trial 'first'"),
    ("smollm-gpu", "best", UnknownId, "is called 'smollm-gpu'"),
])  # fmt: skip
def test_what_can_not_be_meant(store: make.Made, asked: str, trial: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        launched(store.results, asked, trial)
    assert words in str(raised.value)


def test_a_trial_that_was_never_started(tmp_path: Path) -> None:
    of = make.campaign()
    make.write_store(tmp_path, of=of, attempts=[replace(make.attempt(of, 0, failed=make.failure()), launch=None)])
    with pytest.raises(UsageError, match="trial 0 of smollm-cpu was never started"):
        launched(tmp_path, "smollm-cpu", "0")


@pytest.mark.parametrize(("image", "digest", "shown"), [
    ("vllm/vllm-openai:v0.33.0", "sha256:1f", "vllm/vllm-openai@sha256:1f"),
    ("host:5000/vllm:v1", "sha256:1f", "host:5000/vllm@sha256:1f"),
    ("vllm/vllm-openai@sha256:1f", "sha256:1f", "vllm/vllm-openai@sha256:1f"),
    ("built-here:1", "sha256:1f", "built-here:1"),
    ("vllm/vllm-openai:v0.33.0", None, "vllm/vllm-openai:v0.33.0"),
])  # fmt: skip
def test_an_image_is_named_so_that_others_get_the_same(image: str, digest: str | None, shown: str) -> None:
    entry = Entry("f16", "llama_cpp", options={"image": image}, pass_env=("HF_TOKEN",))
    of = make.campaign(
        deploy=Deploy("docker", {"shm_size": "2GB", "mounts": ["/data"]}), entries=(entry,),
        hardware=Hardware(2, "H100"), model=Model(id="org/model"), name="A Name, 2",
    )  # fmt: skip
    attempt = make.attempt(of)
    assert attempt.placement is not None
    attempt = replace(attempt, placement=replace(attempt.placement, image_digest=digest))
    made = served(of, attempt)
    assert (made.image, made.gpus, made.shared_memory, made.model) == (shown, 2, 2 * 10**9, "org/model")
    assert (made.name, made.pass_env) == ("a-name-2", ("HF_TOKEN",))
    assert served(of, attempt, "mine:1").image == "mine:1"
