"""Facts of one record as rows of the tables: pure. The keys of a row are the columns of schema.sql."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from runner.domain.answers import QualityFacts
from runner.domain.campaign import Campaign
from runner.domain.foreign import ForeignFact
from runner.domain.hardware import HostFacts
from runner.domain.ids import canonical, content_hash
from runner.domain.metrics import metric_ref
from runner.domain.model_facts import ModelFacts
from runner.domain.records import ComparisonFact, MergeFact, RejectionFact, RetractionFact, RulesFact, RunEnd, RunStart
from runner.domain.trial import Attempt, LevelResult
from runner.render.shell import one_line
from runner.scoring.judge import Further, Judgement
from runner.scoring.rules import rules_from_plain
from runner.space.memory import kv_numbers_per_token
from runner.stats.intervals import wilson
from runner.util.codec import from_plain, to_plain

Row = dict[str, Any]
Rows = dict[str, list[Row]]
"""Table (without schema) -> rows."""


def run_start_rows(fact: RunStart) -> Rows:
    """A run, its version of the campaign, its host and its model. Raises ValueError when the campaign can not be read
    back."""
    campaign = from_plain(Campaign, fact.campaign)
    host = _host(fact.host)
    run = _picked(fact, "run_id campaign_id search_key series name seed trials_planned git_commit tunebook_version "
                        "started_utc")  # fmt: skip
    run |= {"host": fact.host.host, "host_id": host["host_id"]}
    run |= {"warm_start_json": canonical([to_plain(taken) for taken in fact.warm_start])}
    models = [_model(fact.run_id, fact.model_facts)] if fact.model_facts else []
    return {"run": [run], "campaign": [_campaign(fact, campaign)], "host": [host], "model": models}


def _model(run_id: str, facts: ModelFacts) -> Row:
    row: Row = to_plain(facts)
    types = canonical(row.pop("dtypes"))
    row.pop("heads", None)  # the pre-check's own: it stands in the record
    return row | {"run_id": run_id, "dtypes_json": types, "kv_numbers_per_token": kv_numbers_per_token(facts)}


def run_end_rows(fact: RunEnd, record_id: str) -> Rows:
    names = "run_id ended_utc end_reason seconds trials succeeded failed message"
    return {"run_end": [_picked(fact, names) | {"record_id": record_id}]}


def attempt_rows(fact: Attempt) -> Rows:
    """An attempt with its phases, levels, metrics, histograms, errors and the worth of its answers."""
    host = _host(fact.host)
    rows: Rows = {
        "attempt": [_attempt(fact) | {"host_id": host["host_id"]}],
        "host": [host],
        "attempt_phase": [
            {"attempt_id": fact.attempt_id, "phase": spent.phase, "seconds": spent.seconds} for spent in fact.phases
        ],
    }
    if fact.quality is not None:
        rows["quality"] = [_quality(fact.attempt_id, fact.quality)]
    for table in ("level", "level_metric", "latency_histogram", "level_error"):
        rows[table] = []
    for level in fact.levels:
        at = {"attempt_id": fact.attempt_id, "position": level.position}
        rows["level"].append(at | _level(level))
        rows["level_metric"] += [at | to_plain(value) for value in level.metrics]
        rows["latency_histogram"] += [at | to_plain(bucket) for bucket in level.histogram]
        rows["level_error"] += [at | {"kind": e.kind, "n": e.count, "message": e.message} for e in level.errors]
    return rows


def _quality(attempt_id: str, facts: QualityFacts) -> Row:
    row: Row = _renamed(_picked(facts, "reference reference_attempt prompts_id asked answered"), asked="prompts")
    row |= {"attempt_id": attempt_id}
    found = facts.agreement
    if found is not None and found.prompts:
        low, high = wilson(found.exact, found.prompts)
        row |= _picked(found, "exact tokens first_divergence near_ties logprob_difference logprob_tokens")
        row |= {"compared": found.prompts, "exact_match": found.exact / found.prompts, "token_unit": found.unit}
        row |= {"exact_low": low, "exact_high": high, "token_agreement": found.share}
    return row


def rejection_rows(fact: RejectionFact) -> Rows:
    row = _picked(fact, "rejection_id run_id search_key series entry runtime fingerprint rule reason rejected_utc")
    return {"rejection": [row | _params(fact.params)]}


def comparison_rows(fact: ComparisonFact) -> Rows:
    names = (
        "comparison_id run_id search_key series trial_a trial_b metric unit verdict log_ratio low high value_a value_b "
        "repeats client reason compared_utc purpose confidence more_repeats at_most drift drift_low drift_high"
    )
    return {"comparison": [_picked(fact, names)]}


def rules_rows(fact: RulesFact, record_id: str) -> Rows:
    """Raises ValueError for rules that can not be read back."""
    objective = rules_from_plain(fact.rules).objective
    ref = metric_ref(objective.metric)
    row = _picked(fact, "rules_id campaign_id search_key written_utc")
    row |= {
        "record_id": record_id,
        "objective": ref.text,
        "objective_at": objective.at,
        "goal": objective.goal,
        "unit": ref.unit,
        "resolution": ref.metric.resolution,
        "rules_json": canonical(dict(fact.rules)),
    }
    return {"rules": [row]}


def retraction_rows(fact: RetractionFact) -> Rows:
    return {"retraction": [_picked(fact, "retraction_id attempt_id reason by retracted_utc")]}


def merge_rows(fact: MergeFact, taken: Mapping[str, str]) -> Rows:
    """A merge, with what it took: name of the folder -> sha256 of its manifest."""
    return {
        "merge": [_picked(fact, "merge_id source form sha256 host tunebook_version merged_utc")],
        "merged": [
            {"merge_id": fact.merge_id, "kind": kind, "record_id": record_id, "sha256": sha256}
            for (kind, _, record_id), sha256 in ((name.partition("-"), sha256) for name, sha256 in taken.items())
        ],
    }


def foreign_rows(fact: ForeignFact) -> Rows:
    names = "foreign_id format tool tool_version model started_utc said sha256 bytes host tunebook_version imported_utc"
    row = _picked(fact, names) | {"unread": list(fact.unread), "missing": list(fact.missing)}
    levels: list[Row] = []
    metrics: list[Row] = []
    for position, level in enumerate(fact.levels):
        of: Row = {"foreign_id": fact.foreign_id, "position": position}
        levels.append(of | _picked(level, "load_kind load_value ok failed lost seconds"))
        metrics += [of | _picked(one, "metric stat unit value published_as published_unit") for one in level.metrics]
    return {"foreign_result": [row], "foreign_level": levels, "foreign_metric": metrics}


def judgement_rows(attempt_id: str, rules_id: str, judged: Judgement) -> Rows:
    """One row of `score`, those of further objectives and of SLOs. An unmeasured attempt has no severity: NULL."""
    of = {"attempt_id": attempt_id, "rules_id": rules_id}
    failure = judged.failure
    score: Row = of | {
        "status": judged.status,
        "value": judged.value,
        "objective_value": judged.objective_value,
        "severity": None if judged.status == "unmeasured" else judged.severity,
        "soft_penalty": judged.soft_penalty,
        "goodput_level": judged.goodput_level,
        "hint": judged.hint.text if judged.hint else None,
    }
    if failure is not None:
        score |= {"phase": failure.phase, "cause": failure.cause, "evidence": failure.evidence}
        score |= {"rule": failure.rule, "hung": failure.hung}
    verdicts = [_renamed(to_plain(result), limit="limit_value") | of for result in judged.slos]
    further = [_further(one, number) | of for number, one in enumerate(judged.also, 1)]
    return {"score": [score], "objective": further, "slo_verdict": verdicts}


def _further(one: Further, number: int) -> Row:
    ref = metric_ref(one.objective.metric)
    row: Row = {"number": number, "objective": ref.text, "objective_at": one.objective.at, "goal": one.objective.goal}
    return row | {"unit": ref.unit, "value": one.value, "objective_value": one.objective_value}


def _attempt(fact: Attempt) -> Row:
    names = (
        "attempt_id run_id trial_id search_key series number role repeat outcome phase started_utc ended_utc seconds "
        "gpu_seconds client client_version workload_key"
    )
    configuration = fact.configuration
    row = _picked(fact, names) | _params(configuration.values)
    row |= {
        "entry": configuration.entry,
        "runtime": configuration.runtime,
        "fingerprint": configuration.fingerprint,
        "flags_json": canonical(dict(configuration.flags)),
        "env_json": canonical(dict(configuration.env)),
        "host": fact.host.host,
        "boot_id": fact.host.boot_id,
        "image_digest": fact.placement.image_digest if fact.placement else None,
        "warnings": list(fact.warnings),
        "gpu_uuids": list(fact.placement.gpus) if fact.placement else [],
    }
    if fact.failure:
        row |= _renamed(_picked(fact.failure, "phase cause evidence rule hung exit_code signal"), phase="failed_phase")
    if fact.engine:
        row |= {"engine": fact.engine.name, "engine_version": fact.engine.version}
        row |= {"engine_build": fact.engine.build}
        row |= {"engine_settings_json": canonical(dict(fact.engine.settings))}
    if fact.launch:
        row |= {"launch": one_line(fact.launch.portable, configuration.env)}
        row |= {"launch_json": canonical({"argv": list(fact.launch.argv), "env": dict(fact.launch.env)})}
    return row


def _level(level: LevelResult) -> Row:
    row = _picked(level, "scenario load_kind load_value state sent ok failed lost short seconds")
    row |= {"counters_json": canonical(dict(level.counters))}
    if level.load:
        row |= {"load_before": level.load.before, "load_after": level.load.after}
        row |= {"steal": level.load.steal, "cpus": level.load.cpus}
    return row


def _campaign(fact: RunStart, campaign: Campaign) -> Row:
    objective = metric_ref(campaign.objective.metric)
    timeouts = campaign.timeouts
    row = _picked(fact, "campaign_id name version_sha256 search_key campaign_text")
    plain = canonical(dict(fact.campaign))
    return row | {
        "file_id": hashlib.sha256(f"{fact.campaign_path}\n{fact.campaign_text}\n{plain}".encode()).hexdigest(),
        "path": fact.campaign_path,
        "description": campaign.description,
        "model": campaign.model.label,
        "model_revision": campaign.model.revision,
        "hardware": campaign.hardware.label,
        "gpus": campaign.hardware.gpus,
        "price_per_gpu_hour": campaign.hardware.price_per_gpu_hour,
        "currency": campaign.hardware.currency,
        "deploy": campaign.deploy.kind,
        "client": campaign.workload.client,
        "objective": objective.text,
        "objective_at": campaign.objective.at,
        "goal": campaign.objective.goal,
        "unit": objective.unit,
        "sampler": campaign.search.sampler,
        "seed": campaign.search.seed,
        "trials_planned": campaign.search.trials,
        "attempt_timeout_seconds": timeouts.load + timeouts.ready + timeouts.level * campaign.workload.most_levels,
        "campaign_json": plain,
    }


def _host(host: HostFacts) -> Row:
    facts = to_plain(host)
    del facts["boot_id"]
    names = [gpu.name for gpu in host.gpus]
    labels = [f"{names.count(name)}x {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)]
    return {
        "host_id": content_hash(facts)[:16],
        "gpu_count": len(names),
        "gpu": ", ".join(labels) or None,
        "gpus_json": canonical(facts.pop("gpus")),
        **facts,
    }


def _params(values: Mapping[str, Any]) -> Row:
    """`params_json` keeps the literals; VARIANT may change their type (0.9 becomes a decimal)."""
    text = canonical(dict(values))
    return {"params": json.loads(text), "params_json": text}


def _picked(fact: Any, names: str) -> Row:
    return {name: getattr(fact, name) for name in names.split()}


def _renamed(row: Row, **names: str) -> Row:
    return {names.get(name, name): value for name, value in row.items()}
