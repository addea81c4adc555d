"""What `store export --publish` writes holds the results and nothing of the machine, and is read back whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from runner.cli._main import run_command_line
from runner.domain.campaign import Deploy, Model
from runner.domain.failure import Cause, Phase
from runner.domain.records import RecordKind
from runner.errors import NotReady, StoreDamaged, StoreError, StoreNewer, UnknownId
from runner.store.export import public_views
from runner.store.history import CLASSES
from runner.store.ingest import ingest
from runner.store.public_facts import TREATED
from runner.store.publish import publish, unpack
from runner.store.reader import open_snapshot
from runner.store.record import record_folders, seal
from runner.store.snapshot import snapshot
from tests import make
from tests.make import canaries

Capture = pytest.CaptureFixture[str]

ALIASED = {"host", "host_id", "path"}
"""Columns that say the same in other words; `path` of a campaign that lay outside of the project."""
LEFT_OUT = {"boot_id", "engine_settings_json", "gpus_json", "params"}
"""Dropped; and VARIANT, which has no order: `params_json` says the same."""
SAMPLES = {"gpu_samples"}


PUBLISHED = Path(__file__).parents[3] / "campaigns" / "published"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three campaigns on two machines, with a failure, rejections, comparisons and a retraction."""
    results = tmp_path_factory.mktemp("mine") / "results"
    made = make.write_store(results)
    make.write_all_failed(results)
    make.write_gpus(results)
    fact = make.retraction(made.of(8))
    seal(results, RecordKind.RETRACTION, fact.retraction_id, fact)
    ingest(results)
    snapshot(results)
    return results


def again(folder: Path, results: Path) -> Path:
    unpack(folder, results)
    assert ingest(results).pending == 0
    snapshot(results)
    return results


def texts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows(results: Path, view: str) -> list[Any]:
    columns = next(one.columns for one in public_views() if one.name == view)
    kept = ", ".join(f'"{name}"' for name in columns if name not in ALIASED | LEFT_OUT)
    with open_snapshot(results) as connection:
        found = connection.execute(f"SELECT {kept} FROM {view} ORDER BY ALL").fetchall()
    # A mean depends in its last digit on the order in which rows were taken in.
    return [tuple(float(f"{cell:.12g}") if isinstance(cell, float) else cell for cell in row) for row in found]


def test_what_is_read_back_is_what_was_measured(store: Path, tmp_path: Path) -> None:
    made = publish(store, tmp_path / "published")
    theirs = again(tmp_path / "published", tmp_path / "theirs")
    assert made.campaigns == {"smollm-cpu": 34, "smollm-gpu": 5, "smollm-hopeless": 6}
    for view in public_views():
        if view.name not in SAMPLES:
            assert rows(theirs, view.name) == rows(store, view.name), view.name
    assert len(rows(theirs, "trials")) == 16
    assert rows(theirs, "best") != []
    with open_snapshot(theirs) as connection:
        hosts = connection.execute("SELECT DISTINCT host FROM attempts ORDER BY 1").fetchall()
    assert hosts == [("host-1",), ("host-2",)]


def test_the_same_results_give_the_same_bytes_wherever_they_come_from(store: Path, tmp_path: Path) -> None:
    publish(store, tmp_path / "a")
    publish(store, tmp_path / "b")
    theirs = again(tmp_path / "a", tmp_path / "theirs")
    publish(theirs, tmp_path / "c")
    first = texts(tmp_path / "a")
    assert first == texts(tmp_path / "b") == texts(tmp_path / "c")
    publish(store, tmp_path / "a")
    assert texts(tmp_path / "a") == first, "written over itself"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "theirs"], "nothing is left beside it"


def test_the_results_of_this_repository_are_taken_in(tmp_path: Path) -> None:
    """`campaigns/published`, of which `make site-demo` builds a site in every clone."""
    about = json.loads((PUBLISHED / "published.json").read_bytes())
    theirs = again(PUBLISHED, tmp_path / "theirs")
    with open_snapshot(theirs) as connection:
        found = connection.execute(
            "SELECT DISTINCT name FROM best JOIN campaigns USING (campaign_id) ORDER BY 1"
        ).fetchall()
    assert [name for (name,) in found] == sorted(one["name"] for one in about["campaigns"])


