"""Behind a proxy that is set in every spelling: what lies elsewhere is fetched through it, with its password; no health
check and no load is, with either client; and the password stands nowhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.proxy import PASSWORD, proxy
from tests.stories._world import ROOT, assert_nothing_left, attempts, tunebook, write_campaign
from tests.stories.test_canaries import texts
from tests.stories.test_loads import campaign

pytestmark = pytest.mark.story

LINES = b"".join(json.dumps({"prompt": f"word {n}", "output": 4}).encode() + b"\n" for n in range(40))


def test_a_dataset_comes_through_it_and_the_load_goes_around_it(tmp_path: Path, results: Path) -> None:
    said = {"TUNEBOOK_CACHE": str(tmp_path / "cache")}
    dataset = (
        f"dataset: {{url: http://data.example/a.jsonl, sha256: {hashlib.sha256(LINES).hexdigest()}, format: jsonl}}"
    )
    path = campaign(tmp_path, f"scenarios: [dataset]\n{dataset}\nload: {{concurrency: [1]}}", "worst")
    with proxy(LINES) as between:
        done = tunebook("run", path, results=results, status=0, cwd=tmp_path, **said, **between.environment())
    assert between.asked == ["GET http://data.example/a.jsonl"]
    assert between.let_in == ["http://data.example/a.jsonl"]
    [fact] = attempts(results)
    assert fact["outcome"] == "measured"
    assert fact["levels"][0]["ok"] == fact["levels"][0]["sent"] > 0
    leaks = [name for name, text in texts(results) if PASSWORD in text]
    assert leaks == []
    assert PASSWORD not in done.stdout + done.stderr
    assert_nothing_left(results)


def test_from_a_file_of_the_project_too(tmp_path: Path, results: Path) -> None:
    """The process says nothing of a proxy: `.env` does. What it says of exceptions stays, and loopback is added."""
    path = write_campaign(tmp_path, name="proxied", trials=1, loads="[1]")
    (tmp_path / "mkdocs.yml").touch()
    with proxy() as between:
        lines = [f"http_proxy={between.address}", f'HTTP_PROXY="{between.address}"', "NO_PROXY=hub.example"]
        (tmp_path / ".env").write_text("\n".join(lines))
        tunebook("run", path, results=results, cwd=tmp_path)
    assert between.asked == []
    assert attempts(results)[0]["outcome"] == "measured"
    assert [name for name, text in texts(results) if PASSWORD in text] == []


def test_a_bad_line_is_told_with_its_place(tmp_path: Path, results: Path) -> None:
    (tmp_path / "mkdocs.yml").touch()
    (tmp_path / ".env").write_text("A=1\nHF_TOKEN: words-of-a-token-7\n")
    done = tunebook("status", results=results, cwd=tmp_path, status=2)
    assert "error[usage]: no NAME=value (.env:2)" in done.stderr
    assert "words-of-a-token" not in done.stderr
    assert tunebook("--help", results=results, cwd=tmp_path).stderr == ""


@pytest.mark.genai_bench
def test_the_second_client_goes_around_it(tmp_path: Path, results: Path) -> None:
    path = write_campaign(tmp_path, name="gb", trials=1, loads="[2]")
    path.write_text(path.read_text().replace("workload:\n", "workload:\n  client: genai_bench\n"))
    with proxy() as between:
        tunebook("run", path, results=results, status=0, cwd=ROOT, **between.environment())
    assert between.asked == []
    assert attempts(results)[0]["levels"][0]["ok"] == 6
    assert [name for name, text in texts(results) if PASSWORD in text] == []
