"""Progress for people, on stderr: plain lines, or one live line on a terminal with the plain lines above it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TextIO

from runner.domain.events import Event
from runner.domain.metrics import METRICS, format_value
from runner.domain.units import format_duration, format_size
from runner.util.redact import redact
from runner.util.visible import visible, visible_lines

ENDS = {
    "trials": "done",
    "wall": "stopped by budget.wall",
    "gpu_hours": "stopped by budget.gpu_hours",
    "failures": "stopped by budget.failures",
    "converged": "nothing untried is left",
    "interrupted": "interrupted",
    "error": "given up, this machine failed too often",
}
"""Why a run ended (`EndReason`), in words that go before `after 3m`."""


def values_text(values: Mapping[str, Any]) -> str:
    """`threads=2 flash-attn=on`; the default configuration has none."""
    return " ".join(f"{name}={_plain(value)}" for name, value in values.items()) or "engine defaults"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _confirming(data: Mapping[str, Any]) -> str:
    if data.get("round", 1) <= data["repeats"]:
        more = (
            f", up to {data['at_most']} while their order is open" if data.get("at_most", 0) > data["repeats"] else ""
        )
        return f"confirming: {data['attempts']} attempts, {data['repeats']} of each finalist and default, in turn{more}"
    numbers = ", ".join(str(number) for number in data["numbers"])
    return f"confirming: round {data['round']} of at most {data['at_most']}, still open between trials {numbers}"


def _one_line(text: str) -> str:
    """Words of an engine, harmless to a terminal: no line end, no colour, no bell."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


def score_text(data: Mapping[str, Any]) -> str:
    """What was measured, with unit; and the score where missed soft SLOs made it another number."""
    metric = METRICS[str(data["metric"])]
    measured, score = data.get("objective_value"), data.get("score")
    if measured is None:
        return "–"
    text = format_value(float(measured), metric)
    if data.get("soft_penalty") and score is not None:
        text += f" (score {format_value(float(score), metric)}: soft SLO missed)"
    return text


def _trial_name(data: Mapping[str, Any]) -> str:
    if data.get("role") == "audit":
        return "audit    "
    repeat = f" {data['role']} {data['repeat']}" if data.get("repeat") else ""
    repeat = " retry" if data.get("role") == "retry" else repeat
    return f"trial {data['number']:>3}{repeat}"


def describe(event: Event) -> str | None:
    """The line of an event; None for those that only move the live line."""
    data = event.data
    match event.name:
        case "run_started":
            how = "goes on" if data["trials_done"] else "starts again" if data["series"] else "starts"
            series = f" (series {data['series']})" if data["series"] else ""
            return (
                f"{data['campaign']}: {how}{series}, {data['trials_done']} of {data['trials_planned']} trials done, "
                f"sampler {data['sampler']}, objective {data['objective']}{_taken(data)}"
            )
        case "trial_ended":
            head = f"{_trial_name(data)}  {data['entry']:<12}"
            if data["status"] == "succeeded":
                body = f"{score_text(data):>14}"
            elif data["status"] == "failed":
                body = f"failed at {data['phase']}: {data['cause']}"
            else:
                body = f"{data['outcome']} at {data['phase']}: {data['cause']}"
            if data.get("role") == "audit":
                body += {"succeeded": ", though it was refused", "failed": ", as foreseen"}.get(data["status"], "")
            tail = f"  {values_text(data['values'])}  [{format_duration(round(data['seconds'], 1))}]"
            tail += f"  as {data['warm_start']}" if data.get("warm_start") else ""
            proof = f"\n           {_one_line(data['evidence'])[:160]}" if data.get("evidence") else ""
            return f"{head}  {body}{tail}{proof}"
        case "waiting":
            return f"trial {data['number']:>3}  {data['reason']}"
        case "rejected":
            return f"refused    {data['entry']:<12}  {data['reason']}  {values_text(data['values'])}"
        case "retry":
            return f"trial {data['number']:>3}  {data['cause']} is not the configuration's fault: trying again"
        case "confirm_started":
            return _confirming(data)
        case "comparison":
            return f"trial {data['number_a']} against {data['against']}: {data['text']}"
        case "run_ended":
            why = ENDS.get(data["end_reason"], data["end_reason"])
            why = "enough was found" if data["end_reason"] == "converged" and data.get("message") else why
            because = f": {data['message']}" if data.get("message") else ""
            return (
                f"{data['campaign']}: {data['trials']} trials, {data['succeeded']} succeeded, {data['failed']} failed; "
                f"{why} after {format_duration(round(data['seconds']))}{because}"
            )
        case "engine_started":
            return f"{data['title']}: into {data['folder']}, about {format_size(data['bytes'])} while it is installed"
        case "engine_progress":
            return f"{format_duration(round(data['seconds'])):>7}  {data['doing']}"
        case "engine_waiting":
            return f"waiting: another process installs or removes {data['engine']} {data['version']}"
        case "fetch":
            return _fetch_line(data)
        case "verified":
            return None if data["ok"] else f"{data['file']}: {data['why']}"
        case "warning":
            return f"warning: {data['message']}"
        case "notice":
            return str(data["message"])
        case _:
            return None


