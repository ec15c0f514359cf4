"""The model bundle that goes into the images, as far as a deployment has to know it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from infra.context_values import ConfigError

REAL_BUNDLE = "build/bundle"
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


def default_bundle(root: Path) -> str:
    """The exported bundle where there is one, the demo's otherwise; deploying that is refused."""
    return REAL_BUNDLE if (root / REAL_BUNDLE / _MANIFEST_NAME).is_file() else DEMO_BUNDLE


def read_bundle(root: Path, directory: str, precision: str = ANY_PRECISION) -> Bundle:
    """Read what a bundle's manifest says.

    The images' own first start checks every file's sum; here it only has to be a bundle.

    Args:
        root: The repository.
        directory: Relative to it.
        precision: What the bundle must be.

    Raises:
        ConfigError: It lies elsewhere than in the repository, its manifest cannot be read, or it
            is of another precision.
    """
    path = (root / directory).resolve()
    if not path.is_relative_to(root.resolve()) or path == root.resolve():
        msg = f"bundle is {directory!r}; it must be a directory in {root}, the images' context"
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
        msg = f"bundle is {directory!r} but {manifest} cannot be read ({_reason(error)})"
        raise ConfigError(msg) from error
    if precision not in (ANY_PRECISION, bundle.precision):
        msg = (
            f"bundle is {directory!r}, of precision {bundle.precision}; precision is {precision!r}"
        )
        raise ConfigError(msg)
    return bundle


def _reason(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)
