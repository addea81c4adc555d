"""Secrets do not leave: a type that hides its value, and a filter for every text that is written or shown."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

HIDDEN = "[redacted]"

_SHORTEST = 6
"""A shorter value is no secret worth the damage: hiding every `1` would make a log unreadable."""

_BOUNDED = 12
"""A shorter value is only hidden where it stands alone: `abc123` must not tear a hole into `xabc1234`."""

_REMEMBERED = 80
"""What is longer is seldom said twice."""

_SECRET_WORD = r"token|secret|passw(?:or)?d|passphrase|(?:api|access|account|private|signing|shared)[_-]?key"
_VALUE = r"[^\s\"'\\,;&<>]"


class _Pattern(NamedTuple):
    """Tried only where one of the `signs` (lower case) stands in the text: most texts hold none. Every repetition that
    stands before what must follow is bounded: a log line may be a megabyte of one letter."""

    signs: tuple[str, ...]
    found: re.Pattern[str]
    shown: str = HIDDEN


_NAMED = ("token", "secret", "passw", "passphrase", "key")
_HAS_DIGIT = rf"(?={_VALUE}{{0,40}}[0-9])"
_NOT_YET = r"(?!sha256:|\[redacted)"

_PATTERNS = (
    _Pattern(
        ("private key-----",),
        re.compile(
            r"""-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^"-]{0,8000}(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?"""
        ),
    ),
    _Pattern(("hf_",), re.compile(r"\bhf_(?=[A-Za-z]{0,40}[0-9A-Z])[A-Za-z0-9]{10,}")),
    _Pattern(("api_org_",), re.compile(r"\bapi_org_[A-Za-z0-9]{10,}")),
    _Pattern(("sk-", "pk-", "rk-"), re.compile(r"\b(?:sk|pk|rk)-(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{16,}")),
    _Pattern(("k_live_", "k_test_"), re.compile(r"\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}")),
    _Pattern(("gh",), re.compile(r"\bgh[pousr]_[A-Za-z0-9]{16,}")),
    _Pattern(("github_pat_",), re.compile(r"\bgithub_pat_[A-Za-z0-9_]{16,}")),
    _Pattern(("gl",), re.compile(r"\bgl(?:pat|dt|rt|ptt|cbt|oas|soat|ft|imt|agent)-[A-Za-z0-9_-]{16,}")),
    _Pattern(("akia", "asia", "abia", "acca"), re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b")),
    _Pattern(("aiza",), re.compile(r"\bAIza[0-9A-Za-z_-]{35}")),
    _Pattern(("ya29.",), re.compile(r"\bya29\.[0-9A-Za-z_-]{20,}")),
    _Pattern(("gocspx-",), re.compile(r"\bGOCSPX-[0-9A-Za-z_-]{20,}")),
    _Pattern(("xox", "xapp-"), re.compile(r"\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}")),
    _Pattern(("hooks.slack.com",), re.compile(r"(\bhooks\.slack\.com/services/)[A-Za-z0-9/_-]{10,}"), rf"\1{HIDDEN}"),
    _Pattern(
        ("nvapi-", "pypi-", "dop_v1_", "npm_", "dckr_pat_", "tskey-"),
        re.compile(r"\b(?:nvapi|pypi|dop_v1|npm|dckr_pat|tskey)[-_](?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{16,}"),
    ),
    _Pattern(("eyj",), re.compile(r"\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{5,4000}(?:\.[A-Za-z0-9_-]{0,1000})?")),
    _Pattern(
        ("authorization",),
        re.compile(
            rf"""(?ix)\b((?:proxy-)?authorization(?:\\?["'])?\s{{0,4}}[:=]\s{{0,4}}(?:\\?["'])?
                (?:(?:bearer|basic|token|digest)\s{{1,4}})?)(?!\[redacted){_VALUE}{{4,}}"""
        ),
        rf"\1{HIDDEN}",
    ),
    _Pattern(
        ("bearer",),
        re.compile(r"(?i)\b(bearer)\s{1,4}(?=[a-z._~+/=-]{0,80}[0-9])[a-z0-9._~+/=-]{8,}"),
        rf"\1 {HIDDEN}",
    ),
    _Pattern(
        ("basic",),
        re.compile(
            r"\b([Bb]asic)\s{1,4}(?=[A-Za-z]{0,80}[0-9+/=]|[a-zA-Z][a-z]{0,20}[A-Z])[A-Za-z0-9+/]{8,}={0,2}(?![\w.-])"
        ),
        rf"\1 {HIDDEN}",
    ),
    _Pattern(
        ("://",),
        re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)[^/\s:@\"']{0,200}:[^/\s@\"']{1,500}@"),
        rf"\1{HIDDEN}@",
    ),
    _Pattern(("://",), re.compile(r"(?i)\b(https?://)[^/\s:@\"']{8,500}@"), rf"\1{HIDDEN}@"),
    _Pattern(
        ("sig=", "signature=", "credential=", "key=", "code="),
        re.compile(
            r"(?i)([?&;](?:sig|signature|x-amz-signature|x-amz-credential|key|code)=)(?=[^&\s]{0,80}[0-9])[^&\s\"'\\]{12,}"
        ),
        rf"\1{HIDDEN}",
    ),
    _Pattern(
        _NAMED,
        re.compile(
            rf"""(?ix)((?:{_SECRET_WORD})(?:\\?["'])?\s{{0,8}}[=:]\s{{0,8}}(?:\\?["'])?)
                {_NOT_YET}{_HAS_DIGIT}{_VALUE}{{8,}}"""
        ),
        rf"\1{HIDDEN}",
    ),
    _Pattern(_NAMED, re.compile(rf"(?i)((?:{_SECRET_WORD})=){_NOT_YET}{_VALUE}{{12,}}"), rf"\1{HIDDEN}"),
    _Pattern(
        _NAMED,
        re.compile(rf"(?i)(--[a-z0-9-]{{0,60}}?(?:{_SECRET_WORD})\s{{1,4}}){_NOT_YET}{_HAS_DIGIT}{_VALUE}{{8,}}"),
        rf"\1{HIDDEN}",
    ),
)

