"""A second signal, for who is ending something that is no process of ours: a container gets no more grace."""

from __future__ import annotations

import threading
import weakref

_listening: weakref.WeakSet[threading.Event] = weakref.WeakSet()


def listen() -> threading.Event:
    """An event that is set when everything shall end at once. It is heard of as long as somebody holds it."""
    asked = threading.Event()
    _listening.add(asked)
    return asked


def hurry() -> None:
    """Called by a signal handler, beside `process.stop_all`."""
    for asked in list(_listening):
        asked.set()
