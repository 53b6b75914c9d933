"""`mmsearch models`: what `--model` takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.encoders import ListedModel

EXAMPLES = (
    Example("mmsearch models", "the shipped model and those of your own"),
    Example("mmsearch models --all", "open_clip's pretrained models too"),
    Example("mmsearch models --json", "one JSON object a line"),
)


@dataclass(frozen=True, slots=True)
class ModelsCommand:
    """What to list."""

    all: Annotated[
        bool, typer.Option("--all", help="Also what open_clip can download from a hub.")
    ] = False
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False


@command_of(ModelsCommand)
def command(session: Session, asked: ModelsCommand) -> None:
    """List the models that --model takes; a folder in open_clip's format is one too."""
    from mmsearch.cli.output import write_json, write_line
    from mmsearch.encoders import list_models

    settings = session.settings()
    for model in list_models(settings.cache, settings.home, hub=asked.all):
        if asked.json:
            path = None if model.directory is None else str(model.directory)
            write_json({"name": model.name, "kind": model.kind, "path": path})
        else:
            write_line(model_text(model))


def model_text(model: ListedModel) -> str:
    """One model in one line: name, tab, where it comes from."""
    from mmsearch.cli.wording import shown

    origin = {
        "default": "shipped with mmsearch, the default",
        "local": "on this machine",
        "open_clip": "open_clip, downloaded when first used",
    }[model.kind]
    place = "" if model.directory is None else f"\t{shown(model.directory)}"
    return f"{model.name}\t{origin}{place}"
