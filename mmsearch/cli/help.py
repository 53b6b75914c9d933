"""Help pages: plain text in groups, because Rich's panels would double what `--help` costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typer.core import TyperCommand

from mmsearch.cli.options import with_defaults

if TYPE_CHECKING:  # Typer gives these types no public name
    from typer._click import Context, HelpFormatter, Parameter

HELP_CONTEXT: dict[str, object] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
}


@dataclass(frozen=True, slots=True)
class Example:
    """One line of a command's help; a test runs it on the demo's photographs."""

    command: str
    says: str


def examples_text(examples: tuple[Example, ...]) -> str:
    """The help's last paragraph, laid out line by line."""
    lines = [f"  {example.command}\n      {example.says}" for example in examples]
    return "\n".join(["Examples:", *lines])


class GroupedCommand(TyperCommand):
    """A command whose help keeps the groups its options name and the lines of its examples."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """The arguments that are left, once options that may stand alone have their value."""
        metavars = {name: param.metavar or "" for param in self.params for name in param.opts}
        return super().parse_args(ctx, with_defaults(args, metavars))

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """The usage line's parts, without the braces Typer puts around what is required."""
        return [
            piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)
        ]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write arguments, then options group by group, in the order of their first mention."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                name, says = record
                if param.param_type_name == "argument":
                    name = name.partition(" <")[0]  # "PATH" says more than its Python type
                groups.setdefault(_group_of(param), []).append((name, says))
        for name, records in groups.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002
        """Write the examples as they are: a wrapped command line cannot be copied."""
        formatter.write_paragraph()
        formatter.write(f"{self.epilog}\n")


def _group_of(param: Parameter) -> str:
    """The heading a parameter stands under."""
    usual = "Arguments" if param.param_type_name == "argument" else "Options"
    return getattr(param, "rich_help_panel", None) or usual
