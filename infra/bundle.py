"""The model bundles that go into the images, as far as a deployment has to know them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from infra.context_values import ConfigError

REAL_BUNDLE, GPU_BUNDLE = "build/bundle", "build/bundle-gpu"
DEMO_BUNDLE = "models/demo"
ANY_PRECISION = "any"
PRECISIONS = (ANY_PRECISION, "fp32", "fp16", "int8")
_MANIFEST_NAME = "model.json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle in the repository.

    Attributes:
        directory: Relative to the repository, with ``/``; the images' build argument.
        checkpoint: Name of the weights.
        fingerprint: Identity of the embedding space.
        dimension: Length of the embeddings.
        precision: ``fp32``, ``fp16`` or ``int8``.
    """

    directory: str
    checkpoint: str
    fingerprint: str
    dimension: int
    precision: str

    @property
    def is_demo(self) -> bool:
        """Whether it is the demo's small model, which knows drawn pictures alone."""
        return self.directory == DEMO_BUNDLE

    @property
    def runs_on_gpu(self) -> bool:
        """Whether a job with a GPU takes it: ``photo_search.device`` says why not."""
        return self.precision != "int8"


def default_bundle(root: Path) -> str:
    """The exported bundle where there is one, the demo's otherwise; deploying that is refused."""
    return REAL_BUNDLE if _is_bundle(root, REAL_BUNDLE) else DEMO_BUNDLE


def default_gpu_bundle(root: Path, bundle: Bundle) -> str:
    """The one exported for GPUs where there is one, otherwise the deployment's own."""
    # The demo has none but its own, whatever else was exported.
    return GPU_BUNDLE if _is_bundle(root, GPU_BUNDLE) and not bundle.is_demo else bundle.directory


def gpu_export(directory: str, bundle: Bundle) -> str:
    """The command that exports another build of a bundle, one that GPUs run, in words."""
    return (
        f"make model PRECISION=fp16 OUT={directory}, with the MODEL and REVISION that made "
        f"{bundle.directory} ({bundle.checkpoint})"
    )


def read_bundle(
    root: Path, directory: str, precision: str = ANY_PRECISION, *, key: str = "bundle"
) -> Bundle:
    """Read what a bundle's manifest says.

    The images' own first start checks every file's sum; here it only has to be a bundle.

    Args:
        root: The repository.
        directory: Relative to it.
        precision: What the bundle must be.
        key: Of the configuration that names it.

    Raises:
        ConfigError: It lies elsewhere than in the repository, its manifest cannot be read, or it
            is of another precision.
    """
    path = (root / directory).resolve()
    if not path.is_relative_to(root.resolve()) or path == root.resolve():
        msg = f"{key} is {directory!r}; it must be a directory in {root}, the images' context"
        raise ConfigError(msg)
    manifest = path / _MANIFEST_NAME
    try:
        facts = json.loads(manifest.read_text("utf-8"))
        bundle = Bundle(
            path.relative_to(root.resolve()).as_posix(),
            checkpoint=str(facts["checkpoint"]),
            fingerprint=str(facts["fingerprint"]),
            dimension=int(facts["dimension"]),
            precision=str(facts["precision"]),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        msg = f"{key} is {directory!r} but {manifest} cannot be read ({_reason(error)})"
        raise ConfigError(msg) from error
    if precision not in (ANY_PRECISION, bundle.precision):
        msg = f"{key} is {directory!r}, of precision {bundle.precision}; precision is {precision!r}"
        raise ConfigError(msg)
    return bundle


def read_gpu_bundle(root: Path, directory: str, bundle: Bundle) -> Bundle:
    """Read the bundle for jobs with a GPU: another build of the deployment's own, or that itself.

    Raises:
        ConfigError: It cannot be read, or is of another embedding space.
    """
    gpu_bundle = read_bundle(root, directory, key="gpu_bundle")
    if gpu_bundle.fingerprint != bundle.fingerprint:
        msg = (
            f"gpu_bundle is {gpu_bundle.directory!r}, of fingerprint {gpu_bundle.fingerprint}, and "
            f"bundle {bundle.directory!r}, of {bundle.fingerprint}; photos and queries must share "
            f"one. Make it anew ({gpu_export(gpu_bundle.directory, bundle)}), name another, or "
            "give gpu=false"
        )
        raise ConfigError(msg)
    return gpu_bundle


def _is_bundle(root: Path, directory: str) -> bool:
    return (root / directory / _MANIFEST_NAME).is_file()


def _reason(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)
