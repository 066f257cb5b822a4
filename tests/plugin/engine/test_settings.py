from __future__ import annotations

import pytest

from rsrefseg_qgis.errors import SettingError
from rsrefseg_qgis.settings import Settings


def test_default_then_stored_then_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.device == "auto"
    settings.device = "cpu"
    assert settings.device == "cpu"
    monkeypatch.setenv("RSREFSEG_DEVICE", "cuda")
    assert settings.device == "cuda"


def test_types_survive_a_store_of_strings(settings: Settings) -> None:
    settings.threshold = 0.25
    assert settings.threshold == 0.25
    assert isinstance(settings.threshold, float)


@pytest.mark.parametrize("bad", [-0.1, 1.5, float("nan"), "much"])
def test_refuses_what_makes_no_sense(settings: Settings, bad: float) -> None:
    with pytest.raises(SettingError, match=r"0 … 1"):
        settings.threshold = bad


def test_refuses_an_unknown_choice(settings: Settings) -> None:
    with pytest.raises(SettingError, match="allowed: auto, cpu, cuda, mps"):
        settings.device = "tpu"


def test_a_broken_profile_gives_the_default(settings: Settings) -> None:
    settings.store().setValue(Settings.device.key, "tpu")
    assert settings.device == "auto"


def test_reset(settings: Settings) -> None:
    settings.min_area_m2 = 5.0
    settings.reset()
    assert settings.min_area_m2 == 0.0


def test_every_row_is_documented_and_named_once() -> None:
    rows = list(Settings.table())
    assert len({row.key for row in rows}) == len(rows) > 10
    assert all(row.doc.endswith(".") for row in rows)
