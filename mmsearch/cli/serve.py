"""`mmsearch serve`: the search page and the REST API, until Ctrl-C."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.server.options import ServerOptions

EXAMPLES = (
    Example("mmsearch serve", "the page and the API for this machine"),
    Example("mmsearch serve --port 0", "on a port that is free; its address is shown"),
    Example(
        "MMSEARCH_TOKEN=a-long-secret mmsearch serve --host 0.0.0.0",
        "for other machines too, with a token to log in by",
    ),
    Example("mmsearch serve --host 0.0.0.0 --no-auth", "for everyone who can reach it"),
)
_PICTURE_WORKERS = 2
ACCESS = "Access"


@dataclass(frozen=True, slots=True)
class ServeCommand:
    """Where to serve, and whom."""

    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Where to listen (MMSEARCH_HOST); 127.0.0.1 if not given."
        ),
    ] = None
    port: Annotated[
        int | None,
        typer.Option(metavar="N", help="Port (MMSEARCH_PORT); 8000 if not given, 0: a free one."),
    ] = None
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR", help="Search with this model's embeddings."),
    ] = None
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="Let in who has it; MMSEARCH_TOKEN keeps it out of the list of processes.",
            rich_help_panel=ACCESS,
        ),
    ] = None
    no_auth: Annotated[
        bool,
        typer.Option("--no-auth", help="Let in everyone, on any address.", rich_help_panel=ACCESS),
    ] = False
    allowed_host: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="Host name that a proxy in front of 127.0.0.1 passes on. Repeatable.",
            rich_help_panel=ACCESS,
        ),
    ] = field(default_factory=list)
    rate_limit: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Requests a second from one client; 200 if not given, 0: no limit.",
            rich_help_panel=ACCESS,
        ),
    ] = None


@command_of(ServeCommand)
def command(session: Session, asked: ServeCommand) -> None:
    """Serve the search page and the REST API, until Ctrl-C.

    Model and index stay in memory; what another process indexes is found without a restart. Only
    this machine can connect unless --host says otherwise, which needs a token. The API is
    described at /api/v1/docs; Python has mmsearch.connect("http://…").
    """
    from mmsearch.server.options import ServerOptions

    settings = session.settings(
        host=asked.host,
        port=asked.port,
        model=asked.model,
        token=asked.token,
        rate_limit=asked.rate_limit,
    )
    options = ServerOptions.of(
        settings, no_auth=asked.no_auth, allowed_hosts=tuple(asked.allowed_host)
    )
    _serve(session, settings, options)


def _serve(session: Session, settings: Settings, options: ServerOptions) -> None:
    """Open, listen, say where, serve until stopped."""
    from mmsearch.cli.output import write_note
    from mmsearch.engine.factory import open_library
    from mmsearch.server.app import create_app
    from mmsearch.server.run import address_of, listen, serve

    with (
        listen(options) as listening,
        open_library(settings, picture_workers=_PICTURE_WORKERS) as library,
    ):
        app = create_app(library, options, lambda: open_library(settings))
        if not session.quiet:
            write_note(
                f"mmsearch: index '{settings.index}' at {address_of(listening)} (Ctrl-C stops)"
            )
        serve(app, listening)
    if not session.quiet:
        write_note("mmsearch: stopped")