def test_one_campaign_alone(store: Path, tmp_path: Path) -> None:
    assert publish(store, tmp_path / "one", ["smollm-gpu"]).campaigns == {"smollm-gpu": 5}
    assert set(texts(tmp_path / "one")) == {"smollm-gpu.jsonl", "published.json", "README.md", "MANIFEST.sha256"}
    about = json.loads((tmp_path / "one" / "published.json").read_bytes())
    assert about["campaigns"][0]["records"] == {"run_start": 1, "run_end": 1, "attempt": 2, "rules": 1}
    with pytest.raises(UnknownId, match="no campaign is called 'smollm-gpo'"):
        publish(store, tmp_path / "none", ["smollm-gpo"])


def test_nothing_of_the_machine_and_no_secret_leaves(tmp_path: Path) -> None:
    host, home = "ann-laptop.corp.example", "/home/ann.smith/secret-project"
    secrets = [*canaries.BY_SHAPE.values(), *(value for _, value in canaries.IN_CONTEXT.values())]
    told = [*canaries.BY_SHAPE.values(), *(text.format(value) for text, value in canaries.IN_CONTEXT.values())]
    said = f"{host} at {home}/models/m.gguf said {' | '.join(told)}"
    of = make.campaign(model=Model(path=f"{home}/Tiny-1B"), description=said, path=f"{home}/c.yaml",
                       deploy=Deploy("attach", {"url": "http://gpu-box.corp.example:8000"}))  # fmt: skip
    entry = replace(of.entries[0], options={"python": f"{home}/venv/bin/python"}, env={"X": f"{home}/x"})
    of = replace(of, entries=(entry, *of.entries[1:]))
    attempts = []
    for number, failed in ((0, None), (1, make.failure(Phase.LOAD, Cause.OOM_LOAD, evidence=said, rule=said))):
        one = make.attempt(of, number, values={"threads": number + 1}, failed=failed, host=make.host(host=host))
        assert one.launch is not None
        words = (f"{home}/venv/bin/python", "--api-key", "only-this-machine-knows")
        launch = replace(one.launch, argv=words, env={"HOME": home, "AT": "http://gpu-box.corp.example:8000/v1"})
        attempts.append(replace(one, launch=launch, warnings=(said, "gpu-box.corp.example answered late")))
    made = make.write_store(tmp_path / "mine", of=of, attempts=attempts)
    start = make.run_start(of, run_id=make.an_id(9), started_utc=make.utc(5), host=make.host(host=host),
                           campaign_text=f"# of ann.smith: {home}\n{said}\n")  # fmt: skip
    seal(tmp_path / "mine", RecordKind.RUN_START, start.run_id, start)
    publish(tmp_path / "mine", tmp_path / "published")
    theirs = again(tmp_path / "published", tmp_path / "theirs")
    found = list(
        _leaks(
            tmp_path / "published",
            (host, "ann-laptop", home, "secret-project", "gpu-box.corp", "only-this-machine", *secrets),
        )
    )
    assert found == []
    with open_snapshot(theirs) as connection:
        assert connection.execute("SELECT DISTINCT model FROM campaigns").fetchall() == [("Tiny-1B",)]
        evidence = connection.execute("SELECT evidence FROM failures").fetchall()
    assert "host-2 at <path>/m.gguf said" in evidence[0][0]
    assert made.campaign.name in (tmp_path / "published" / "published.json").read_text()


def _leaks(folder: Path, secrets: tuple[str, ...]) -> Iterator[str]:
    for name, content in texts(folder).items():
        text = content.decode()
        yield from (f"{name}: {secret}" for secret in secrets if secret in text or json.dumps(secret)[1:-1] in text)


def _text_fields(kind: type[Any], seen: set[type[Any]]) -> Iterator[str]:
    """Every field below a dataclass that can hold words."""
    if kind in seen:
        return
    seen.add(kind)
    for field, hint in get_type_hints(kind).items():
        parts = [hint, *get_args(hint), *(part for one in get_args(hint) for part in get_args(one))]
        inner = [part for part in parts if is_dataclass(part)]
        for one in inner:
            assert isinstance(one, type)
            yield from _text_fields(one, seen)
        if not inner and any(part in (str, Any) for part in parts):
            yield field


def test_of_every_text_in_a_record_somebody_has_said_what_it_may_tell() -> None:
    seen: set[type[Any]] = set()
    named = {name for kind in CLASSES.values() for name in _text_fields(kind, seen)}
    assert sorted(named - TREATED.keys()) == [], "name them in runner/store/public_facts.py"
    of_dataclasses = {field.name for kind in seen for field in fields(kind)}
    assert sorted(TREATED.keys() - of_dataclasses) == [], "no fact has these any more"


