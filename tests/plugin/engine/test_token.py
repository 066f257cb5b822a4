from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qgis.core import QgsApplication

from rsrefseg_qgis.engine.manager import EngineConfig
from rsrefseg_qgis.engine.token import KEY, keep_token, read_token
from rsrefseg_qgis.errors import SettingError
from rsrefseg_qgis.settings import Settings

MASTER_PASSWORD = "only for these tests"


@pytest.fixture
def database(qgis_app: Any) -> Iterator[Any]:
    """QGIS's real authentication database, unlocked."""
    manager = QgsApplication.authManager()
    assert manager.setMasterPassword(MASTER_PASSWORD, not manager.masterPasswordHashInDatabase())
    yield manager
    manager.removeAuthSetting(KEY)


def test_kept_in_the_database_and_nowhere_else(settings: Settings, database: Any) -> None:
    settings.engine_token = "typed in plain once"
    keep_token(settings, " a secret\n")
    assert read_token(settings) == "a secret"
    assert "secret" not in str(settings.store())
    assert "plain" not in str(settings.store())
    assert "secret" not in str(database.authSetting(KEY, "", False))  # encrypted on the disk
    keep_token(settings, "")
    assert read_token(settings) == ""
    assert not database.existsAuthSetting(KEY)


def test_only_a_remote_engine_needs_it(
    settings: Settings, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_token(settings, "a secret")
    settings.engine_url = "https://server:8443"
    assert EngineConfig.from_settings(settings).token == "a secret"
    settings.engine_url = ""
    monkeypatch.setattr(QgsApplication, "authManager", None)  # nobody is asked for a password
    assert EngineConfig.from_settings(settings).token == ""


def test_the_environment_wins(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.engine_token_kept = True
    monkeypatch.setenv("RSREFSEG_ENGINE_TOKEN", "from outside")
    assert read_token(settings) == "from outside"


def test_gone_from_the_database_is_a_sentence(settings: Settings, database: Any) -> None:
    keep_token(settings, "a secret")
    database.removeAuthSetting(KEY)
    with pytest.raises(SettingError, match="enter it again"):
        read_token(settings)


def test_a_locked_database_is_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Locked:
        def isDisabled(self) -> bool:
            return False

        def setMasterPassword(self, verify: bool) -> bool:
            return False  # the user closed QGIS's question

    monkeypatch.setattr(QgsApplication, "authManager", Locked)
    settings.engine_token_kept = True
    with pytest.raises(SettingError, match="master password"):
        read_token(settings)
    with pytest.raises(SettingError, match="master password"):
        keep_token(settings, "new")


def test_a_switched_off_database_is_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disabled:
        def isDisabled(self) -> bool:
            return True

    monkeypatch.setattr(QgsApplication, "authManager", Disabled)
    with pytest.raises(SettingError, match="RSREFSEG_ENGINE_TOKEN"):
        keep_token(settings, "new")
    assert not settings.engine_token_kept
