"""Which licences of weights let anyone use them, and which are to be accepted first."""

from __future__ import annotations

from models.errors import LicenceNotAccepted

_FREE = frozenset(
    {
        *("mit", "apache-2.0", "bsd", "bsd-2-clause", "bsd-3-clause", "isc", "unlicense"),
        *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cdla-permissive-2.0"),
    }
)
# Creative Commons' non-commercial ones, and Apple's for its research models (MobileCLIP, DFN).
_RESEARCH_ONLY = ("cc-by-nc", "apple-amlr", "apple-ml-research")


def require_licence(name: str, licence: str | None, *, accepted: bool) -> str:
    """Give the licence's name, for the manifest.

    Args:
        name: The checkpoint's.
        licence: As its card has it; None where it names none.
        accepted: Whether somebody has read it and said yes.

    Raises:
        LicenceNotAccepted: It does not let everybody use the weights, and nobody said yes.
    """
    known = (licence or "").lower()
    if known in _FREE or accepted:
        return licence or "unknown"
    if known.startswith(_RESEARCH_ONLY):
        what = f"is for research only, by its licence {licence}"
    elif licence:
        what = f"is under {licence}, which is not known to allow every use"
    else:
        what = "names no licence"
    message = f"{name} {what}; whoever may use it adds --accept-licence (ACCEPT_LICENCE=1)"
    raise LicenceNotAccepted(message)
