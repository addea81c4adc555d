"""Secrets that stand in a campaign file. It is reviewed, recorded and published as it was written, comments included,
so what looks like a token is an error wherever it stands. The message never shows it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from runner.errors import Problem, Where
from runner.util.redact import HIDDEN

NAME = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|API[_-]?KEY|CREDENTIALS?)$", re.IGNORECASE)
"""At the end of a name: `max-tokens` and `api-key-file` hold no secret."""

_MIXED = r"(?=[A-Za-z_-]*[0-9])"
"""A digit somewhere: `sk-learn-something` and `hf_transfer_enabled` are words."""
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a Hugging Face token", re.compile(rf"\bhf_{_MIXED}[A-Za-z0-9]{{10,}}")),
    ("an API key", re.compile(rf"\b(?:sk|pk|rk|nvapi)-{_MIXED}[A-Za-z0-9_-]{{12,}}")),
    ("a GitHub token", re.compile(rf"\b(?:gh[pousr]|github_pat)_{_MIXED}[A-Za-z0-9_]{{10,}}")),
    ("a GitLab token", re.compile(rf"\bgl[a-z]{{2,6}}-{_MIXED}[A-Za-z0-9_-]{{10,}}")),
    ("a Slack token", re.compile(rf"\bxox[abeoprs]-{_MIXED}[A-Za-z0-9-]{{10,}}")),
    ("a cloud access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a Google API key", re.compile(r"\bAIza[A-Za-z0-9_-]{30,}")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a bearer token", re.compile(r"(?i)\bbearer\s+(?=[A-Za-z._~+/=-]*[0-9])[A-Za-z0-9._~+/=-]{8,}")),
    ("an address with a password", re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://[^/\s:@\"'${}]+:[^/\s@\"'${}]+@")),
)
_HINT = "write env: [NAME] to pass it through from your own environment; this one is no secret any more: replace it"


def in_text(text: str, file: str) -> list[Problem]:
    """One problem for each place of the text that looks like a token, an access key or a password in an address."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for kind, pattern in _KINDS:
            for match in pattern.finditer(line):
                what = f"what looks like {kind} must not stand in a campaign"
                found.append(Problem("secret", what, Where(file, number, match.start() + 1), _HINT))
    return found


def masked(problem: Problem) -> Problem:
    """The problem without the secret that it quotes."""
    what, hint = problem.what, problem.hint
    for _, pattern in _KINDS:
        what = pattern.sub(HIDDEN, what)
        hint = pattern.sub(HIDDEN, hint) if hint else hint
    return replace(problem, what=what, hint=hint)


def in_command(words: str | Sequence[str]) -> Iterator[str]:
    """Names of a command template that get a literal secret: `--api-key abc`, `--token=abc`, `HF_TOKEN=abc`. A
    placeholder (`{...}`) or a variable (`$NAME`) is none."""
    parts = _split(words) if isinstance(words, str) else list(words)
    for part, following in zip(parts, [*parts[1:], ""], strict=False):
        if " " in part:  # a command line inside a command line: sh -c "..."
            yield from in_command(part)
            continue
        name, assigned, value = part.partition("=")
        if not assigned and part.startswith("-"):
            value = "" if following.startswith("-") else following
        if NAME.search(name) and (assigned or part.startswith("-")) and _literal(name, value):
            yield name


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # an open quote: another check says so
        return text.split()


def _literal(name: str, value: str) -> bool:
    number_of_tokens = value.isdigit() and name.lower().endswith("token")
    return bool(value) and not value.startswith(("$", "{")) and not number_of_tokens
