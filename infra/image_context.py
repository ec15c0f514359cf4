"""The build context of an image: the repository, cut down to what the image holds.

An asset's hash follows every file of its context, so that what is left in decides which edit
builds and deploys anew.
"""

from __future__ import annotations

from pathlib import Path

from infra.bundle import DEMO_BUNDLE, GPU_BUNDLE, REAL_BUNDLE, Bundle

ROOT = Path(__file__).resolve().parent.parent
"""The repository, which both images are built from."""


def context_patterns(dockerfile: str, bundle: Bundle) -> list[str]:
    """What of the repository stays out of an image's context, and what does not (``!``).

    Docker finds the ignore file by the Dockerfile's name, the CDK has to be told its lines; of the
    bundles that it lets in, only the one that the image is built with stays.

    Args:
        dockerfile: Relative to the repository.
        bundle: What the image is built with.
    """
    bundles = {f"!{directory}" for directory in (REAL_BUNDLE, GPU_BUNDLE, DEMO_BUNDLE)}
    lines = (ROOT / f"{dockerfile}.dockerignore").read_text("utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith("#") and line not in bundles]
    # The first line leaves everything out; what follows it is let in again, and last come caches.
    return [kept[0], f"!{bundle.directory}", *kept[1:]]
