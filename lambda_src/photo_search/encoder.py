"""The encoder: with photo_search.device, the only importer of ONNX Runtime.

Text and image sessions load on first use and apart: a text query never pays for the image tower.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from photo_search.arrays import Float32Array, Int64Array
from photo_search.cpus import usable_cpus
from photo_search.errors import ModelError
from photo_search.huge_pages import huge_pages
from photo_search.model_bundle import ModelBundle
from photo_search.unit_norm import normalised

if TYPE_CHECKING:
    import onnxruntime as ort

    from photo_search.tokenizer import Tokenizer

# Half a megabyte at 512 dimensions. Who pages, filters or goes back asks with the same words.
CACHED_TEXTS = 256

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass(frozen=True, slots=True)
class TextEmbeddings:
    """``embedding`` is ``(B, D)``; ``truncated`` tells of each text whether its end was cut."""

    embedding: Float32Array
    truncated: tuple[bool, ...]


class Encoder:
    """Turns texts and prepared pictures into embeddings of the bundle's space. Safe in threads."""

    def __init__(
        self,
        bundle: ModelBundle,
        *,
        threads: int = 0,
        device: str = "cpu",
        device_reason: str = "",
        spins: bool = False,
        cached_texts: int = CACHED_TEXTS,
    ) -> None:
        """Prepare an encoder; no file is loaded yet.

        Args:
            bundle: The checked bundle.
            threads: Threads of one call; 0 means one per CPU this process may use.
            device: ``cpu`` or ``cuda``; see photo_search.device.
            device_reason: Why it was taken, where it was not asked for by name.
            spins: Whether a call's threads wait for each other awake, as long as it runs: quicker
                by a quarter where nothing else wants the CPUs, slower where something does.
            cached_texts: How many texts' embeddings are kept, of those that were asked alone.
        """
        self.bundle = bundle
        self.threads = threads or usable_cpus()
        self.device = device
        self.device_reason = device_reason
        self._spins = spins
        self._lock = threading.Lock()
        self._text: tuple[Tokenizer, ort.InferenceSession] | None = None
        self._image: ort.InferenceSession | None = None
        self._encode_one = lru_cache(cached_texts)(self._encode_texts)

    def with_threads(self, threads: int) -> Encoder:
        """The same with another number of threads; it loads towers of its own."""
        return Encoder(
            self.bundle, threads=threads, device=self.device, device_reason=self.device_reason
        )

    @property
    def loaded_towers(self) -> tuple[str, ...]:
        """Towers in memory now, of ``text`` and ``image``."""
        loaded = {"text": self._text, "image": self._image}
        return tuple(tower for tower, session in loaded.items() if session is not None)

    def warm_up(self, towers: Sequence[str]) -> None:
        """Load towers and run each once, so that the first query does not wait for it."""
        if "text" in towers:
            self.encode_text(["warm"])
        if "image" in towers:
            size = self.bundle.image.size
            self.encode_image(np.zeros((1, 3, size, size), dtype=np.float32))

    def encode_text(self, texts: Sequence[str]) -> TextEmbeddings:
        """Embed texts with the text tower; a text alone, as a query is, comes from the cache.

        Returns:
            ``(B, D)``, read-only, each row of L2 norm 1 within 1e-5; row order is input order.

        Raises:
            InvalidQuery: A text is empty after cleaning.
            ModelError: The tower cannot be loaded or run, or a row is NaN or has zero norm.
        """
        if not texts:
            return TextEmbeddings(np.empty((0, self.bundle.dimension), np.float32), ())
        return self._encode_one(texts[0]) if len(texts) == 1 else self._encode_texts(*texts)

    def _encode_texts(self, *texts: str) -> TextEmbeddings:
        with self._lock:
            if self._text is None:
                self._text = self._load_text()
        tokenizer, tower = self._text
        tokens = tokenizer.tokenize(texts)
        embedding = _run(tower, "token_ids", tokens.token_ids)  # (B, tower D)
        embedding = self._checked(embedding, len(texts))
        if self.bundle.post_transform is not None:
            embedding = self.bundle.post_transform.apply_to_texts(embedding)
        embedding.setflags(write=False)  # the cache gives the same array to many
        return TextEmbeddings(embedding, tokens.truncated)

    def encode_image(self, pixel_values: Float32Array) -> Float32Array:
        """Embed prepared pictures with the image tower.

        Args:
            pixel_values: ``(B, 3, H, W)``, RGB, normalised by the bundle's mean and std; H = W =
                image size.

        Returns:
            ``(B, D)``, each row of L2 norm 1 within 1e-5; row order is input order.

        Raises:
            ModelError: The tower cannot be loaded or run, or a row is NaN or has zero norm.
        """
        if not len(pixel_values):
            return np.empty((0, self.bundle.dimension), np.float32)
        with self._lock:
            if self._image is None:
                self._image = self._load("image")
        embedding = _run(self._image, "pixel_values", pixel_values)  # (B, tower D)
        embedding = self._checked(embedding, len(pixel_values))
        if self.bundle.post_transform is not None:
            embedding = self.bundle.post_transform.apply_to_images(embedding)
        return embedding

    def _load_text(self) -> tuple[Tokenizer, ort.InferenceSession]:
        from photo_search.tokenizer import Tokenizer

        with ThreadPoolExecutor(1) as pool:
            tokenizer = pool.submit(Tokenizer, self.bundle.tokenizer_path, self.bundle.text)
            tower = self._load("text")
        return tokenizer.result(), tower

    def _load(self, tower: str) -> ort.InferenceSession:
        """Load a tower; its files' sums are taken meanwhile, which is as long as the rest."""
        path = self.bundle.graph_path(tower, on_gpu=self.device == "cuda")
        with ThreadPoolExecutor(1) as pool:
            checked = pool.submit(self.bundle.check_tower, tower)
            try:
                return _load(path, threads=self.threads, device=self.device, spins=self._spins)
            finally:
                checked.result()  # an altered file is why whatever else failed

    def _checked(self, embedding: Float32Array, rows: int) -> Float32Array:
        expected = (rows, self.bundle.tower_dimension)
        if embedding.shape != expected:
            msg = f"the model gave shape {embedding.shape}, not {expected}"
            raise ModelError(msg)
        return normalised(embedding)


