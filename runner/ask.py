"""Ask a live engine the prompts of the quality guard, and say how its answers agree with those of the reference.

Called after the levels: no level meets a cache that these prompts have warmed, and an engine whose answers turn out to
be wrong has its numbers all the same. The prompts go one by one to an engine that has nothing else to do.
"""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from sys import executable

from runner.deployers import Engine
from runner.domain.answers import Answer, Answers, Prompt, QualityFacts
from runner.domain.campaign import Campaign
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.ids import content_hash
from runner.domain.trial import Endpoint
from runner.loadgens._answers import TIMEOUT, AnswersJob
from runner.loadgens._driver import client_environment
from runner.measure import crash
from runner.stats.agreement import agree
from runner.util import codec, process
from runner.util.files import disk_errors
from runner.util.redact import redacted

ANSWERS = "answers.json"
"""Name of the file in an attempt's record. It holds texts: it goes into no store and onto no page."""

_POLL = 0.1
_DYING = 2.0  # seconds in which an engine that stopped answering is seen to end
_WHEN = "while it answered the prompts of the quality guard"


@dataclass(frozen=True, slots=True)
class PromptSet:
    """`id` follows from everything that the answers depend on: another set is another id."""

    id: str
    prompts: tuple[Prompt, ...]
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Asked:
    """`answers` has one for each prompt, those without an answer included. `failure` when the engine ended, or when
    somebody asked us to stop."""

    answers: tuple[Answer, ...]
    failure: Failure | None = None


@cache
def prompt_set() -> PromptSet:
    """The fixed prompts, part of the package."""
    data = tomllib.loads(files("runner.loadgens").joinpath("_prompts.toml").read_text(encoding="utf-8"))
    prompts = tuple(Prompt(name, text) for name, text in data["prompts"].items())
    return PromptSet(content_hash(data)[:16], prompts, data["max_tokens"])


def ask(
    campaign: Campaign,
    endpoint: Endpoint,
    engine: Engine,
    scratch: Path,
    client_log: Path,
    should_stop: Callable[[], bool],
    cpus: Sequence[int] = (),
) -> Asked:
    """Every prompt once, at temperature 0. Any end is a value: an engine that does not answer one within the timeout of
    a request hangs; there is no other deadline, so that no busy machine makes answers wrong. `cpus`: where the child is
    pinned to. Raises OSError when it could not be started."""
    chosen = prompt_set()
    job_path, out = scratch / "answers-job.json", scratch / "answers.jsonl"
    job = AnswersJob(
        endpoint,
        campaign.workload.api,
        chosen.prompts,
        chosen.max_tokens,
        campaign.search.seed,
        campaign.workload.each_level.request_timeout,
    )
    job_path.touch(mode=0o600)  # it may hold the key of the endpoint
    job_path.write_text(codec.to_json(job), encoding="utf-8")
    out.touch()
    with process.start(
        [executable, "-m", "runner.loadgens._answers", str(job_path), str(out)],
        label=scratch.name,
        env=client_environment(),
        cwd=scratch,
        stdin=process.PIPE,
        stdout=process.DEVNULL,
        stderr=client_log,
        cpus=cpus,
    ) as child:
        failure = _watched(child, engine, should_stop)
        child.stop(0.0)
    answers = tuple(_read(out, chosen.prompts))
    return Asked(answers, failure or _died(engine, answers) or _hung(answers, job.request_timeout))


def _died(engine: Engine, answers: Sequence[Answer]) -> Failure | None:
    """An engine that stopped answering may be seen to end a moment later."""
    deadline = time.monotonic() + (_DYING if answers[-1].error is not None else 0.0)
    while (end := engine.poll()) is None and time.monotonic() < deadline:
        time.sleep(_POLL / 2)
    return None if end is None else crash(end, Phase.SLO, _WHEN)


def _hung(answers: Sequence[Answer], timeout: float) -> Failure | None:
    late = next((number for number, answer in enumerate(answers, 1) if answer.error == TIMEOUT), None)
    if late is None:
        return None
    what = f"no answer to prompt {late} of {len(answers)} of the quality guard within {timeout:g} s"
    return Failure(Phase.SLO, Cause.HANG, what, hung=True, limit="each_level.request_timeout")


def _watched(child: process.Owned, engine: Engine, should_stop: Callable[[], bool]) -> Failure | None:
    """Until the child is done (None), or something else ends it."""
    while True:
        done = child.poll() is not None
        if should_stop():
            return Failure(Phase.SLO, Cause.INTERRUPTED, "stopped on request")
        if (end := engine.poll()) is not None:
            return crash(end, Phase.SLO, _WHEN)
        if done:
            return None
        time.sleep(_POLL)


def _read(out: Path, prompts: tuple[Prompt, ...]) -> list[Answer]:
    """The answers that came, in the order of the prompts; a line that was not finished is none."""
    found: dict[str, Answer] = {}
    for line in out.read_bytes().split(b"\n")[:-1]:
        answer = codec.from_plain(Answer, redacted(json.loads(line)))
        found[answer.prompt] = answer
    return [found.get(prompt.name, Answer(prompt.name, error="not asked any more")) for prompt in prompts]


def facts_of(answers: Answers, reference: str, given: Answers | None, *, is_reference: bool) -> QualityFacts:
    """What an attempt keeps of its answers. `given` are those of the reference, None when there are none yet.
    `is_reference`: the attempt is one of the reference's default, of which the first is compared with nobody."""
    asked, answered = len(answers.answers), sum(answer.error is None for answer in answers.answers)
    facts = QualityFacts(reference, answers.prompts_id, asked, answered)
    if given is not None and given.prompts_id == answers.prompts_id:
        return replace(facts, reference_attempt=given.attempt_id, agreement=agree(given.answers, answers.answers))
    return replace(facts, reference_attempt=answers.attempt_id) if is_reference and answered == asked else facts


def write_answers(answers: Answers, scratch: Path) -> Path:
    """As the file that is sealed with the attempt."""
    path = scratch / ANSWERS
    with disk_errors(path):
        path.write_text(codec.to_json(answers), encoding="utf-8")
    return path


def read_answers(record: Path) -> Answers | None:
    """Of a sealed attempt; None when it has none that can be read."""
    try:
        return codec.from_json(Answers, (record / ANSWERS).read_bytes())
    except (OSError, ValueError):
        return None
