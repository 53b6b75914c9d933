"""Options as data: a frozen dataclass becomes a command's parameters."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import TypeVar, get_type_hints

import typer

from mmsearch.cli.session import Session

OptionsT = TypeVar("OptionsT")


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


def _default(field: dataclasses.Field[object]) -> object:
    """The parameter's default; a field without one is required, a list starts empty."""
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return inspect.Parameter.empty
