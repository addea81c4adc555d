"""What a gate found: one screen of text, Markdown for the summary of a CI job, JUnit XML, and JSON."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

from runner.cli._summary import at_text
from runner.domain.campaign import Goal
from runner.domain.metrics import format_value, metric_ref
from runner.domain.units import format_duration
from runner.events.console import values_text
from runner.gate import Gated, GateResult
from runner.render.comparison import change_text
from runner.render.table import markdown, markdown_table
from runner.stats.regression import Decision, mean_of
from runner.util.redact import redact
from runner.util.visible import visible_lines

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_text(result: GateResult) -> str:
    lines = [f"{result.decision.value.upper()}: {question(result)}"]
    for one in result.gated:
        lines += ["", f"  {one.name} of {one.configuration.entry}: {values_text(one.configuration.values)}"]
        lines += [f"    {'measured':<14}{numbers(result, one)}", f"    {one.decision.value:<14}{reason(result, one)}"]
        lines += [f"    {'changed':<14}{text}" for text in one.changed[:6]]
    lines += ["", *(f"  doubt: {text}" for text in result.doubts[:4])] if result.doubts else []
    attempts = sum(len(one.attempts) for one in result.gated)
    took = format_duration(round(result.seconds)) if result.seconds >= 1 else "no time"
    lines += ["", f"  {attempts} attempts, {took}; `tunebook sql` has them: attempts WHERE role = 'gate'"]
    if result.interrupted:
        lines[0] = f"interrupted: {question(result)}"
    return visible_lines(redact("\n".join(lines)))


def question(result: GateResult) -> str:
    metric = metric_ref(result.campaign.objective.metric).metric
    less = "less" if result.campaign.objective.goal is Goal.MAXIMIZE else "more"
    when = max((one.then.measured_utc for one in result.gated), default="")[:10]
    limit = f"{100 * result.limit:g} %"
    where = at_text(result.campaign.objective.at)
    return (
        f"{result.campaign.name}: at most {limit} {less} {metric.title} {where} than baseline {result.source} ({when})"
    )


def numbers(result: GateResult, one: Gated) -> str:
    metric = metric_ref(result.campaign.objective.metric).metric
    then = f"{format_value(mean_of(one.then.values), metric)} then ({len(one.then.values)}x)" if one.then.values else ""
    if not one.values:
        return f"nothing now, {then}"
    text = f"{format_value(mean_of(one.values), metric)} now ({len(one.values)}x), {then}"
    if one.regression is None and one.change is not None:
        return f"{text}: {100 * one.change:+.1f} %, which is no verdict"
    return text


def reason(result: GateResult, one: Gated) -> str:
    """One sentence. Signs are turned so that less is worse, whatever the metric."""
    if one.failed:
        return f"it fails now: {one.failed}"
    if one.problem:
        return f"can not be compared: {one.problem}"
    if one.regression is None:
        return "not measured to the end"
    found = one.regression
    half = f"{100 * found.confidence:.3g} % interval {_change(result, found.low)} to {_change(result, found.high)}"
    allowed = f"allowed is {_change(result, found.edge)}"
    text = f"{_change(result, found.log_ratio)} ({half}); {allowed}"
    if found.left_out:
        text = f"in the {found.repeats} of {found.repeats + found.left_out} repeats with a quiet machine {text}"
    match found.decision:
        case Decision.PASS:
            return f"{text}: the whole interval is inside"
        case Decision.FAIL:
            return f"{text}: the whole interval is beyond"
    if found.disturbed:
        return (
            f"{text}: the whole interval is beyond, but {one.disturbance}, which makes an engine slower; measure again "
            "on a quiet machine"
        )
    if found.more_repeats is None:
        return f"{text}: the noise of the baseline keeps it open; measure a baseline with more repeats"
    return f"{text}: about {found.more_repeats} more repeats would tell (--at-most)"


def _change(result: GateResult, log_ratio: float) -> str:
    """In the metric's own direction: +5 % latency is worse."""
    return change_text(log_ratio if result.campaign.objective.goal is Goal.MAXIMIZE else -log_ratio)


HEAD = ("configuration", "verdict", "now", "baseline", "why")


def as_markdown(result: GateResult) -> str:
    metric = metric_ref(result.campaign.objective.metric).metric
    rows = []
    for one in result.gated:
        now = f"{format_value(mean_of(one.values), metric)} ({len(one.values)}x)" if one.values else "–"
        then = f"{format_value(mean_of(one.then.values), metric)} ({len(one.then.values)}x)" if one.then.values else "–"
        name = f"{one.name}: {values_text(one.configuration.values)}"
        rows.append([name, one.decision.value.upper(), now, then, redact(reason(result, one))])
    lines = [f"## tunebook gate: {result.decision.value.upper()}", "", markdown(question(result)), ""]
    lines += markdown_table(HEAD, rows, (2, 3))
    if result.doubts:
        lines += ["", "Doubts:", "", *(f"- {markdown(redact(text))}" for text in result.doubts[:10])]
    changed = [f"- {markdown(redact(text))}" for one in result.gated for text in one.changed]
    if changed:
        lines += ["", "Changed since then:", "", *dict.fromkeys(changed)]
    return "\n".join([*lines, "", ""])


def append_markdown(path: Path, result: GateResult) -> None:
    """Raises OSError."""
    with path.open("a", encoding="utf-8") as file:
        file.write(as_markdown(result))


def as_junit(result: GateResult) -> str:
    """One test case for each configuration. What is inconclusive is an error: no test failed, and none passed."""
    count = {decision: sum(one.decision is decision for one in result.gated) for decision in Decision}
    totals = {
        "tests": str(len(result.gated)),
        "failures": str(count[Decision.FAIL]),
        "errors": str(count[Decision.INCONCLUSIVE]),
        "time": f"{result.seconds:.3f}",
    }
    root = xml.Element("testsuites", totals)
    suite = xml.SubElement(root, "testsuite", {"name": _plain(f"tunebook gate {result.campaign.name}"), **totals})
    for one in result.gated:
        case = xml.SubElement(
            suite,
            "testcase",
            {
                "classname": _plain(result.campaign.name),
                "name": _plain(f"{one.name}: {result.campaign.objective.metric} {result.campaign.objective.at}"),
                "time": f"{sum(attempt.seconds for attempt in one.attempts):.3f}",
            },
        )
        why = _plain(reason(result, one))
        if one.decision is Decision.FAIL:
            xml.SubElement(case, "failure", {"message": why, "type": "regression" if not one.failed else "failed"})
        elif one.decision is Decision.INCONCLUSIVE:
            xml.SubElement(case, "error", {"message": why, "type": "inconclusive"})
        xml.SubElement(case, "system-out").text = _plain(as_text(result))
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _plain(text: str) -> str:
    return _NOT_XML.sub("?", redact(text))


def as_plain(result: GateResult, one: Gated) -> dict[str, Any]:
    """The data of event `gated`."""
    found = one.regression
    return {
        "campaign": result.campaign.name,
        "number": one.then.number,
        "entry": one.configuration.entry,
        "is_best": one.then.is_best,
        "decision": one.decision.value,
        "reason": redact(reason(result, one)),
        "metric": result.campaign.objective.metric,
        "max_regression": result.limit,
        "now": one.values,
        "others_cpu": one.others,
        "baseline": list(one.then.values),
        "log_ratio": found.log_ratio if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "confidence": found.confidence if found else None,
        "more_repeats": found.more_repeats if found else None,
        "changed": one.changed,
    }
