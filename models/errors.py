"""What can go wrong when a bundle is made.

ModelsError
├── CheckpointError    the checkpoint cannot be read, or is of a kind that is not known
├── ParityError        an exported graph does not compute what torch computes
└── QuantisationError  an int8 graph strays too far from the float one
"""

from __future__ import annotations


class ModelsError(Exception):
    """Base of all errors raised by this package."""


class CheckpointError(ModelsError):
    """The checkpoint cannot be read, or is of a kind that is not known."""


class ParityError(ModelsError):
    """An exported graph does not compute what torch computes."""


class QuantisationError(ModelsError):
    """An int8 graph strays too far from the float one."""
