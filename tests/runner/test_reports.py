"""Our measurements as llm-d Benchmark Reports, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.cli._main import run_command_line
from runner.domain.failure import Outcome
from runner.foreign import import_result
from runner.render.llm_d import LATENCIES, LENGTHS, RATES
from tests import make

Capture = pytest.CaptureFixture[str]
BACK = {key: key for key in (*LATENCIES, *RATES, *LENGTHS)} | {
    "tpot": "time_per_output_token",
    "itl": "inter_token_latency",
}
"""Our metric -> what it is called when it comes back: time per token is the client's, whoever that was."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> make.Made:
    """Only read it."""
    return make.write_store(tmp_path_factory.mktemp("reported") / "results")


def tunebook(capsys: Capture, *words: object) -> tuple[int, str, str]:
    status = run_command_line([str(word) for word in words])
    return status, *capsys.readouterr()


def exported(made: make.Made, target: Path, capsys: Capture) -> dict[str, dict[str, Any]]:
    status, out, _ = tunebook(capsys, "store", "export", target, "--llm-d", "--results", made.results)
    assert status == 0
    found = {path.name: yaml.safe_load(path.read_text()) for path in sorted(target.iterdir())}
    assert out == f"{len(found)} reports in {target}\n"
    return found


def test_the_same_numbers_come_back(made: make.Made, tmp_path: Path, capsys: Capture) -> None:
    exported(made, tmp_path / "reports", capsys)
    seen = 0
    for attempt in made.attempts:
        for level in attempt.levels if attempt.outcome is Outcome.MEASURED else ():
            [path] = (tmp_path / "reports").glob(f"*-{attempt.attempt_id}-{level.position}.yaml")
            back = import_result(tmp_path / "theirs", path).fact.levels[0]
            ours = {
                (BACK[one.metric], "mean" if one.stat == "value" else one.stat, one.value)
                for one in level.metrics
                if one.metric in BACK
            }
            assert {(one.metric, one.stat, one.value) for one in back.metrics} == ours != set()
            assert (back.ok, back.failed, back.lost) == (level.ok, level.failed, level.lost)
            assert (back.load_kind, back.load_value) == (str(level.load_kind), level.load_value)
            seen += 1
    assert seen > 20


def test_a_report_says_what_was_run(made: make.Made, tmp_path: Path, capsys: Capture) -> None:
    first, *_ = exported(made, tmp_path / "reports", capsys).values()
    assert first["version"] == "0.2"
    [engine] = first["scenario"]["stack"]
    assert engine["standardized"]["kind"] == "generic"
    assert engine["standardized"]["model"]["name"] == made.campaign.model.label
    assert first["scenario"]["load"]["standardized"]["tool"].startswith("tunebook/")


def test_again_gives_the_same_files(made: make.Made, tmp_path: Path, capsys: Capture) -> None:
    before = exported(made, tmp_path / "reports", capsys)
    assert exported(made, tmp_path / "reports", capsys) == before
    assert exported(made, tmp_path / "others", capsys) == before


def test_wrong_words_are_refused(made: make.Made, tmp_path: Path, capsys: Capture) -> None:
    export = ("store", "export", tmp_path / "reports", "--results", made.results)
    assert tunebook(capsys, *export, "--llm-d", "--publish")[0] == 2
    status, _, err = tunebook(capsys, *export, "--llm-d", "--campaign", "absent")
    assert (status, "no campaign is called 'absent'" in err) == (2, True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    status, _, err = tunebook(capsys, "store", "export", tmp_path / "mine", "--llm-d", "--results", made.results)
    assert (status, "holds other files" in err) == (4, True)
