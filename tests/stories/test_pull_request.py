"""A colleague proposes a campaign: what the published site says of it, and what is withdrawn from it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.util import net
from tests.stories._world import attempts, tunebook, write_campaign

pytestmark = pytest.mark.story


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder under an address, by a web server in a process of its own."""
    port = net.free_port()
    argv = [sys.executable, "-u", "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        assert "Serving" in server.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.communicate(timeout=10)


def planned(campaign: Path, store: str | Path, results: Path) -> dict[str, Any]:
    done = tunebook("plan", campaign, "--json", "--store", store, results=results)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
    return said


def test_a_plan_against_the_published_site_and_a_withdrawn_result(tmp_path: Path, results: Path) -> None:
    campaign = write_campaign(tmp_path, trials=3)
    tunebook("run", campaign, results=results)
    tunebook("build", "--out", tmp_path / "public", results=results, cwd=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    with served(tmp_path / "public") as site:
        address = f"{site}/results/data/results.duckdb"
        said = planned(campaign, address, elsewhere)
        assert (said["measured"]["points"], said["measured"]["succeeded"]) == (3, 3)
        assert (said["would"]["run"], said["would"]["pace"]["attempts"]) == ("nothing", 3)
        larger = write_campaign(tmp_path, trials=5)
        said = planned(larger, address, elsewhere)
        assert (said["would"]["run"], said["would"]["new_trials"], said["measured"]["points"]) == ("extend", 2, 3)
        assert said["would"]["seconds"] > 0
        comment = tunebook("plan", larger, "--markdown", "--store", address, results=elsewhere).stdout
        assert "extend it&#58; 2 new trials at most" in comment
        missing = tunebook("plan", larger, "--store", f"{site}/nothing", results=elsewhere, status=14)
        assert "error[network]" in missing.stderr
        page = tunebook("plan", larger, "--store", f"{site}/index.html", results=elsewhere, status=5)
        assert "no snapshot" in page.stderr
    assert not elsewhere.exists()

    number = 1
    before = [fact for fact in attempts(results) if fact["number"] == number]
    tunebook("retract", f"story#{number}", "--reason", "another job ran here", "--by", "Ada", results=results)
    said = planned(write_campaign(tmp_path, trials=3), results, results)
    assert (said["would"]["run"], said["would"]["trials_again"], said["measured"]["withdrawn"]) == ("resume", 1, 1)
    tunebook("run", campaign, results=results)
    after = [fact for fact in attempts(results) if fact["number"] == number]
    assert len(after) == len(before) + 1
    assert {fact["configuration"]["fingerprint"] for fact in after} == {before[0]["configuration"]["fingerprint"]}
    assert planned(campaign, results, results)["would"]["run"] == "nothing"
    tunebook("store", "verify", results=results)
    tunebook("build", "--out", tmp_path / "public", results=results, cwd=tmp_path)
    html = (tmp_path / "public/results/campaigns/story/index.html").read_text(encoding="utf-8")
    (struck,) = re.findall(r'<tr class="tb-retracted"><td><a href="trials/1.txt">.*?</tr>', html)
    assert "another job ran here" in struck
    assert "by Ada" in struck
    assert html.count('id="trial-1"') == 1
