"""What can go wrong when a bundle is made.

ModelsError
├── CheckpointError        the checkpoint cannot be read, or is of a kind that is not known
├── CheckpointUnavailable  it cannot be downloaded now; worth retrying
├── LicenceNotAccepted     its licence is not known to allow every use, and nobody accepted it
├── ParityError            an exported graph does not compute what torch computes
└── QuantisationError      an int8 graph strays too far from the float one
"""

from __future__ import annotations


class ModelsError(Exception):
    """Base of all errors raised by this package."""


class CheckpointError(ModelsError):
    """The checkpoint cannot be read, or is of a kind that is not known."""


class CheckpointUnavailable(ModelsError):
    """The checkpoint cannot be downloaded now; another run may go better."""


class LicenceNotAccepted(ModelsError):
    """The licence is not known to allow every use, and nobody accepted it."""


class ParityError(ModelsError):
    """An exported graph does not compute what torch computes."""


class QuantisationError(ModelsError):
    """An int8 graph strays too far from the float one."""
