"""What a model directory says of its model, read without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeGuard

from mmsearch.errors import ModelError
from mmsearch.types import InputSpec, ResizeMode

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
TEXT_CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"
TEXT_FILES = (
    TEXT_CONFIG_FILE,
    TOKENIZER_FILE,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
"""Files of a Hugging Face text tower and tokenizer; a directory has some of them."""
DEFAULT_CONTEXT_LENGTH = 77
DEFAULT_IMAGE_SIZE = 224

_LARGEST_SIDE = 16_384
_LARGEST = 1 << 24
"""More dimensions or tokens than any model has."""

Rgb: TypeAlias = tuple[float, float, float]
Json: TypeAlias = Mapping[str, object]

_OPENAI_MEAN: Rgb = (0.48145466, 0.4578275, 0.40821073)
_OPENAI_STD: Rgb = (0.26862954, 0.26130258, 0.27577711)
_RESIZE_MODES = {
    "squash": ResizeMode.SQUASH,
    "shortest": ResizeMode.CROP,
    "longest": ResizeMode.PAD,
}


@dataclass(frozen=True, slots=True)
class TextDefinition:
    """How texts become tokens of a model.

    `huggingface_model` tells a Hugging Face text tower, whose padding is masked, from open_clip's
    own, which wants every row at `context_length`. `clean` and `strip_sep` are open_clip's
    tokenizer options; `special` tells options that only open_clip's tokenizer understands.
    """

    context_length: int
    huggingface_model: bool
    huggingface_tokenizer: bool
    clean: str
    strip_sep: bool
    special: bool


@dataclass(frozen=True, slots=True)
class ModelDefinition:
    """A dual encoder as its directory describes it.

    `mean` and `std` are of RGB scaled to [0, 1]. `canonical` is the definition as JSON that is
    equal wherever the directory lies.
    """

    dim: int
    input: InputSpec
    mean: Rgb
    std: Rgb
    text: TextDefinition
    canonical: str


def read_definition(directory: Path) -> ModelDefinition:
    """The definition in `directory/open_clip_config.json`.

    Raises:
        ModelError: The file is missing or is not an open_clip model definition.
    """
    config = read_json(directory / CONFIG_FILE)
    model = _object(config, "model_cfg", directory)
    vision = _object(model, "vision_cfg", directory)
    text = _object(model, "text_cfg", directory)
    preprocess = config.get("preprocess_cfg", {})
    if not _is_object(preprocess):
        raise _malformed(directory, "preprocess_cfg")
    return ModelDefinition(
        dim=_integer(model, "embed_dim", directory),
        input=_input_spec(vision, preprocess, directory),
        mean=_rgb(preprocess, "mean", _OPENAI_MEAN, directory),
        std=_rgb(preprocess, "std", _OPENAI_STD, directory),
        text=_text_definition(text, directory),
        canonical=_canonical(config, directory),
    )


def read_json(path: Path) -> Json:
    """The JSON object in `path`.

    Raises:
        ModelError: It cannot be read or holds something else.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise ModelError(f"{path} cannot be read ({exc}): give a complete model directory") from exc
    if not _is_object(value):
        raise ModelError(f"{path} holds no JSON object: give a complete model directory")
    return value


def canonical_json(config: Json) -> str:
    """`config` as JSON with sorted keys, without names of files and folders."""

    def strip(value: object) -> object:
        if _is_object(value):
            return {key: strip(item) for key, item in value.items() if key not in _PLACES}
        return value

    kept = {key: strip(config[key]) for key in ("model_cfg", "preprocess_cfg") if key in config}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def _canonical(config: Json, directory: Path) -> str:
    try:
        return canonical_json(config)
    except RecursionError as exc:
        raise _malformed(directory, "model_cfg") from exc


_PLACES = frozenset({"hf_model_name", "hf_tokenizer_name"})


def _input_spec(vision: Json, preprocess: Json, directory: Path) -> InputSpec:
    """The picture that the image tower wants."""
    size = vision.get("image_size", DEFAULT_IMAGE_SIZE)
    height, width = size if isinstance(size, list) and len(size) == 2 else (size, size)
    if not (_is_integer(height, 1, _LARGEST_SIDE) and _is_integer(width, 1, _LARGEST_SIDE)):
        raise _malformed(directory, "image_size")
    mode = preprocess.get("resize_mode") or "shortest"
    if not isinstance(mode, str) or mode not in _RESIZE_MODES:
        raise _malformed(directory, "resize_mode")
    # open_clip reads every other name, "random" too, as bicubic.
    bilinear = preprocess.get("interpolation") == "bilinear"
    fill = preprocess.get("fill_color", 0)
    if not _is_integer(fill, 0, 255):
        raise _malformed(directory, "fill_color")
    return InputSpec(
        height=height,
        width=width,
        resize_mode=_RESIZE_MODES[mode],
        interpolation="bilinear" if bilinear else "bicubic",
        fill=(fill, fill, fill),
    )


def _text_definition(text: Json, directory: Path) -> TextDefinition:
    """How `text_cfg` wants its texts tokenised."""
    options = text.get("tokenizer_kwargs") or {}
    if not _is_object(options):
        raise _malformed(directory, "tokenizer_kwargs")
    # open_clip takes the mere presence of the key as the choice of a Hugging Face tokenizer.
    huggingface = bool(text.get("hf_tokenizer_name"))
    known = {"clean", "strip_sep_token"}
    return TextDefinition(
        context_length=_integer(text, "context_length", directory, DEFAULT_CONTEXT_LENGTH),
        huggingface_model=bool(text.get("hf_model_name")),
        huggingface_tokenizer=huggingface,
        clean=str(options.get("clean", "whitespace" if huggingface else "lower")),
        strip_sep=bool(options.get("strip_sep_token", False)),
        special=bool(text.get("tokenizer_mode")) or not set(options) <= known,
    )


def _rgb(preprocess: Json, key: str, default: Rgb, directory: Path) -> Rgb:
    """Three numbers, or one for all three channels."""
    value = preprocess.get(key) or default
    parts = value if isinstance(value, (list, tuple)) else (value,) * 3
    if len(parts) != 3 or not all(_is_number(part) for part in parts):
        raise _malformed(directory, key)
    red, green, blue = (float(part) for part in parts)
    if key == "std" and min(red, green, blue) <= 0:
        raise _malformed(directory, key)
    return red, green, blue


def _object(config: Json, key: str, directory: Path) -> Json:
    value = config.get(key)
    if not _is_object(value):
        raise _malformed(directory, key)
    return value


def _integer(config: Json, key: str, directory: Path, default: int | None = None) -> int:
    value = config.get(key, default)
    if not _is_integer(value, 1, _LARGEST):
        raise _malformed(directory, key)
    return value


def _is_integer(value: object, lowest: int, highest: int) -> TypeGuard[int]:
    """Whether `value` is a whole number in this range; JSON's true is none."""
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _is_number(value: object) -> TypeGuard[float]:
    """Whether `value` is a number that is neither boundless nor absurd."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return -_LARGEST <= value <= _LARGEST  # false for NaN


def _is_object(value: object) -> TypeGuard[Json]:
    return isinstance(value, dict)


def _malformed(directory: Path, key: str) -> ModelError:
    return ModelError(
        f"'{key}' in {directory / CONFIG_FILE} is missing or malformed: "
        "give a model directory in open_clip's format"
    )
