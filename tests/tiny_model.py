"""A tiny random dual encoder in open_clip's local-directory format, for tests of every room."""

from __future__ import annotations

import json
import string
from pathlib import Path

_TEXT = """
a an the of on in at with and two three man woman dog cat child ball beach grass water
snow red blue green black white brown runs running jumps jumping plays playing sits stands
small big photo picture street car bicycle tree sky horse boat people girl boy shirt over
through near
"""
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CONTEXT_LENGTH = 24


def build_tiny_model(directory: Path, seed: int = 0) -> Path:
    """`directory`, made into a model `--model` takes: 64 x 64 squashed input, d = 32, about 1 MB.

    The weights are random but equal for equal `seed`. Batch statistics are calibrated on
    generated pictures, so that different pictures have clearly different embeddings.
    """
    import torch
    from open_clip import create_model
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    _write_text_files(directory)
    config = _open_clip_config()
    written = json.dumps(config, indent=2)
    # open_clip resolves "." against the current folder: it needs the absolute path to build.
    config["model_cfg"]["text_cfg"]["hf_model_name"] = str(directory.absolute())  # type: ignore[index]
    (directory / "open_clip_config.json").write_text(json.dumps(config), "utf-8")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = create_model(f"local-dir:{directory}", load_weights=False, pretrained_text=False)
        _calibrate(model)
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, directory / "open_clip_model.safetensors")
    (directory / "open_clip_config.json").write_text(written, "utf-8")
    return directory


def _open_clip_config() -> dict[str, object]:
    """The open_clip definition of the tiny model."""
    return {
        "model_cfg": {
            "embed_dim": 32,
            "vision_cfg": {
                "timm_model_name": "test_efficientnet",
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "linear",
                "image_size": 64,
            },
            "text_cfg": {
                "hf_model_name": ".",
                "hf_tokenizer_name": ".",
                "hf_proj_type": "linear",
                "hf_pooler_type": "mean_pooler",
                "context_length": _CONTEXT_LENGTH,
            },
        },
        "preprocess_cfg": {
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "interpolation": "bicubic",
            "resize_mode": "squash",
        },
    }


def _write_text_files(directory: Path) -> None:
    """Write a BERT configuration and a WordPiece tokenizer that knows letters and a few words."""
    letters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*_SPECIAL, *letters, *(f"##{letter}" for letter in letters), *_TEXT.split()]
    vocabulary = list(dict.fromkeys(pieces))
    _write_tokenizer(directory, vocabulary)
    bert = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": len(vocabulary),
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "pad_token_id": 0,
        "initializer_range": 0.3,
    }
    (directory / "config.json").write_text(json.dumps(bert, indent=2), "utf-8")


def _write_tokenizer(directory: Path, vocabulary: list[str]) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` of an uncased BERT tokenizer."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    ids = {piece: number for number, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(vocab=ids, unk_token="[UNK]"))  # noqa: S106 - no secret
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": True,
        "model_max_length": 64,
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), "utf-8")


def _calibrate(model: object) -> None:
    """Set batch-norm statistics from generated pictures: else all pictures embed alike."""
    import torch

    visual = model.visual  # type: ignore[attr-defined]  # open_clip models are untyped
    for layer in visual.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None  # a plain average over the passes below
            layer.reset_running_stats()
    visual.train()
    with torch.no_grad():
        for _ in range(4):
            coarse = torch.randn(16, 3, 4, 4)
            pictures = torch.nn.functional.interpolate(coarse, size=64, mode="bilinear")
            visual(pictures + 0.3 * torch.randn(16, 3, 64, 64))
    visual.eval()