def _taken(data: Mapping[str, Any]) -> str:
    """What a search that begins takes from earlier campaigns: a line for each."""
    if data["trials_done"]:
        return ""
    lines = [
        f"\n  warm start: {warm['text']}: {warm['entry']} {values_text(warm['values'])}"
        for warm in data.get("warm_start", ())
    ]
    if data.get("replayed"):
        told = f"{data['replayed']} trial{'s'[: data['replayed'] > 1]} of {', '.join(data['replayed_from'])}"
        lines.append(f"\n  history: the sampler is told of {told}")
    return "".join(lines)


def _fetch_line(data: Mapping[str, Any]) -> str | None:
    """A word of a download; its progress moves the live line only."""
    name = data.get("file", "the hub")
    match data["phase"]:
        case "start" if data["resume"]:
            return f"{name}: going on at {format_size(data['start'])}"
        case "start":
            return f"{name}: fetching"
        case "retry":
            return f"{_one_line(str(data['msg']))}; again in {data['wait_secs']:.3g} s"
        case "waiting":
            return f"{name}: another process fetches it, waiting"
        case "done":
            return f"{name}: {format_size(data['bytes'])} in {data['ms'] / 1000:.1f} s"
    return None


class Refusals:
    """A search may propose many points that the pre-check refuses for one reason: the first of a rule is told, the
    rest are counted. Each has its row in the store."""

    def __init__(self) -> None:
        self._of_rule: Counter[tuple[str, str]] = Counter()

    def line(self, event: Event) -> str | None:
        """The line of any event, refusals thinned out, without secrets and without what would steer a terminal."""
        said = describe(event)
        line = said and visible_lines(redact(said))
        if event.name == "rejected":
            rule = (str(event.data["entry"]), str(event.data["reason"]).split(" is false")[0].split(":")[0])
            self._of_rule[rule] += 1
            return line if self._of_rule[rule] == 1 else None
        if event.name == "run_ended" and self._of_rule.total():
            return f"{line}; {self._of_rule.total()} configurations refused before a try"
        return line


class Plain:
    """Lines, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.refusals = Refusals()

    def handle(self, event: Event) -> None:
        line = self.refusals.line(event)
        if line is not None:
            self.stream.write(line + "\n")
            self.stream.flush()


class Terminal:
    """The same lines above one live line: trial, phase, level, requests done. Use as a context manager."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self.console = Console(stderr=True, highlight=False)
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self._task = self.progress.add_task("…", total=1, visible=False)
        self._running: dict[int, tuple[str, str, str]] = {}
        self.refusals = Refusals()

    def __enter__(self) -> Terminal:
        self.progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.progress.stop()

    def handle(self, event: Event) -> None:
        line = self.refusals.line(event)
        if line is not None:
            self.console.print(line, style=_style(event), markup=False, soft_wrap=True)
        data = event.data
        match event.name:
            case "run_started":
                self.progress.reset(self._task)  # the clock of this campaign, not of the command
                self._show("searching", data["trials_done"], max(data["trials_planned"], 1))
            case "trial_started":
                what = "audit" if data.get("role") == "audit" else f"trial {data['number']}"
                self._running[data["number"]] = what, f"{what} {data['entry']} {values_text(data['values'])}"[:70], ""
                self._at(data, "")
            case "phase":
                self._at(data, str(data["phase"]))
            case "level_started":
                self._at(data, f"level {data.get('position', 0) + 1}")
            case "waiting":
                self._at(data, str(data["reason"]))
            case "progress":
                self._at(data, f"level {data.get('position', 0) + 1} · {data.get('done', 0)} requests")
            case "trial_ended":
                self._running.pop(data["number"], None)
                if data.get("role") != "audit":  # it is no trial
                    self.progress.advance(self._task)
            case "confirm_started":
                self._show("confirming", 0, data["attempts"])
            case "fetch" if data["phase"] == "progress" and (data["total"] or 0) >= 1e6:
                self._show(f"{data['file']} · MB", data["downloaded"] / 1e6, data["total"] / 1e6)
            case "run_ended":
                self.progress.update(self._task, visible=False)

    def _at(self, data: Mapping[str, Any], state: str) -> None:
        """How far an attempt is: alone with its configuration, among several by its number."""
        what, name, _ = self._running.get(data["number"], ("", "", ""))
        self._running[data["number"]] = what, name, state
        if len(self._running) == 1:
            self._show(" · ".join(filter(None, (name, state)))[:100])
        else:
            self._show("  ".join(f"{what} {state}".rstrip() for what, _, state in self._running.values())[:100])

    def _show(self, text: str, done: float | None = None, total: float | None = None) -> None:
        self.progress.update(self._task, description=visible(redact(text)), visible=True, completed=done, total=total)


def _style(event: Event) -> str:
    if event.name == "trial_ended":
        return {"succeeded": "", "failed": "yellow"}.get(str(event.data["status"]), "magenta")
    return {"warning": "yellow", "rejected": "dim", "run_started": "bold", "run_ended": "bold"}.get(event.name, "")
