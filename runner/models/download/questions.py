"""A question to the hub through its library: asked again where that may help, and its errors in our words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from runner.errors import NetworkError, UsageError
from runner.models.download.answers import TryAgain, back_off, refused
from runner.models.download.transfer import Settings, Tell

T = TypeVar("T")


@contextmanager
def quiet() -> Iterator[None]:
    """Without the library's own bars and warnings: what there is to say is in our words."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars, logging

    bars, level = not are_progress_bars_disabled(), logging.get_verbosity()
    disable_progress_bars()
    logging.set_verbosity(40)  # logging.ERROR
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            enable_progress_bars()


def patiently(ask: Callable[[], T], what: str, settings: Settings, tell: Tell) -> T:
    """The answer of a question to the hub, asked again as often as a download would be."""
    tries = 0
    while True:
        try:
            with quiet():
                return _translated(ask, what)
        except TryAgain as again:
            tries += 1
            if tries > settings.retries:
                raise again.final from again
            wait = back_off(tries) if again.wait is None else again.wait
            if wait > settings.timeout:
                raise again.final from again
            tell("retry", wait_secs=round(wait, 3), msg=again.why)
            time.sleep(wait)


def _translated(ask: Callable[[], T], what: str) -> T:
    """In our words what the library says. Raises TryAgain where another try may help."""
    import httpx2
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RevisionNotFoundError,
    )

    hint = "check the network and the proxy (HTTPS_PROXY, NO_PROXY), or name a mirror with --base-url"
    try:
        return ask()
    except HFValidationError as error:
        raise UsageError(f"{what!r} is no id of a model", hint="write it as the hub does: OWNER/NAME") from error
    except RevisionNotFoundError as error:
        raise NetworkError(f"{what} has no such revision", hint="name a branch, tag or commit with --rev") from error
    except HfHubHTTPError as error:
        answer = error.response
        raise refused(answer.status_code, answer.headers, what, error.server_message or "") from error
    except (OfflineModeIsEnabled, LocalEntryNotFoundError) as error:
        cause = error.__cause__
        if isinstance(cause, HfHubHTTPError):
            raise refused(cause.response.status_code, cause.response.headers, what) from error
        raise NetworkError(f"{what}: {error}", hint=hint) from error
    except httpx2.RequestError as error:
        why = f"{what}: the hub does not answer: {str(error) or type(error).__name__}"
        raise TryAgain(why, NetworkError(why, hint=hint)) from error
    except (ValueError, KeyError) as error:  # a page to log in to the network, say, where the hub's JSON should be
        raise NetworkError(f"{what}: what answers is no hub: {str(error)[:200]}", hint=hint) from error
