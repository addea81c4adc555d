"""What a text may say of a machine when it leaves: hosts become host-1, host-2, ...; absolute paths `<path>`; addresses
other than the loopback `<address>`. Secrets are hidden too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from runner.util.redact import redact

_IN_A_PATH = r"[^\s/'\"\\<>:;,()|]"
_PATH = re.compile(rf"(?<![\w$./>-])(?!(?<=:)//)(?:file://)?/(?!(?:v1|dev|proc)/)(?:{_IN_A_PATH}+/)+({_IN_A_PATH}*)")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_ADDRESS = re.compile(rf"\b(?!127\.)(?!0\.0\.0\.0)(?:{_OCTET}\.){{3}}{_OCTET}(?=$|[^\w.-]|\.\s|\.$)")
"""IPv4. Not `0.00.401.697`, the clock of an engine's log."""
_PLAIN_HOSTS = frozenset({"localhost", "local", "host", "node", "server", "cpu", "gpu"})


class Aliases:
    """`hosts` in the order in which they first appear. Applying it twice changes nothing more."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self.of = {host: f"host-{number}" for number, host in enumerate(hosts, 1)}
        inside = [host for host in self.of if len(host) > 2 and host.lower() not in _PLAIN_HOSTS]
        # The longest first: `db` must not be replaced inside `db-2`.
        inside.sort(key=lambda host: (-len(host), host))
        self._hosts = inside
        self._inside = re.compile(
            r"(?<![\w.-])(?:" + "|".join(map(re.escape, inside)) + r")(?![\w-])" if inside else r"(?!)"
        )

    def host(self, name: str) -> str:
        return self.of.get(name, "host")

    def text(self, text: str) -> str:
        """`text` without secrets, host names, addresses and absolute paths."""
        text = redact(text)
        # Most texts hold none of these signs, and to look for a pattern takes longer than for a sign.
        if "/" in text:
            text = _PATH.sub(_placeholder, text)
        if text.count(".") > 2:
            text = _ADDRESS.sub("<address>", text)
        if any(host in text for host in self._hosts):
            text = self._inside.sub(lambda match: self.of[match[0]], text)
        return text

    def plain(self, value: Any) -> Any:
        """Plain JSON data with every text in it, names included, as it may leave."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.plain(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(one) for one in value]
        return value


def _placeholder(match: re.Match[str]) -> str:
    """A file keeps its name: `ggml.c:123` is the evidence. A folder does not: its name may be a person's."""
    last = match[1]
    return f"<path>/{last}" if re.search(r"\w\.\w", last) else "<path>"
