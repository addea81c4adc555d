"""A machine without a network: a namespace in which only loopback answers, and which counts whoever tries to get out.

Without a route a program that phones home fails quietly, and a test would have to look for its complaint in every log.
So everything has a route here, into a rule that refuses it: a packet counter tells the truth whatever the program says.
Names are looked up over the network too, also where the resolver listens on loopback: that counts as an attempt.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests._machine import missing

PROGRAMS = ("ip", "iptables", "ip6tables", "nsenter")
_SETUP = (
    "ip link set lo up",
    "ip route add default dev lo",
    *(f"iptables -A OUTPUT -d 127.0.0.0/8 -p {protocol} --dport 53 -j REJECT" for protocol in ("udp", "tcp")),
    "iptables -A OUTPUT ! -d 127.0.0.0/8 -p tcp -j REJECT --reject-with tcp-reset",
    "iptables -A OUTPUT ! -d 127.0.0.0/8 ! -p tcp -j REJECT",
)
_SETUP_6 = ("ip -6 route add default dev lo", "ip6tables -A OUTPUT ! -d ::1 -j REJECT")
"""Where this machine has IPv6 at all."""


@dataclass(frozen=True)
class AirGap:
    namespace: str

    def tried(self) -> int:
        """Packets that wanted to leave since the gap was made."""
        return sum(self._count(program) for program in ("iptables", "ip6tables"))

    def _count(self, program: str) -> int:
        listed = self.run(f"{program} -nvxL OUTPUT")
        return sum(int(packets) for packets in re.findall(r"^\s*(\d+)\s+\d+\s+REJECT", listed, re.MULTILINE))

    def run(self, command: str) -> str:
        argv = ["nsenter", f"--net=/run/netns/{self.namespace}", *command.split()]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            missing(f"the right to cut the network off ({command}: {done.stderr.strip()})")
        return done.stdout


@contextmanager
def air_gap() -> Iterator[AirGap]:
    """Made, and gone afterwards. Enter it with `docker_engine.within(gap.namespace)`."""
    if absent := [program for program in PROGRAMS if shutil.which(program) is None]:
        missing(f"{', '.join(absent)} (`make system`)")
    if os.geteuid() != 0:
        missing("root, which a network namespace needs")
    gap = AirGap(f"tba-{secrets.token_hex(4)}")
    made = subprocess.run(["ip", "netns", "add", gap.namespace], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        missing(f"the right to make a network namespace ({made.stderr.strip()})")
    try:
        has_6 = os.path.exists("/proc/net/if_inet6")  # noqa: PTH110  (a kernel file)
        for command in (*_SETUP, *(_SETUP_6 if has_6 else ())):
            gap.run(command)
        yield gap
    finally:
        subprocess.run(["ip", "netns", "delete", gap.namespace], check=False, capture_output=True)
