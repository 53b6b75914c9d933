"""One exported tower, compiled for this processor."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from mmsearch.errors import ModelError
from mmsearch.runtime.measured_pass import MeasuredPass
from mmsearch.runtime.quiet import import_openvino

if TYPE_CHECKING:
    import openvino

Inputs: TypeAlias = tuple[NDArray[np.generic], ...]
Outputs: TypeAlias = tuple[NDArray[np.float32], ...]

_CPU = "CPU"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """How a tower runs: `parallel` batches at a time share `threads` (None = all cores)."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int | None = None
    parallel: int = 1


class CompiledTower:
    """A tower ready to run; several batches are under way at once. Thread-safe.

    `blob` is the memory that a tower from the cache has its weights in, None for one just compiled.
    """

    def __init__(
        self,
        compiled: openvino.CompiledModel,
        parallel: int,
        notes: Path | None = None,
        blob: openvino.Tensor | None = None,
    ) -> None:
        """Take `notes`, a file for what is learnt of this very compilation."""
        self.pictures_a_pass = MeasuredPass(notes, parallel)
        self._requests = [compiled.create_infer_request() for _ in range(parallel)]
        self._lock = threading.Lock()
        self._blob = blob  # OpenVINO reads it and does not keep it; it goes after the requests

    def run(self, batches: Sequence[NDArray[np.generic]]) -> list[NDArray[np.float32]]:
        """The output `(n, d)` float32 of each batch, in order; not normalised."""
        return [first for first, *_ in self.run_all((batch,) for batch in batches)]

    def run_all(self, batches: Iterable[Inputs]) -> list[Outputs]:
        """All outputs of each batch of one array an input, in order.

        A batch is made when there is a place to run it, so that few lie in memory at once.
        """
        outputs: list[Outputs] = []
        waiting: deque[openvino.InferRequest] = deque()
        with self._lock:
            try:
                for number, inputs in enumerate(batches):
                    if len(waiting) == len(self._requests):
                        outputs.append(_finished(waiting.popleft()))
                    request = self._requests[number % len(self._requests)]
                    arrays = dict(enumerate(map(np.ascontiguousarray, inputs)))
                    request.start_async(arrays)
                    waiting.append(request)
                outputs += [_finished(waiting.popleft()) for _ in range(len(waiting))]
            finally:
                for request in waiting:  # a batch could not be made: leave none running
                    request.wait()
        return outputs


def _finished(request: openvino.InferRequest) -> Outputs:
    """Copies of what `request` gives, once it is done."""
    request.wait()
    return tuple(np.array(tensor.data) for tensor in request.output_tensors)


def available_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compile_tower(file: Path, options: CompileOptions) -> CompiledTower:
    """The tower in `file`, compiled for this processor, from a cached compilation where it can.

    Raises:
        ModelError: OpenVINO cannot read or compile it.
    """
    core = import_openvino().Core()
    try:
        settings = _settings(core, options)
        blob = _blob(core, file, settings)
        found = _from_cache(core, blob, settings)
        notes = blob.with_suffix(".json")
        if found is not None:
            return CompiledTower(found[0], options.parallel, notes, found[1])
        return CompiledTower(_compile(core, file, blob, settings), options.parallel, notes)
    except RuntimeError as exc:
        line = " ".join(str(exc).split())[:300]
        raise ModelError(
            f"export {file} cannot be compiled ({line}): remove {file.parent} and run again"
        ) from exc


def _settings(core: openvino.Core, options: CompileOptions) -> dict[str, str]:
    """OpenVINO properties for `options`."""
    capable = "BF16" in core.get_property(_CPU, "OPTIMIZATION_CAPABILITIES")
    if options.precision == "bf16" and not capable:
        logger.warning("this processor has no bf16 arithmetic: computing in fp32")
    half = capable and options.precision != "fp32"
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
        "NUM_STREAMS": str(options.parallel),
    }
    if options.threads is not None:
        settings["INFERENCE_NUM_THREADS"] = str(options.threads)
    return settings


def _blob(core: openvino.Core, file: Path, settings: dict[str, str]) -> Path:
    """Where the compilation of `file` for this processor and these settings is kept."""
    version = import_openvino().__version__
    processor = core.get_property(_CPU, "FULL_DEVICE_NAME")
    capabilities = core.get_property(_CPU, "OPTIMIZATION_CAPABILITIES")
    key = repr((version, processor, sorted(capabilities), sorted(settings.items())))
    return file.with_name(f"{file.stem}-{blake3(key.encode()).hexdigest()[:16]}.blob")


def _from_cache(
    core: openvino.Core, blob: Path, settings: dict[str, str]
) -> tuple[openvino.CompiledModel, openvino.Tensor] | None:
    """The kept compilation and the memory it lies in; None where there is none that loads."""
    if not blob.is_file():
        return None
    try:
        pages = _mapped(blob)
        return core.import_model(pages, _CPU, settings), pages
    except (RuntimeError, OSError, ValueError) as exc:
        logger.warning("compilation %s is damaged (%s): made anew", blob, exc)
        blob.unlink(missing_ok=True)
        return None


def _mapped(blob: Path) -> openvino.Tensor:
    """A file's bytes, not read but mapped: a third less time until the tower is there.

    Files of the cache are replaced, never written to, so that a mapped one stays what it was.
    """
    pages = np.memmap(blob, np.uint8, mode="c")
    return import_openvino().Tensor(pages, shared_memory=True)


def _compile(
    core: openvino.Core, file: Path, blob: Path, settings: dict[str, str]
) -> openvino.CompiledModel:
    """Compile `file` and keep the result; a cache that cannot be written costs time, no more."""
    compiled = core.compile_model(str(file), _CPU, settings)
    try:
        descriptor, name = tempfile.mkstemp(prefix=".blob-", dir=blob.parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(compiled.export_model().getbuffer())
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(blob)
    except OSError as exc:
        logger.warning("compilation %s cannot be kept: %s", blob, exc)
    return compiled
