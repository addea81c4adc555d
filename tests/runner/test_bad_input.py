"""Bad input and bad surroundings: one clear message with what to do, the right exit status, nothing lost.

Problems of the campaign file itself have their own folder of goldens (tests/runner/campaign).
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tests.runner.models.hub import Hub
from tests.stories._world import ROOT, attempts, environment, tunebook, write_campaign

Golden = Callable[[str, str], None]

LLAMA = """\
tunebook: 1
name: bad-input
model: {model}
runtimes:
  - runtime: llama_cpp
{entry}
workload: {{scenarios: ["D(8,4)"], load: {{concurrency: [1]}}, each_level: {{requests: 1, duration: 5s}}}}
objective: {{metric: output_throughput}}
search: {{sampler: random, trials: 1}}
"""


def scrubbed(text: str, *folders: Path) -> str:
    """Paths, process numbers, times and host names out of a message."""
    text = text.replace(sys.executable, "PYTHON")  # first: it may lie in the project's folder
    for index, folder in enumerate(folders):
        text = text.replace(str(folder), f"FOLDER{index or ''}")
    text = text.replace(str(ROOT), "PROJECT").replace(os.uname().nodename, "HOST")
    text = re.sub(r"\b(PID|process|pid) \d+", r"\1 N", text)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)


def llama_campaign(folder: Path, *, model: str, entry: str = "    flags: {threads: 1}") -> Path:
    path = folder / "bad-input.yaml"
    path.write_text(LLAMA.format(model=model, entry=entry), encoding="utf-8")
    return path


def test_missing_model(tmp_path: Path, results: Path, golden: Golden) -> None:
    campaign = llama_campaign(tmp_path, model="{path: /nowhere/model.gguf}")
    done = tunebook("run", campaign, results=results, status=4)
    golden("bad-input/missing-model.txt", scrubbed(done.stderr, tmp_path))
    assert not attempts(results)


def test_missing_packaged_model(tmp_path: Path, results: Path, golden: Golden) -> None:
    campaign = llama_campaign(tmp_path, model="{package: no-such-package==1.0, file: model.gguf}")
    done = tunebook("run", campaign, results=results, status=4)
    golden("bad-input/missing-packaged-model.txt", scrubbed(done.stderr, tmp_path))


def test_model_with_another_hash(tmp_path: Path, results: Path, golden: Golden) -> None:
    (tmp_path / "model.gguf").write_bytes(b"not the model")
    campaign = llama_campaign(tmp_path, model=f"{{path: {tmp_path}/model.gguf, sha256: {'ab' * 32}}}")
    done = tunebook("run", campaign, results=results, status=13)
    golden("bad-input/model-hash.txt", scrubbed(done.stderr, tmp_path))


def test_missing_engine_package(tmp_path: Path, results: Path, golden: Golden) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True, timeout=120)
    (tmp_path / "model.gguf").write_bytes(b"never read")
    campaign = llama_campaign(
        tmp_path,
        model=f"{{path: {tmp_path}/model.gguf}}",
        entry=f"    python: {bare}/bin/python\n    flags: {{threads: 1}}",
    )
    done = tunebook("run", campaign, results=results, status=4)
    golden("bad-input/missing-engine.txt", scrubbed(done.stderr, tmp_path))
    assert not attempts(results)


def test_no_such_file(tmp_path: Path, results: Path, golden: Golden) -> None:
    done = tunebook("run", tmp_path / "absent.yaml", results=results, status=2)
    golden("bad-input/no-such-file.txt", scrubbed(done.stderr, tmp_path))


def test_a_broken_file_does_not_stop_the_rest(tmp_path: Path, results: Path) -> None:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "a-broken.yaml").write_text("tunebook: 1\nnme: x\n", encoding="utf-8")
    write_campaign(folder, trials=1)
    done = tunebook("run", folder, results=results, status=2)
    assert "did you mean 'name'?" in done.stderr
    assert [fact["outcome"] for fact in attempts(results)] == ["measured"]


@pytest.fixture
def locked_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may write, root included: for root a read-only mount, for others permissions."""
    folder = tmp_path / "locked"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a read-only tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_unwritable_results(tmp_path: Path, locked_folder: Path, golden: Golden) -> None:
    done = tunebook("run", write_campaign(tmp_path, trials=1), results=locked_folder / "results", status=4)
    golden("bad-input/unwritable.txt", scrubbed(done.stderr, tmp_path))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB; needs the right to mount, which CI containers and laptops' root have."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(tmp_path: Path, small_disk: Path, golden: Golden) -> None:
    (small_disk / "ballast").write_bytes(b"x" * (1024 * 1024 - 8 * 4096))
    done = tunebook("run", write_campaign(tmp_path, trials=1), results=small_disk / "results", status=10)
    last = done.stderr.strip().splitlines()[-2:]
    golden("bad-input/full-disk.txt", re.sub(r"disk of .*", "disk of FOLDER/...", "\n".join(last) + "\n"))


