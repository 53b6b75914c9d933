"""One optimisation step: draw micro-batches, weigh their objectives, update."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mmsearch.rerank.layers import attention_bias
from mmsearch.training import order
from mmsearch.training.reranker import objectives as terms
from mmsearch.training.reranker.config import RerankerTrainConfig
from mmsearch.training.reranker.device import Compute
from mmsearch.training.reranker.examples import Examples
from mmsearch.training.reranker.language import LanguageStart
from mmsearch.training.reranker.model import RerankerModel
from mmsearch.training.reranker.records import Losses
from mmsearch.training.reranker.sampling import Draw, Sampler
from mmsearch.training.reranker.states import CaptionStates, padded
from mmsearch.training.reranker.twins import TokenRows

_LARGEST_SCALE = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What batches are made of; `twins` has token rows for each caption, or is empty."""

    examples: Examples
    states: CaptionStates
    language: LanguageStart
    twins: tuple[TokenRows, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A batch as the network sees it, parts of it hidden.

    `codes` `(b, r, c)`, `regions` `(b, r, h)`, `text` `(t, l, h)`, `mask` `(t, l)`.
    """

    draw: Draw
    codes: Tensor
    regions: Tensor
    text: Tensor
    mask: Tensor
    rows: Tensor


class Objectives:
    """The losses of batches, as a model stands."""

    def __init__(
        self, config: RerankerTrainConfig, model: RerankerModel, source: Source, compute: Compute
    ) -> None:
        self._weights = config.objectives
        self._drawing = config.drawing
        self._model = model
        self._source = source
        self._compute = compute

    def of(self, draw: Draw, generator: torch.Generator) -> tuple[Tensor, Losses]:
        """The weighted loss of a batch, and each objective's own.

        `generator`, on the CPU, hides and draws; nothing is dropped in evaluation.
        """
        weights = self._weights
        found: dict[str, Tensor] = {}
        with self._compute.precision():
            seen = self._see(draw, generator)
            if weights.align:
                found["align"] = self._align(seen)
            if weights.match:
                pairs, logits = self._match(seen, generator)
                found["match"], found["binary"] = terms.match_losses(logits, pairs)
                twins = self._twins(seen, logits[: pairs.positives], generator)
                found |= {} if twins is None else {"twins": twins}
            if weights.words or weights.regions:
                found["words"], found["regions"] = self._tell(seen, generator)
        loss = torch.stack([getattr(weights, name) * term for name, term in found.items()]).sum()
        values = {name: float(term.detach()) for name, term in found.items()}
        return loss, Losses(**{k: v for k, v in values.items() if getattr(weights, k)})

    def _see(self, draw: Draw, generator: torch.Generator) -> _Seen:
        """Read a batch; in training some regions and words are dropped."""
        model, move, drawing = self._model, self._compute.move, self._drawing
        cells = np.asarray(self._source.examples.cells[draw.view][draw.pictures], np.float32)
        codes = model.projection(move(torch.from_numpy(cells)))
        states, mask = self._source.states.take(draw.captions)
        shown = codes
        if model.training:
            kept = torch.rand(codes.shape[:2], generator=generator) >= drawing.region_dropout
            shown = codes * move(kept.float())[..., None]
            tokens = self._tokens(draw.captions)
            dropped = torch.rand(tokens.shape, generator=generator) < drawing.word_dropout
            mask = mask * ~(dropped & self._source.language.is_word(tokens))
        mask = move(mask)
        text = model.bridge(model.upper(move(states), mask))
        rows = move(torch.from_numpy(draw.rows))
        return _Seen(draw, codes, model.network.read_regions(shown), text, mask, rows)

    def _tokens(self, captions: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Tensor:
        rows = [self._source.examples.tokens[caption] for caption in captions]
        return padded(rows, self._model.network.config.pad_id)

    def _align(self, seen: _Seen) -> Tensor:
        words, regions = self._model.network.aligned(seen.text, seen.regions)
        scores = terms.alignment_scores(words, seen.mask, regions)
        negative = self._compute.move(torch.from_numpy(seen.draw.negative))
        scale = self._model.heads.log_scale.exp().clamp(max=_LARGEST_SCALE)
        return terms.contrast(scores * scale, seen.rows, negative)

    def _match(self, seen: _Seen, generator: torch.Generator) -> tuple[terms.MatchPairs, Tensor]:
        """Hard pairs of a batch with their logits `(p,)`."""
        draw, examples, move = seen.draw, self._source.examples, self._compute.move
        cosines = examples.texts[draw.captions] @ examples.images[draw.view][draw.pictures].T
        pairs = terms.hard_pairs(
            torch.from_numpy(cosines / np.float32(self._drawing.temperature)),
            torch.from_numpy(draw.rows),
            torch.from_numpy(draw.negative),
            self._drawing.negatives,
            generator,
        )
        texts, pictures = move(pairs.texts), move(pairs.pictures)
        logits = self._model.network.match(
            seen.text[texts], seen.mask[texts], seen.regions[pictures]
        )
        return pairs, logits.float()

    def _twins(self, seen: _Seen, logits: Tensor, generator: torch.Generator) -> Tensor | None:
        """The loss of captions, with logits `(t,)`, against twins; None where none has one."""
        model, move, own = self._model, self._compute.move, self._source.twins
        captions = seen.draw.captions.tolist() if own and self._weights.twins else []
        able = [row for row, caption in enumerate(captions) if own[caption]]
        if not able:
            return None
        order_ = torch.randperm(len(able), generator=generator)[: self._drawing.twins]
        rows = torch.tensor(able)[order_]
        which = torch.randint(1 << 30, rows.shape, generator=generator).tolist()
        texts = [own[captions[row]] for row in rows.tolist()]
        chosen = [twins[number % len(twins)] for twins, number in zip(texts, which, strict=True)]
        tokens = move(padded(chosen, model.network.config.pad_id))
        mask = model.network.text_mask(tokens)
        with torch.no_grad():
            states = model.lower(tokens)
        text = model.bridge(model.upper(states, mask))
        rows = move(rows)
        wrong = model.network.match(text, mask, seen.regions[seen.rows[rows]])
        return terms.twin_loss(logits[rows], wrong.float())

    def _tell(self, seen: _Seen, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Losses of masked words and masked regions, both hidden at once."""
        model, move, drawing = self._model, self._compute.move, self._drawing
        language, weights = self._source.language, self._weights
        pairs = torch.randperm(len(seen.rows), generator=generator)[: drawing.masked_pairs]
        tokens = self._tokens(seen.draw.captions[pairs.numpy()])
        share = drawing.masked_words if weights.words else 0.0
        hidden = torch.rand(tokens.shape, generator=generator) < share
        hidden &= language.is_word(tokens)
        codes = seen.codes[seen.rows[move(pairs)]]
        share = drawing.masked_regions if weights.regions else 0.0
        masked = torch.rand(codes.shape[:2], generator=generator) < share
        shown = codes * move(~masked)[..., None]
        given = move(tokens.masked_fill(hidden, language.mask_id))
        hidden, masked, tokens = move(hidden), move(masked), move(tokens)
        mask = model.network.text_mask(given)
        with torch.no_grad():
            states = model.lower(given)
        text = model.bridge(model.upper(states, mask))
        text, regions = model.network.cross(
            text, attention_bias(mask), model.network.read_regions(shown)
        )
        logits = model.heads.tell_words(text[hidden], model.network.language.words.weight)
        return (
            terms.word_loss(logits, tokens[hidden]),
            terms.region_loss(model.heads.regions(regions[masked]), codes[masked]),
        )


class Learner:
    """A model with its optimizer."""

    def __init__(
        self,
        config: RerankerTrainConfig,
        model: RerankerModel,
        objectives: Objectives,
        sampler: Sampler,
        compute: Compute,
    ) -> None:
        self.objectives = objectives
        self.sampler = sampler
        self._config = config
        self._model = model
        self._compute = compute
        self.optimizer = torch.optim.AdamW(_rate_groups(model, config))
        self._parameters = [
            parameter for group in self.optimizer.param_groups for parameter in group["params"]
        ]

    def set_rate(self, factor: float) -> None:
        """Set each group's learning rate to `factor` of its peak."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor

    def step(self, number: int, views: int) -> Losses:
        """The losses of step `number`, over its micro-batches; the parameters are updated."""
        self._model.train()
        losses = self.backward(number, views)
        nn.utils.clip_grad_norm_(self._parameters, self._config.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return losses

    def backward(self, number: int, views: int) -> Losses:
        """The losses of step `number`; mean gradients are left in the parameters."""
        parts = range(self._config.drawing.micro_batches)
        done = self._compute.each(lambda part: self._part((number, part), views), parts)
        for place, parameter in enumerate(self._parameters):
            given = [gradients[place] for gradients, _ in done]
            parameter.grad = _mean([gradient for gradient in given if gradient is not None], parts)
        return Losses.mean([losses for _, losses in done])

    def loss(self, at: tuple[int, int], views: int) -> tuple[Tensor, Losses]:
        """The weighted loss of one micro-batch and its terms, `at` = (step, number in it)."""
        place = (self._config.seed, *at)
        seed = order.dropout_seed(place, 0)
        return self.objectives.of(
            self.sampler.draw(place, views), torch.Generator().manual_seed(seed)
        )

    def _part(self, at: tuple[int, int], views: int) -> tuple[Sequence[Tensor | None], Losses]:
        """Gradients and losses of one micro-batch."""
        loss, losses = self.loss(at, views)
        gradients = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        return gradients, losses


def _mean(gradients: list[Tensor], parts: Sequence[int]) -> Tensor | None:
    """The sum of what the parts gave, in their order, over their number."""
    if not gradients:
        return None
    total = gradients[0]
    for gradient in gradients[1:]:
        total = total + gradient
    return total / len(parts)


def _rate_groups(model: RerankerModel, config: RerankerTrainConfig) -> list[dict[str, object]]:
    """AdamW's groups: the language encoder has a rate of its own, only matrices are decayed."""
    language = {id(parameter) for parameter in model.network.language.parameters()}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    own = [parameter for parameter in trained if id(parameter) in language]
    rest = [parameter for parameter in trained if id(parameter) not in language]
    groups = []
    for parameters, rate in ((own, config.language_lr), (rest, config.lr)):
        matrices = [parameter for parameter in parameters if parameter.ndim > 1]
        vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
        groups += [_group(matrices, rate, config.weight_decay), _group(vectors, rate, 0.0)]
    return [group for group in groups if group["params"]]


def _group(parameters: Iterable[Tensor], rate: float, decay: float) -> dict[str, object]:
    return {"params": list(parameters), "lr": rate, "peak_lr": rate, "weight_decay": decay}
