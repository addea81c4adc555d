"""Which files an invocation is about, and what it costs to say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.batch import Batch, FileOutcome, Loaded, Wanted, chosen, shared
from runner.campaign.load import load_all
from runner.cli.run import worst
from runner.errors import UsageError
from tests.stories._world import write_campaign


@pytest.fixture
def files(tmp_path: Path) -> list[Loaded]:
    (tmp_path / "broken.yaml").write_text("tunebook: 1\n", encoding="utf-8")
    write_campaign(tmp_path, name="one")
    write_campaign(tmp_path, name="other", top=1)
    write_campaign(tmp_path, name="third", flags=", threads: 2")
    return load_all([tmp_path])


def names(files: list[Loaded]) -> list[str]:
    return [path.stem for path, _ in files]


def test_only_takes_the_named_ones_in_the_order_of_the_files(files: list[Loaded]) -> None:
    assert names(chosen(files, ())) == ["broken", "one", "other", "third"]
    assert names(chosen(files, ("third", "one"))) == ["one", "third"]


def test_a_broken_file_may_be_the_one_that_was_meant(files: list[Loaded]) -> None:
    assert names(chosen(files, ("one", "gone"))) == ["broken", "one"]


def test_a_name_that_nothing_has(files: list[Loaded]) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(files[1:], ("thrid",))
    assert caught.value.what == "--only: no campaign is called 'thrid'"
    assert caught.value.hint == "did you mean 'third'?"


def test_files_that_share_a_lineage_are_said(files: list[Loaded]) -> None:
    (sentence,) = shared(files)
    assert "one.yaml and" in sentence
    assert "other.yaml measure the same" in sentence
    assert "third" not in sentence


def test_without_time_nothing_starts_but_what_is_wrong_is_still_said(files: list[Loaded], results: Path) -> None:
    ends = list(Batch(results, Wanted(budget=0.0)).ends(files))
    assert [end.outcome for end in ends] == [FileOutcome.BROKEN, *[FileOutcome.NOT_REACHED] * 3]
    assert [end.exit_code for end in ends] == [2, 0, 0, 0]
    assert not (results / "records").exists()


def test_the_worst_status_counts() -> None:
    assert worst() == 0
    assert worst(0, 1, 0) == 1
    assert worst(1, 7, 0) == 7
    assert worst(7, 2, 4) == 2
    assert worst(2, 130) == 130
