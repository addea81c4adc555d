"""Signals as a child process finds them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def plain_signals() -> Iterator[None]:
    """A child inherits blocked and ignored signals; it shall get SIGINT and SIGTERM as a fresh program does.

    A handler (not SIG_IGN) becomes the default in the child. Only the main thread may set one; in another thread
    an ignored signal stays ignored, and SIGKILL ends such a child after the grace.
    """
    wanted = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, wanted)
    ignored = [s for s in wanted if signal.getsignal(s) is signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread():
        ignored = []
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