def _run(
    session: ort.InferenceSession, name: str, values: Int64Array | Float32Array
) -> Float32Array:
    try:
        (embedding,) = session.run(["embedding"], {name: values})
    # ONNX Runtime's exceptions have no class in common.
    except Exception as error:
        msg = f"the model cannot take {name} of shape {values.shape}: {error}"
        raise ModelError(msg) from error
    result: Float32Array = embedding
    return result


def _load(path: Path, *, threads: int, device: str, spins: bool) -> ort.InferenceSession:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spins)))
    # Between calls they would take the CPU from the search that follows.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # The exporter saved an optimised graph; doing it again only costs start-up time.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    provider = _PROVIDERS[device]
    if provider not in ort.get_available_providers():
        msg = f"the encoder is to run on {device}, and this ONNX Runtime has no {provider}"
        raise ModelError(msg)
    if device == "cuda":
        ort.preload_dlls()  # CUDA and cuDNN lie among the Python packages
    weights_bytes = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    try:
        # Twice, since fp16 becomes float32.
        with huge_pages(2 * weights_bytes):
            session = ort.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:
        msg = f"{path} cannot be loaded: {error}"
        raise ModelError(msg) from error
    # Where CUDA cannot be started, ONNX Runtime goes on without it and says so in its log alone.
    if provider not in session.get_providers():
        msg = f"{path} cannot be run on {device}: no such device answers, or its driver is too old"
        raise ModelError(msg)
    return session
