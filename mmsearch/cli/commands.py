"""The table of commands: what `mmsearch --help` shows without importing any of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """One command: its module holds its `command` and `EXAMPLES`."""

    name: str
    summary: str
    panel: str

    @property
    def module(self) -> str:
        """Full name of the module that implements the command."""
        return f"mmsearch.cli.{self.name.replace('-', '_')}"


SEARCH = "Search"
CATALOGUE = "Catalogue"
UPKEEP = "Upkeep"
MODELS = "Models"

COMMANDS = (
    CommandEntry("index", "Index folders of pictures; run again to update.", SEARCH),
    CommandEntry("query", "Find pictures by words, by a picture, or both.", SEARCH),
    CommandEntry("serve", "Serve the search page and the REST API.", SEARCH),
    CommandEntry("demo", "Index a few real photographs and ask three questions.", SEARCH),
    CommandEntry("status", "Show what is indexed, and what failed.", CATALOGUE),
    CommandEntry("info", "Show what is known of one picture.", CATALOGUE),
    CommandEntry("remove", "Forget a file or folder; the files stay.", CATALOGUE),
    CommandEntry("verify", "Check an index for damage, and its pictures.", UPKEEP),
    CommandEntry("repair", "Mend what 'mmsearch verify' finds, where that is possible.", UPKEEP),
    CommandEntry("optimize", "Make a large index quick again after many changes.", UPKEEP),
    CommandEntry("migrate", "Change the model of an index, or go back.", UPKEEP),
    CommandEntry("backup", "Copy an index, while it is used, to a folder.", UPKEEP),
    CommandEntry("restore", "Bring an index back from a backup.", UPKEEP),
    CommandEntry("doctor", "Check this installation, and say what to do.", UPKEEP),
    CommandEntry("models", "List the models that --model takes.", MODELS),
    CommandEntry("evaluate", "Measure recall@K on a captioned split.", MODELS),
    CommandEntry("train", "Train or fine-tune a model on captioned pictures.", MODELS),
    CommandEntry("train-reranker", "Train a reranker for a model on captioned pictures.", MODELS),
)
