"""The list of all campaigns as the filter reads it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from report.build import build_site
from report.campaign_list import listed
from report.gather import gather, prepare
from report.publish import Publisher
from runner.store.reader import open_snapshot
from tests import make
from tests.make.many import write_many
from tests.report.conftest import make_small_project


def made(results: Path) -> dict[str, Any]:
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        data = gather(connection, ("campaigns", "objectives"), Publisher([]))
    return listed(data["campaigns"], data["objectives"])


def spelled(found: dict[str, Any]) -> dict[str, list[str]]:
    """Name -> the row with its words put in."""
    places = (2, 3, 4, 5, 6, 9, 12)
    rows = [[found["words"][cell] if at in places else cell for at, cell in enumerate(row)] for row in found["rows"]]
    return {row[0]: row for row in rows}


def test_a_row_says_what_the_page_says(tmp_path: Path) -> None:
    make.write_store(tmp_path)
    make.write_all_failed(tmp_path)
    rows = spelled(made(tmp_path))
    assert rows["smollm-cpu"] == [
        "smollm-cpu", 0, "SmolLM2-135M-Instruct.Q4_1.gguf", "CPU", "llama_cpp",
        "maximize output throughput at the worst level", "f16", "batch-size=256 flash-attn=true threads=4",
        "97.85 tok/s", "confirmed", "5 of 12", "2026-03-02 01:00 UTC", "trials",
    ]  # fmt: skip
    assert rows["smollm-hopeless"][6:11] == ["", "none", "–", "failed", "3 of 3"]


def test_a_run_without_an_end_and_a_campaign_without_a_trial_are_said(tmp_path: Path) -> None:
    make.write_store(tmp_path, attempts=[], ended=False)
    found = spelled(made(tmp_path))
    assert found["smollm-cpu"][4] == "–"
    assert found["smollm-cpu"][9:] == ["unmeasured", "0 of 0", "2026-03-02 01:00 UTC", "running or killed"]


def test_an_empty_store_has_an_empty_list(empty: Path) -> None:
    assert made(empty) == {"words": [], "rows": []}


def test_a_name_that_is_an_attack_is_a_text_with_a_folder_of_its_own(filled: Path) -> None:
    rows = spelled(made(filled))
    (evil,) = (name for name in rows if name.startswith("<img"))
    assert str(rows[evil][1]).startswith("img-src-x-onerror-hacked-")


def test_a_thousand_campaigns_share_their_words(tmp_path: Path) -> None:
    write_many(tmp_path, 120, 3)
    found = made(tmp_path)
    assert len(found["rows"]) == 121
    assert len(found["words"]) < 20
    assert len(json.dumps(found)) < 250 * 121


def test_it_is_written_beside_the_page_and_always_the_same(tmp_path: Path, filled: Path) -> None:
    texts = []
    for name in ("one", "two"):
        out = build_site(filled, make_small_project(tmp_path / name), None).out
        texts.append((out / "results/data/campaign-list.js").read_text(encoding="utf-8"))
        assert (out / "results/assets/campaign-list.js").is_file()
    assert texts[0] == texts[1]
    assert texts[0].startswith('__tunebook("data/campaign-list",{"rows":')
    assert "</" not in texts[0]