@pytest.mark.parametrize(("change", "error", "words"), [
    ("edited", StoreDamaged, "smollm-gpu.jsonl: changed after it was sealed"),
    ("gone", StoreDamaged, "smollm-gpu.jsonl: missing"),
    ("added", StoreDamaged, "extra.jsonl: not in the manifest"),
    ("no record", StoreDamaged, "smollm-gpu.jsonl:1 is no record of this version"),
    ("newer", StoreNewer, "has format 99"),
    ("empty", NotReady, "no published results in"),
])  # fmt: skip
def test_what_is_not_as_it_was_published_is_not_taken_in(
    store: Path, tmp_path: Path, change: str, error: type[Exception], words: str
) -> None:
    from runner.store.record import write_manifest

    folder = tmp_path / "published"
    publish(store, folder, ["smollm-gpu"])
    path, about = folder / "smollm-gpu.jsonl", folder / "published.json"
    match change:
        case "edited":
            path.write_text(path.read_text().replace("80.0", "90.0"))
        case "gone":
            path.unlink()
        case "added":
            (folder / "extra.jsonl").write_text("{}\n")
        case "no record":
            path.write_text('{"kind":"attempt","id":"x","facts":{}}\n')
        case "newer":
            about.write_text(about.read_text().replace('"format": 1', '"format": 99'))
        case "empty":
            shutil.rmtree(folder)
    if change in ("no record", "newer"):
        (folder / "MANIFEST.sha256").unlink()
        write_manifest(folder)
    with pytest.raises(error, match=words):
        unpack(folder, tmp_path / "theirs")
    assert record_folders(tmp_path / "theirs") == []


def test_a_changed_record_is_not_published(store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "mine")
    [first, *_] = sorted((tmp_path / "mine" / "records").glob("attempt-*"))
    text = (first / "attempt.json").read_text()
    (first / "attempt.json").write_text(text.replace("llama.cpp", "llama.CPP"))
    with pytest.raises(StoreDamaged, match=f"{first.name}/attempt.json: changed after it was sealed"):
        publish(tmp_path / "mine", tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_published_results_do_not_mix_with_ones_own(store: Path, tmp_path: Path) -> None:
    publish(store, tmp_path / "published")
    make.write_store(tmp_path / "mine")
    before = len(record_folders(tmp_path / "mine"))
    with pytest.raises(StoreError, match="has records of its own"):
        unpack(tmp_path / "published", tmp_path / "mine")
    assert len(record_folders(tmp_path / "mine")) == before
    again(tmp_path / "published", tmp_path / "theirs")
    again(tmp_path / "published", tmp_path / "theirs")


def test_a_folder_of_somebody_else_is_left_alone(store: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(NotReady, match="holds what is not published results"):
        publish(store, tmp_path)
    publish(store, tmp_path / "published")
    (tmp_path / "published" / "notes.txt").write_text("mine")
    with pytest.raises(NotReady, match=r"notes\.txt"):
        publish(store, tmp_path / "published")
    with pytest.raises(StoreError, match="there are no runs to publish"):
        publish(tmp_path / "nothing", tmp_path / "new")


def run(*words: object) -> int:
    return run_command_line([str(word) for word in words])


def test_the_commands(store: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "published"
    assert run("store", "export", "--publish", folder, "--campaign", "smollm-gpu", "--results", store) == 0
    out = capsys.readouterr().out
    assert out.startswith("smollm-gpu: 5 records\n")
    assert "left out: request rows, answers, logs" in out
    assert run("store", "ingest", folder, "--results", tmp_path / "theirs") == 0
    assert capsys.readouterr().out == f"{folder}: 5 published records of smollm-gpu\n5 new records\n"
    assert run("sql", "SELECT count(*) AS n FROM trials", "--results", tmp_path / "theirs", "--format", "csv") == 0
    assert capsys.readouterr().out == "n\n2\n"
    (folder / "smollm-gpu.jsonl").write_text("")
    assert run("store", "ingest", folder, "--results", tmp_path / "other") == 5
    assert "smollm-gpu.jsonl: changed" in capsys.readouterr().err
    assert run("store", "ingest", tmp_path / "nowhere", "--results", tmp_path / "other") == 4
    err = capsys.readouterr().err
    assert "error[not-ready]: no published results in" in err
    assert "store export --publish" in err
    assert run("store", "export", tmp_path / "x", "--campaign", "smollm-gpu", "--results", store) == 2
