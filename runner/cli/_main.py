"""One handler for every error: what happened, where, what to do; and the exit status of its kind."""

from __future__ import annotations

import errno
import os
import platform
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence

import click

from runner import __version__
from runner.cli._root import root
from runner.errors import Interrupted, NoSpace, TunebookError, Unwritable, UsageError
from runner.util.environment import hide_ours
from runner.util.files import FULL
from runner.util.visible import visible_lines


def run_command_line(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status. Never raises."""
    hide_ours()
    try:
        words = list(arguments) if arguments is not None else None
        return root.main(args=words, prog_name="tunebook", standalone_mode=False) or 0
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "tunebook"
        return _show(UsageError(error.format_message(), hint=f"`{command} --help` lists what there is"))
    except click.ClickException as error:
        return _show(UsageError(error.format_message()))
    except (click.Abort, KeyboardInterrupt):
        return _show(Interrupted("interrupted"))
    except click.exceptions.Exit as error:
        return error.exit_code
    except TunebookError as error:
        return _show(error)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): no message, and no second one from the interpreter's flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        known = translated(error)
        return _show(known) if known else _bug(error)
    except Exception as error:  # noqa: BLE001 - the boundary of the command line: our bug becomes a report file
        return _bug(error)


def _show(error: TunebookError) -> int:
    from runner.util.redact import redact

    for problem in error.problems():
        for line in problem.lines():
            click.echo(visible_lines(redact(line)), err=True)
    return error.status


def translated(error: OSError) -> TunebookError | None:
    """The trouble of a disk or folder that an OSError means; None when it can only be our bug."""
    name = error.filename or "a file"
    if error.errno in FULL:
        hint = "free some space and run the command again; what was sealed before is whole"
        return NoSpace(f"no space left on the disk of {name}", hint=hint)
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT):
        return Unwritable(f"{name} is not a folder that can be used", hint="choose another folder with --results")
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return Unwritable(f"no permission: {name}", hint="choose another folder with --results, or fix its permissions")
    return None


def _bug(error: BaseException) -> int:
    """Write a ready-made bug report and say where it is. Exit status 3."""
    from runner.util.redact import redact

    text = "\n".join(
        [
            f"tunebook {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"arguments: {' '.join(sys.argv[1:])}",
            "",
            "".join(traceback.format_exception(error)),
        ]
    )
    click.echo(f"error[internal]: BUG: {type(error).__name__}: {visible_lines(redact(str(error)))}", err=True)
    try:
        handle, name = tempfile.mkstemp(prefix="tunebook-bug-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(redact(text))
    except OSError:  # no folder for temporary files takes it: then it stands here
        name = "what stands above"
        click.echo(visible_lines(redact(text)), err=True)
    click.echo(f"  hint: nothing recorded is lost; please report it with {name}", err=True)
    return 3