_values: set[str] = set()
_lock = threading.Lock()


class Secret:
    """A value that shows nothing when printed, formatted, compared by eye or serialised. `reveal()` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        hide(value)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __str__(self) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


def hide(value: str) -> None:
    """From now on `redact` takes `value` out of every text (the value of a passed-through environment name)."""
    if len(value) >= _SHORTEST:
        with _lock:
            _values.add(value)
            _values.add(json.dumps(value)[1:-1])  # as a JSON answer or a structured log spells it
            _values.add(quote(value, safe=""))  # as an address spells it


def known_secrets() -> str:
    """A hash of the values that `redact` takes out of texts, for whoever keeps what it gave: with another value it
    might give another text."""
    with _lock:
        return hashlib.sha256("\0".join(sorted(_values)).encode()).hexdigest()


def redact(text: str, *, cut: bool = False) -> str:
    """`text` without known secret values and without what looks like one (tokens, Bearer, user:password@host).

    `cut` says that somebody else shortened the text before we saw it: a value of which only the beginning is left at
    the end of the text goes too.
    """
    with _lock:
        known = sorted(_values, key=len, reverse=True)  # a value that contains another goes first
    for value in known:
        if value in text:
            if len(value) < _BOUNDED:
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", HIDDEN, text)
            else:
                text = text.replace(value, HIDDEN)
    if cut:
        beginnings = (value[:n] for value in known for n in range(len(value) - 1, _SHORTEST - 1, -1))
        left = next((one for one in beginnings if text.endswith(one)), "")
        text = text.removesuffix(left) + HIDDEN if left else text
    return _looked_through(text) if len(text) > _REMEMBERED else _looked_through_once(text)


def _looked_through(text: str) -> str:
    lower = text.lower()
    for signs, found, shown in _PATTERNS:
        for sign in signs:  # `any` over a generator takes three times as long, and a store has a million texts
            if sign in lower:
                text = found.sub(shown, text)
                break
    return text


_looked_through_once = lru_cache(4096)(_looked_through)
"""A record says the same few hundred names and units thousands of times."""


def redacted(value: Any) -> Any:
    """Plain JSON data with every text in it, names included, redacted. Numbers stay: they are no text."""
    if isinstance(value, str):
        return redact(value) if len(value) >= _SHORTEST else value
    if isinstance(value, Mapping):
        return {redacted(key): redacted(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(one) for one in value]
    return value
