"""OpenAI CLIP's byte-pair tokenizer as a `tokenizer.json`."""

from __future__ import annotations

from pathlib import Path

_START = "<start_of_text>"
_END = "<end_of_text>"
_WORDS = r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def write_clip_tokenizer(file: Path, *, ignore_case: bool = False) -> None:
    """Write open_clip's `SimpleTokenizer` (CLIP, Radford et al. 2021, section 2.4) to `file`.

    `ignore_case` is for texts that are not lower-cased before: `'S` is then split off like `'s`.
    """
    from open_clip.tokenizer import SimpleTokenizer
    from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, processors

    simple = SimpleTokenizer()
    merges = sorted(simple.bpe_ranks, key=simple.bpe_ranks.__getitem__)
    tokenizer = Tokenizer(
        models.BPE(vocab=simple.encoder, merges=merges, end_of_word_suffix="</w>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(f"(?i:{_WORDS})" if ignore_case else _WORDS), behavior="removed", invert=True
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    start, end = simple.sot_token_id, simple.eot_token_id
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_START} $A {_END}", special_tokens=[(_START, start), (_END, end)]
    )
    tokenizer.add_special_tokens([AddedToken(_START), AddedToken(_END)])
    tokenizer.save(str(file))