def test_build_without_a_store(tmp_path: Path, results: Path, golden: Golden) -> None:
    done = tunebook("build", "--out", tmp_path / "public", results=results, status=None)
    golden("bad-input/build-empty.txt", f"exit {done.returncode}\n" + scrubbed(done.stdout + done.stderr, tmp_path))


def test_sql_without_a_store(results: Path, tmp_path: Path, golden: Golden) -> None:
    done = tunebook("sql", "SELECT 1", results=results, status=5)
    golden("bad-input/sql-empty.txt", scrubbed(done.stderr, tmp_path))


def test_sql_only_reads(tmp_path: Path, results: Path, golden: Golden) -> None:
    tunebook("run", write_campaign(tmp_path, trials=1), results=results)
    done = tunebook("sql", "DELETE FROM store.attempt", results=results, status=2)
    golden("bad-input/sql-write.txt", scrubbed(done.stderr, tmp_path))


def test_store_of_a_newer_version(tmp_path: Path, results: Path, golden: Golden) -> None:
    campaign = write_campaign(tmp_path, trials=1)
    tunebook("run", campaign, results=results)
    with duckdb.connect(str(results / "store.duckdb")) as connection:
        connection.execute(
            "INSERT INTO store.store.schema_migration BY NAME "
            "SELECT * REPLACE (version + 1000 AS version) FROM store.store.schema_migration LIMIT 1"
        )
    done = tunebook("store", "ingest", results=results, status=5)
    golden("bad-input/store-newer.txt", scrubbed(done.stderr, tmp_path))
    write_campaign(tmp_path, trials=2)
    run = tunebook("run", campaign, results=results)
    assert "the records are sealed but not in the store" in run.stderr
    assert [fact["outcome"] for fact in attempts(results)] == ["measured", "measured"]


def test_gate_reproduce_and_rescore_say_what_they_miss(tmp_path: Path, results: Path, golden: Golden) -> None:
    campaign = write_campaign(tmp_path, trials=1)
    (tmp_path / "broken.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    asked: list[tuple[str | Path, ...]] = [
        ("gate", campaign),
        ("gate", campaign, "--baseline", "story"),
        ("gate", campaign, "--baseline", tmp_path / "broken.json"),
        ("gate", campaign, "--baseline", tmp_path / "gone.json"),
        ("gate", campaign, "--baseline", "story", "--max-regression", "5 percent"),
        ("gate", campaign, "--baseline", "story", "--repeats", "5", "--at-most", "3"),
        ("reproduce", "story#3"),
        ("reproduce", tmp_path / "empty"),
        ("reproduce", "ftp://example.org/"),
        ("store", "rescore"),
        ("store", "rescore", "--slo", "ttft_p99=1s"),
        ("store", "rescore", "--slo", "ttft_p99"),
        ("store", "rescore", "--objective", "@c=1"),
    ]
    told = []
    for words in asked:
        done = tunebook(*words, results=results, status=None)
        spoken = " ".join("FOLDER/" + word.name if isinstance(word, Path) else word for word in words)
        told.append(f"$ tunebook {spoken}\n{scrubbed(done.stderr, tmp_path, results)}exit {done.returncode}\n")
        assert done.stdout == ""
    golden("bad-input/gate.txt", "\n".join(told))
    assert not attempts(results)


