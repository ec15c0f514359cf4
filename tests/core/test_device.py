from __future__ import annotations

import dataclasses

import onnxruntime as ort
import pytest

from photo_search import device as device_module
from photo_search.device import Device, choose_device, cuda_problem, require_precision
from photo_search.errors import ModelError
from photo_search.model_bundle import read_model_bundle
from photo_search.search import open_encoder, open_photo_search
from photo_search.settings import Settings
from tests.tiny_bundle import write_tiny_bundle


def works() -> None:
    return None


def absent() -> str:
    return "no device answers"


@pytest.fixture
def bundle(tiny_bundle):
    return dataclasses.replace(tiny_bundle, precision="fp32")


@pytest.fixture
def int8(bundle):
    return dataclasses.replace(bundle, precision="int8")


def test_the_cpu_needs_no_look_at_anything_else(bundle):
    def looked():
        raise AssertionError

    assert choose_device("cpu", bundle, problem=looked) == Device("cpu")


def test_auto_takes_cuda_where_it_works_and_otherwise_the_cpu_and_says_why(bundle):
    assert choose_device("auto", bundle, problem=works) == Device("cuda", "it answers")
    assert choose_device("auto", bundle, problem=absent) == Device("cpu", "no device answers")


def test_cuda_that_is_asked_for_and_absent_is_an_error_that_says_why(bundle):
    assert choose_device("cuda", bundle, problem=works) == Device("cuda")
    with pytest.raises(ModelError, match="is to run on cuda, and no device answers"):
        choose_device("cuda", bundle, problem=absent)


def test_an_int8_bundle_goes_to_the_cpu_and_never_to_cuda(int8):
    chosen = choose_device("auto", int8, problem=works)

    assert chosen == Device("cpu", "an int8 bundle runs on CPUs alone")
    with pytest.raises(ModelError, match="int8 bundle runs on CPUs alone; export it in fp16 or fp"):
        choose_device("cuda", int8, problem=works)


def test_an_onnx_runtime_without_cuda_says_so():
    assert cuda_problem() == "this ONNX Runtime has no CUDAExecutionProvider"


def test_the_probe_is_a_graph_that_onnx_runtime_takes():
    session = ort.InferenceSession(device_module._PROBE, providers=["CPUExecutionProvider"])

    assert [value.name for value in session.get_inputs()] == ["x"]


def test_a_gpu_that_does_not_answer_is_told_from_one_that_does(monkeypatch):
    answering: list[str] = []

    class Session:
        def __init__(self, _graph, _options, *, providers):
            if answering == ["badly"]:
                msg = "CUDA failure 35: driver version is insufficient"
                raise RuntimeError(msg)
            self.providers = [*(providers if answering else []), "CPUExecutionProvider"]

        def get_providers(self):
            return self.providers

    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(ort, "InferenceSession", Session)

    assert cuda_problem() == "no device answers, or its driver is too old"
    answering[:] = ["badly"]
    assert cuda_problem() == "CUDA failure 35: driver version is insufficient"
    answering[:] = ["well"]
    assert cuda_problem() is None


def test_a_bundle_of_another_precision_than_asked_for_is_refused_by_name(tmp_path):
    directory = write_tiny_bundle(tmp_path / "model")
    precision = read_model_bundle(directory).precision
    asked = "int8" if precision == "fp32" else "fp32"
    settings = Settings(model_dir=directory, precision=asked)

    for opened in (open_encoder, open_photo_search):
        with pytest.raises(ModelError) as refusal:
            opened(settings)
        assert str(refusal.value) == (
            f"{directory} is a bundle of precision {precision}; {asked} is asked for"
        )


def test_a_bundle_of_the_precision_asked_for_is_taken_and_so_is_any(bundle):
    assert require_precision(bundle, "fp32") is bundle
    assert require_precision(bundle, "") is bundle


def test_the_encoder_of_the_settings_knows_its_device_and_why(tiny_bundle_dir):
    asked = Settings(model_dir=tiny_bundle_dir, encoder_device="auto")

    encoder = open_encoder(asked)

    assert (encoder.device, bool(encoder.device_reason)) == ("cpu", True)
    assert encoder.with_threads(3).threads == 3
    assert encoder.with_threads(3).device_reason == encoder.device_reason
