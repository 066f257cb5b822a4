from __future__ import annotations

import pytest
import torch
from rsrefseg.errors import DeviceError
from rsrefseg.predict import device as devices


def test_auto_finds_a_device_and_says_why():
    kind, why = devices.choose_device("auto")
    assert kind in ("cpu", "cuda", "mps")
    assert why.endswith(".")
    assert devices.describe(kind, why, "fp32").name


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there_is_refused_with_the_reason():
    with pytest.raises(DeviceError, match="Choose auto or cpu"):
        devices.choose_device("cuda")


def test_words_that_name_no_device_or_precision_are_refused():
    with pytest.raises(DeviceError, match="auto, cpu, cuda, mps"):
        devices.choose_device("tpu")
    with pytest.raises(DeviceError, match="auto, fp32, bf16, fp16"):
        devices.candidate_precisions("cpu", "int4")
    with pytest.raises(DeviceError, match="fp16"):
        devices.candidate_precisions("cpu", "fp16")


def test_half_precision_is_tried_on_cpus_that_compute_in_it(monkeypatch):
    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: True)
    assert devices.candidate_precisions("cpu", "auto") == ["fp32", "bf16"]
    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: False)
    assert devices.candidate_precisions("cpu", "auto") == ["fp32"]
    assert devices.candidate_precisions("cpu", "bf16") == ["bf16"]
    assert devices.candidate_precisions("mps", "auto") == ["fp16"]
