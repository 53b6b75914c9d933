"""The reranker that a run writes, and reads again to measure what it wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from mmsearch.errors import ModelError
from mmsearch.rerank import RerankerFacts, find_reranker, save_reranker
from mmsearch.rerank.model_directory import load_network
from mmsearch.training.reranker.card import write_card
from mmsearch.training.reranker.config import RerankerTrainConfig
from mmsearch.training.reranker.examples import Examples
from mmsearch.training.reranker.model import RerankerModel
from mmsearch.training.reranker.records import Lift


@dataclass(frozen=True, slots=True, eq=False)
class RerankerOutput:
    """The model directory `out`; `tokenizer` is the content of its `tokenizer.json`."""

    out: Path
    config: RerankerTrainConfig
    examples: Examples
    tokenizer: bytes

    def write(self, model: RerankerModel, lift: Lift) -> None:
        """Write `model` as it is now.

        Raises:
            ModelError: `out` cannot be written.
        """
        network = model.network.config
        linear = model.projection.linear
        facts = RerankerFacts(
            space_digest=self.examples.space_digest,
            dual=self.examples.dual,
            projection=self.examples.reduction.composed(
                linear.weight.detach().cpu().numpy(),
                linear.bias.detach().cpu().numpy(),
                (network.rows, network.columns),
            ),
            fusion=lift.fusion,
            bank=self.examples.bank,
            measured_lift=round(lift.points, 4),
        )
        save_reranker(model.network, facts, self.tokenizer, self.out)

    def read(self, model: RerankerModel, projection: Mapping[str, Tensor]) -> None:
        """Give `model` the weights that were written, and the `projection` they came with.

        Raises:
            ModelError: They are gone or cannot be read.
        """
        source = find_reranker(self.out)
        if source is None:
            raise ModelError(f"{self.out} holds no reranker any more: start over (--restart)")
        model.network.load_state_dict(load_network(source).state_dict())
        model.projection.load_state_dict(projection)

    def finish(self, model: RerankerModel, lifts: Sequence[Lift], step: int) -> None:
        """Write the final figures, with a card; the weights stay those of `step`."""
        self.write(model, lifts[0])
        write_card(self.out, lifts, step, (self.config, self.examples))