def test_unknown_command_and_option(results: Path, tmp_path: Path, golden: Golden) -> None:
    first = tunebook("rnu", results=results, status=2)
    second = tunebook("run", "x.yaml", "--agian", results=results, status=2)
    golden("bad-input/usage.txt", scrubbed(first.stderr + second.stderr, tmp_path))


def test_a_taken_port_is_the_hosts_fault_and_is_tried_again(tmp_path: Path, results: Path) -> None:
    """Something else takes the port between our choice and the engine's bind: infra, retried, not learned from."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        campaign = write_campaign(tmp_path, trials=1)
        code = (
            "import sys\nfrom runner.util import net\nfrom runner.deployers import local\n"
            f"ports = iter([{port}, {port}])\nreal = net.free_port\n"
            "fake = lambda *a, **k: next(ports, None) or real()\n"
            "net.free_port = fake\n"
            "if hasattr(local, 'free_port'): local.free_port = fake\n"
            "from runner.cli._main import run_command_line\nsys.exit(run_command_line(sys.argv[1:]))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "run", str(campaign)],
            env=environment(results), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    facts = attempts(results)
    assert [fact["outcome"] for fact in facts] == ["infra", "infra", "measured"]
    assert {fact["failure"]["cause"] for fact in facts[:2]} == {"port"}
    assert {fact["number"] for fact in facts} == {0}
    assert "trying again" in done.stderr


def test_not_a_terminal_means_plain_lines(tmp_path: Path, results: Path) -> None:
    done = tunebook("run", write_campaign(tmp_path, trials=1), results=results)
    assert "\x1b" not in done.stderr + done.stdout
    assert re.search(r"^trial   0 ", done.stderr, flags=re.MULTILINE)


FETCHES: dict[str, tuple[list[str], int, str]] = {
    "other-file": (["acme/tiny-model", "--file", "model.safetensor"], 2, ""),
    "no-id": (["what is this"], 2, ""),
    "other-source": (["ftp://host/model.gguf"], 2, ""),
    "no-hash": (["acme/tiny-model", "--file", "config.json", "--sha256", "abc"], 2, ""),
    "hash-of-many": (["acme/tiny-model", "--sha256", "ab" * 32], 2, ""),
    "campaign-and-revision": (["campaigns/quickstart.yaml", "--rev", "main"], 2, ""),
    "no-mirror": (["acme/tiny-model", "--base-url", "mirror.example"], 2, ""),
    "password-in-mirror": (["acme/tiny-model", "--base-url", "https://me:hunter22@mirror.example"], 2, ""),
    "other-model": (["acme/other"], 14, ""),
    "other-revision": (["acme/tiny-model", "--rev", "v9"], 14, ""),
    "nobody-there": (["acme/tiny-model", "--base-url", "http://127.0.0.1:9", "--retries", "0"], 14, ""),
    "wants-a-login": (["acme/tiny-model"], 11, "401"),
    "gated": (["acme/tiny-model"], 11, "403"),
    "asked-too-often": (["acme/tiny-model", "--retries", "0"], 12, "429:1"),
    "other-content": (["acme/tiny-model", "--file", "config.json", "--sha256", "ab" * 32], 13, ""),
    "leads-out": (["acme/tiny-model"], 2, "outside"),
}
"""name -> words after `model fetch`, exit status, what the hub does."""


@pytest.mark.parametrize("name", FETCHES)
def test_a_model_that_can_not_be_fetched(name: str, tmp_path: Path, results: Path, golden: Golden) -> None:
    words, status, step = FETCHES[name]
    with Hub() as hub:
        if step == "outside":
            hub.files["../outside"] = b""
        elif step:
            hub.on_api.append(step)
        ours = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": hub.url, "HF_TOKEN": "", "HF_HUB_OFFLINE": ""}
        done = tunebook("model", "fetch", *words, results=results, status=status, **ours)  # type: ignore[arg-type]
    said = "\n".join(line for line in done.stderr.splitlines() if line.startswith(("error", "  hint"))) + "\n"
    assert "hunter22" not in done.stderr
    golden(f"bad-input/model-fetch-{name}.txt", scrubbed(said, tmp_path).replace(hub.url, "HUB"))
