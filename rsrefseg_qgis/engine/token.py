"""The remote engine's token, encrypted in QGIS's authentication database.

QGIS asks for the database's master password when it is needed and not known, so nothing here is
asked as long as the engine runs on this machine.
"""

from __future__ import annotations

from typing import Any

from rsrefseg_qgis.errors import SettingError, tr
from rsrefseg_qgis.settings import Settings

KEY = "rsrefseg/engine_token"


def read_token(settings: Settings) -> str:
    """The token: from the environment or a plain setting first, else from the database.

    Raises:
        SettingError: the database has one and does not give it out.
    """
    plain = settings.engine_token.strip()
    if plain or not settings.engine_token_kept:
        return plain
    database = _open_database()
    token = str(database.authSetting(KEY, "", True) or "")
    if not token:
        raise SettingError(
            tr(
                "The token of the remote engine is no longer in QGIS's authentication database; "
                "enter it again in the plugin's settings."
            )
        )
    return token


def keep_token(settings: Settings, token: str) -> None:
    """Store a token in the database, and nowhere else; an empty one is forgotten. Main thread.

    Raises:
        SettingError: the database cannot be used; what was kept before stays.
    """
    token = token.strip()
    if token:
        database = _open_database()
        if not database.storeAuthSetting(KEY, token, True):
            raise SettingError(
                tr(
                    "QGIS's authentication database did not take the token; check it under "
                    "Options, Authentication."
                )
            )
    elif settings.engine_token_kept:
        _open_database().removeAuthSetting(KEY)
    settings.engine_token_kept = bool(token)
    settings.store().remove(Settings.engine_token.key)


def _open_database() -> Any:
    from qgis.core import QgsApplication

    database = QgsApplication.authManager()
    if database is None or database.isDisabled():
        raise SettingError(
            tr(
                "QGIS's authentication database is switched off, so that no token can be kept; "
                "set the environment variable RSREFSEG_ENGINE_TOKEN instead."
            )
        )
    if not database.setMasterPassword(True):
        raise SettingError(
            tr(
                "The token of the remote engine is locked; try again and give QGIS the master "
                "password of its authentication database."
            )
        )
    return database
