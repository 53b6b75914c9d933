"""Options as data: a frozen dataclass becomes a command's parameters."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, get_type_hints

import typer

from mmsearch.cli.session import Session

OptionsT = TypeVar("OptionsT")

_OPTIONAL_INTEGER = re.compile(r"\[N=(\d+)\]")
_INTEGER = re.compile(r"[+-]?\d+")


def command_of(
    options_type: type[OptionsT],
) -> Callable[[Callable[[Session, OptionsT], None]], Callable[..., None]]:
    """A decorator that turns `body(session, options)` into a function Typer reads.

    Each field of `options_type`, annotated with `typer.Option` or `typer.Argument`, is one
    parameter, in order. So a command has two arguments however many options it takes.
    """
    hints = get_type_hints(options_type, include_extras=True)

    def decorate(body: Callable[[Session, OptionsT], None]) -> Callable[..., None]:
        def command(ctx: typer.Context, **values: object) -> None:
            body(ctx.ensure_object(Session), options_type(**values))

        parameters = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_default(field),
                annotation=hints[field.name],
            )
            for field in dataclasses.fields(options_type)  # type: ignore[arg-type]  # a dataclass
        ]
        context = inspect.Parameter(
            "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
        )
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # read by inspect
            [context, *parameters]
        )
        command.__annotations__ = {"ctx": typer.Context}
        command.__name__ = body.__name__
        command.__doc__ = body.__doc__
        return command

    return decorate


def optional_integer(default: int) -> str:
    """The metavar of an option that may stand alone and then means `default`.

    `GroupedCommand` knows it by that, as Typer has no such options.
    """
    return f"[N={default}]"


def with_defaults(arguments: Sequence[str], metavars: Mapping[str, str]) -> list[str]:
    """Arguments in which every option of `metavars` that stands alone has got its default.

    Only an integer right after it is its value: `--rerank "a dog"` leaves the text alone.
    """
    completed: list[str] = []
    for at, argument in enumerate(arguments):
        if argument == "--":
            return [*completed, *arguments[at:]]
        default = _OPTIONAL_INTEGER.fullmatch(metavars.get(argument, ""))
        following = arguments[at + 1] if at + 1 < len(arguments) else ""
        alone = default is not None and not _INTEGER.fullmatch(following)
        completed.append(f"{argument}={default[1]}" if alone and default else argument)
    return completed


def _default(field: dataclasses.Field[object]) -> object:
    """The parameter's default; a field without one is required, a list starts empty."""
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return inspect.Parameter.empty
