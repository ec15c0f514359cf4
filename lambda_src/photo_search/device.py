"""In which precision and on which device a bundle runs: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from photo_search.errors import ModelError
from photo_search.model_bundle import ModelBundle

_CUDA = "CUDAExecutionProvider"
_SILENT = 4  # fatal: github.com/microsoft/onnxruntime, include/onnxruntime/core/common/logging
# ONNX of IR version 8 and opset 13: y = Identity(x), float32 of length 1.
_PROBE = (
    b'\x08\x08:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01'
    b"\x12\x04\n\x02\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)


@dataclass(frozen=True, slots=True)
class Device:
    """What runs the towers.

    Attributes:
        name: ``cpu`` or ``cuda``.
        reason: Why it was taken; empty where it was asked for by name.
    """

    name: str
    reason: str = ""


def cuda_problem() -> str | None:
    """Why CUDA cannot be used in this process; None where a device answers."""
    import onnxruntime as ort

    if _CUDA not in ort.get_available_providers():
        return f"this ONNX Runtime has no {_CUDA}"
    ort.preload_dlls()  # CUDA and cuDNN lie among the Python packages
    options = ort.SessionOptions()
    options.log_severity_level = _SILENT  # what is wrong is said by whoever asks
    try:
        session = ort.InferenceSession(_PROBE, options, providers=[_CUDA])
    # ONNX Runtime's exceptions have no class in common.
    except Exception as error:  # noqa: BLE001
        return str(error)
    # Where CUDA cannot be started, ONNX Runtime goes on without it.
    if _CUDA not in session.get_providers():
        return "no device answers, or its driver is too old"
    return None


def require_precision(bundle: ModelBundle, asked: str) -> ModelBundle:
    """Give a bundle back that is of the precision that was asked for; empty takes any.

    Raises:
        ModelError: It is of another one.
    """
    if asked not in ("", bundle.precision):
        msg = (
            f"{bundle.directory} is a bundle of precision {bundle.precision}; {asked} is asked for"
        )
        raise ModelError(msg)
    return bundle


def choose_device(
    asked: str, bundle: ModelBundle, *, problem: Callable[[], str | None] = cuda_problem
) -> Device:
    """Decide what runs a bundle's towers.

    Args:
        asked: ``cpu``, ``cuda``, or ``auto``: CUDA where it can run them, otherwise the CPU.
        bundle: Has the towers.
        problem: Tells why CUDA cannot be used.

    Raises:
        ModelError: CUDA is asked for and cannot run them.
    """
    if asked == "cpu":
        return Device("cpu")
    # Its products of 8-bit numbers (DynamicQuantizeMatMul and the like) have kernels for CPUs
    # alone; ONNX Runtime would run them there, and copy to and fro, without a word.
    against = "an int8 bundle runs on CPUs alone" if bundle.precision == "int8" else problem()
    if asked == "auto":
        return Device("cuda", "it answers") if against is None else Device("cpu", against)
    if against is not None:
        remedy = "; export it in fp16 or fp32" if bundle.precision == "int8" else ""
        msg = f"{bundle.directory} is to run on cuda, and {against}{remedy}"
        raise ModelError(msg)
    return Device("cuda")
