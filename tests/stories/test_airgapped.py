"""A host without a network: a cached model, a real engine, both clients, from campaign file to site.

Everything that would leave is refused and counted (`tests.airgap`), names that are looked up included; nothing is told
to be offline, so a program that would ask if it could is seen.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from runner.util.project import cache_folder
from tests.airgap import AirGap, air_gap
from tests.docker_engine import within
from tests.stories._world import ROOT, assert_nothing_left, attempts, tunebook
from tests.stories.test_llama import CAMPAIGN

pytestmark = pytest.mark.story

SPACE = "\n    space:\n      parallel: [1, 2]\n      flash-attn: [on, off]\n      batch-size: [1, 64]"
OFFLINE_WORDS = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
COMPLAINTS = ("Temporary failure in name resolution", "Network is unreachable", "Name or service not known",
              "NewConnectionError", "MaxRetryError", "ConnectionRefusedError")  # fmt: skip


@pytest.fixture
def gap() -> Iterator[AirGap]:
    with air_gap() as made, within(made.namespace):
        yield made


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with what was carried over to this host, models and engines, and with nothing that we once made there."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for name in ("models", "engines"):
        (folder / name).symlink_to(cache_folder() / name)
    monkeypatch.setenv("TUNEBOOK_CACHE", str(folder))
    for name in OFFLINE_WORDS:
        monkeypatch.delenv(name, raising=False)
    return folder


def test_the_gap_sees_who_tries(gap: AirGap) -> None:
    """Else a zero below would say nothing."""
    assert gap.tried() == 0
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 443), timeout=1)
    tried = gap.tried()
    assert tried > 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.connect(("127.0.0.53", 53))
        with pytest.raises(OSError):
            resolver.send(b"?")
    assert gap.tried() > tried
    with socket.create_server(("127.0.0.1", 0)) as server:
        tried = gap.tried()
        socket.create_connection(server.getsockname(), timeout=1).close()
    assert gap.tried() == tried, "loopback answers"


@pytest.mark.engine
@pytest.mark.genai_bench
def test_from_campaign_file_to_site(gap: AirGap, carried: Path, tmp_path: Path, results: Path) -> None:
    assert SPACE in CAMPAIGN
    text = CAMPAIGN.replace(SPACE, "").replace("trials: 7", "trials: 1")
    campaign, public = tmp_path / "llama-story.yaml", tmp_path / "public"
    campaign.write_text(f"{text}confirm: {{top: 1, repeats: 2, client: genai-bench}}\n", encoding="utf-8")
    done = tunebook("run", campaign, results=results)
    assert "best       trial" in done.stdout
    made = [(one["role"], one["client"], one["outcome"]) for one in attempts(results)]
    assert made == [("baseline", "native", "measured")] + [("confirm", "genai-bench", "measured")] * 2
    assert_nothing_left(results)
    built = tunebook("build", "--out", public, results=results)

    assert missing_pages(public) == []
    [model] = json.loads(tunebook("sql", "FROM models", "--format", "json", results=results).stdout)
    assert (model["architecture"], model["quantization"], model["layers"]) == ("llama", "Q4_1", 30)
    assert "confirm" in (public / "results/campaigns/llama-story/index.html").read_text(encoding="utf-8")
    said = [done.stdout, done.stderr, built.stdout, built.stderr]
    said += [log.read_text(encoding="utf-8") for log in results.glob("records/*/*.log")]
    assert [word for word in COMPLAINTS for text in said if word in text] == []
    assert gap.tried() == 0, "something wanted to leave"


def missing_pages(public: Path) -> list[str]:
    """Pages of the navigation, and of the campaign, that were not built."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = yaml.load(text.replace("!relative", ""), Loader=yaml.BaseLoader)["nav"]
    wanted = [*_leaves(nav), "results/campaigns/llama-story/index.md"]
    assert len(wanted) > 20
    return [page for page in wanted if not (public / page).with_suffix(".html").is_file()]


def _leaves(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for inner in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _leaves(inner)
