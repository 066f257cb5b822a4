from __future__ import annotations

import os
import pickle
import zipfile

import pytest
import torch
from rsrefseg.errors import WeightsError
from rsrefseg.weights.checkpoint import read_checkpoint


class Hostile:
    """Unpickling it runs a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_hostile_pickle_is_refused_and_runs_nothing(tmp_path, zipped):
    witness, path = tmp_path / "witness", tmp_path / "hostile.pth"
    torch.save(
        {"state_dict": {"a": torch.zeros(1)}, "meta": Hostile(witness)},
        path,
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(WeightsError, match="refused"):
        read_checkpoint(path)
    assert not witness.exists()


def test_a_bare_hostile_pickle_is_refused(tmp_path):
    witness, path = tmp_path / "witness", tmp_path / "hostile.pth"
    path.write_bytes(pickle.dumps(Hostile(witness)))
    with pytest.raises(WeightsError):
        read_checkpoint(path)
    assert not witness.exists()


def test_tensors_are_mapped_not_read(tmp_path, monkeypatch):
    path, load, asked = tmp_path / "x.pth", torch.load, {}

    def watch(*arguments, **options):
        asked.update(options)
        return load(*arguments, **options)

    monkeypatch.setattr(torch, "load", watch)
    torch.save({"state_dict": {"a": torch.arange(6.0)}}, path)
    assert torch.equal(read_checkpoint(path)["a"], torch.arange(6.0))
    assert asked["mmap"]
    assert asked["weights_only"]


def test_a_bare_state_dict_and_the_old_format_are_read(tmp_path):
    path = tmp_path / "x.pth"
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    assert torch.equal(read_checkpoint(path)["a"], torch.ones(2))


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04 cut", b"\x80\x02}q\x00.", os.urandom(64)]
)
def test_noise_is_refused(tmp_path, content):
    path = tmp_path / "noise.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        read_checkpoint(path)


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "x.pth"
    torch.save({"state_dict": {"a": torch.zeros(10_000)}}, path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(WeightsError):
        read_checkpoint(path)


def test_another_zip_is_refused(tmp_path):
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no checkpoint")
    with pytest.raises(WeightsError, match="get it again"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [
        [torch.zeros(1)],
        {},
        {"state_dict": {}},
        {"state_dict": {"a": "text"}},
        {"state_dict": {1: torch.zeros(1)}},
        {"state_dict": {"a": torch.zeros(2).to_sparse()}},
        {"state_dict": {"a": torch.zeros(2, dtype=torch.complex64)}},
    ],
)
def test_what_is_no_state_dict_of_tensors_is_refused(tmp_path, content):
    path = tmp_path / "x.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError):
        read_checkpoint(path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(WeightsError, match="check the path"):
        read_checkpoint(tmp_path / "none.pth")
