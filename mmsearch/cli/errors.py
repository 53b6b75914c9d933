"""One line for what went wrong, and the exit code that says it to a script."""

from __future__ import annotations

import errno
import os
import sys
import traceback

import typer

from mmsearch.errors import ConfigError, MmsearchError, QueryError

ERROR, USAGE, INTERRUPTED = 1, 2, 130

GLOBAL_OPTIONS = frozenset({"--home", "--index", "--debug", "--verbose", "-v", "-q", "--quiet"})


def report(exc: BaseException, *, debug: bool) -> int:
    """The exit code for `exc`, once its line (or with `debug` its traceback) is on stderr."""
    if isinstance(exc, BrokenPipeError):
        _abandon_stdout()
        return 0
    if debug:
        traceback.print_exception(exc)
    write_error(_line(exc))
    return _code(exc)


def write_error(line: str) -> None:
    """Write `mmsearch: error: …` on stderr, coloured where that helps."""
    label = "error:"
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        label = f"\x1b[1;31m{label}\x1b[0m"
    sys.stderr.write(f"mmsearch: {label} {line}\n")


def _code(exc: BaseException) -> int:
    """The exit code that stands for this kind of error."""
    if isinstance(exc, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(exc, QueryError | ConfigError):
        return USAGE
    if isinstance(exc, typer.TyperException):
        return exc.exit_code
    return ERROR


def _line(exc: BaseException) -> str:
    """What to tell a person: what, where, what to do; never more than one line."""
    match exc:
        case KeyboardInterrupt():
            text = "interrupted"
        case typer.TyperException():
            text = _usage_line(exc)
        case MmsearchError():
            text = str(exc)
        case OSError() if exc.strerror:
            where = f": {os.fspath(exc.filename)!r}" if exc.filename else ""
            text = f"{exc.strerror.lower()}{where}; {_advice(exc)}"
        case MemoryError():
            text = "out of memory: try a smaller --batch-size or fewer --workers"
        case _:
            text = f"unexpected {type(exc).__name__}: {exc} (--debug shows where)"
    return " ".join(text.split())


def _advice(exc: OSError) -> str:
    """What to do about what the system refused."""
    match exc.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "free some space, then try again"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "check the permissions of the file and its folder"
        case errno.EMFILE | errno.ENFILE:
            return "too many files are open: end other programs, or raise the limit"
        case _:
            return "check the file, its folder and the disk"


def _usage_line(exc: typer.TyperException) -> str:
    """What is wrong with the arguments, and which help page tells more."""
    # Typer hands on the words of the library that checked the value.
    text = exc.format_message().strip().rstrip(".").replace(": Value error, ", ": ")
    option = getattr(exc, "option_name", None)
    if option in GLOBAL_OPTIONS:
        return f"{text}: it goes before the command, as in 'mmsearch {option} … COMMAND'"
    ctx = getattr(exc, "ctx", None)
    path = ctx.command_path if ctx is not None else "mmsearch"
    return f"{text} (see '{path} --help')"


def _abandon_stdout() -> None:
    """Point stdout at nothing: its reader has gone, and Python would complain at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
