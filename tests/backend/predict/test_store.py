from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from rsrefseg.errors import InputError, OutputError
from rsrefseg.predict.store import FileStore, MemoryStore, WindowAnswer, pack, unpack


def answer(seed=0, phrases=3, holes=True):
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, (phrases, 20, 31), dtype=np.uint8)
    valid = rng.random((20, 31)) < 0.7 if holes else None
    return WindowAnswer((20, 31), levels, valid, (0.25, None, 1.0)[:phrases])


def same(one, other):
    return (one is None and other is None) or np.array_equal(one, other)


@pytest.mark.parametrize("holes", [True, False])
def test_answers_come_back_phrase_by_phrase(holes):
    given = answer(holes=holes)
    payload = pack(given)
    for phrase in range(3):
        back = unpack(payload, phrase)
        assert same(back.levels, given.levels[phrase])
        assert same(back.valid, given.valid)
        assert back.presence == given.presence[phrase]


def test_windows_without_data_take_hardly_any_room():
    payload = pack(WindowAnswer((256, 256), None, None, (None, None)))
    assert len(payload) < 64
    back = unpack(payload, 1)
    assert (back.levels, back.valid, back.presence) == (None, None, None)


def test_empty_maps_are_small():
    empty = WindowAnswer((256, 256), np.zeros((1, 256, 256), np.uint8), None, (0.1,))
    assert len(pack(empty)) < 500


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_stores_know_what_they_have(kind, tmp_path):
    with (
        nullcontext(MemoryStore()) if kind == "memory" else FileStore(tmp_path / "windows") as store
    ):
        for index in (7, 3, 100_000):
            store.put(index, answer(index))
        assert 3 in store
        assert 4 not in store
        for index in (100_000, 7, 3):
            assert same(store.get(index, 2).levels, answer(index).levels[2])


def test_a_file_is_opened_again_with_all_that_was_in_it(tmp_path):
    path = tmp_path / "windows"
    with FileStore(path) as store:
        store.put(1, answer(1))
    with FileStore(path) as store:
        store.put(2, answer(2))
    with FileStore(path) as store:
        assert len(store) == 2
        assert same(store.get(1, 0).levels, answer(1).levels[0])
        assert same(store.get(2, 0).levels, answer(2).levels[0])


def test_a_record_cut_off_anywhere_is_as_if_it_had_never_been(tmp_path):
    path = tmp_path / "windows"
    with FileStore(path) as store:
        store.put(1, answer(1))
        whole = path.stat().st_size
        store.put(2, answer(2))
    data = path.read_bytes()
    for size in (*range(whole, whole + 30), len(data) // 2 + whole // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with FileStore(path) as store:
            assert 1 in store
            assert 2 not in store
            store.put(2, answer(2))
        assert path.read_bytes() == data
    path.write_bytes(data[: whole + 25] + b"\xff" + data[whole + 26 :])
    with FileStore(path) as store:
        assert 2 not in store


def test_even_the_beginning_may_be_cut(tmp_path):
    path = tmp_path / "windows"
    path.write_bytes(b"RSR")
    with FileStore(path) as store:
        store.put(1, answer(1))
    with FileStore(path) as store:
        assert 1 in store


def test_another_file_is_not_overwritten(tmp_path):
    path = tmp_path / "windows"
    path.write_text("something else entirely")
    with pytest.raises(InputError):
        FileStore(path)
    assert path.read_text() == "something else entirely"


def test_a_full_disk_gets_a_sentence(tmp_path, monkeypatch):
    with FileStore(tmp_path / "windows") as store:
        full = open("/dev/full", "r+b", buffering=0)  # noqa: PTH123, SIM115
        store._file.close()
        monkeypatch.setattr(store, "_file", full)
        with pytest.raises(OutputError, match="disk"):
            store.put(1, answer())
        assert 1 not in store


def test_a_folder_that_is_not_there_gets_a_sentence(tmp_path):
    with pytest.raises(OutputError, match="folder"):
        FileStore(tmp_path / "absent" / "windows")
