from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsApplication
from qgis.gui import QgsFileWidget, QgsPasswordLineEdit
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QWidget

from rsrefseg_qgis.engine import token
from rsrefseg_qgis.gui.help import HelpWindow, close_help
from rsrefseg_qgis.gui.settings_page import SettingsPage
from rsrefseg_qgis.settings import Settings

MASTER_PASSWORD = "only for these tests"


@pytest.fixture
def page(window: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SettingsPage]:
    made = window.plugin.options_factory.createWidget(None)
    window.qtbot.addWidget(made)
    made.resize(640, 700)
    with window.qtbot.waitExposed(made):
        made.show()
    yield made


def child(page: SettingsPage, setting: Any, kind: type) -> Any:
    return page.findChild(kind, setting.key.replace("/", "_"))


def test_shows_what_is_stored_and_stores_what_is_chosen(window: Any, page: SettingsPage) -> None:
    settings = window.plugin.settings
    device = child(page, Settings.device, QComboBox)
    assert device.currentData() == "auto"
    device.setCurrentIndex(device.findData("cpu"))
    child(page, Settings.precision, QComboBox).setCurrentIndex(2)
    child(page, Settings.cache_mb, QWidget).setValue(512)
    child(page, Settings.disk_cache_mb, QWidget).setValue(0)
    child(page, Settings.encode_while_typing, QAbstractButton).setChecked(False)
    child(page, Settings.result_style, QgsFileWidget).setFilePath("/styles/own.qml")
    assert settings.device == "auto"  # nothing is stored before Apply
    page.apply()
    assert settings.device == "cpu"
    assert settings.precision == "bf16"
    assert (settings.cache_mb, settings.disk_cache_mb) == (512, 0)
    assert settings.encode_while_typing is False
    assert settings.result_style == "/styles/own.qml"


def test_nothing_changed_stores_nothing(
    window: Any, page: SettingsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(window.plugin.settings.store())
    page.apply()
    assert dict(window.plugin.settings.store()) == before


def test_the_token_goes_into_the_authentication_database(window: Any, page: SettingsPage) -> None:
    database = QgsApplication.authManager()
    assert database.setMasterPassword(MASTER_PASSWORD, not database.masterPasswordHashInDatabase())
    try:
        assert isinstance(page.token_edit, QgsPasswordLineEdit)
        assert page.token_edit.echoMode() == QLineEdit.EchoMode.Password
        window.qtbot.keyClicks(page.token_edit, "s3cret")
        page.apply()
        assert "s3cret" not in str(window.plugin.settings.store())
        assert token.read_token(window.plugin.settings) == "s3cret"
        again = window.plugin.options_factory.createWidget(None)
        window.qtbot.addWidget(again)
        assert again.token_edit.text() == ""  # not read back, and not lost by Apply
        again.apply()
        assert token.read_token(window.plugin.settings) == "s3cret"
    finally:
        database.removeAuthSetting(token.KEY)


@pytest.mark.parametrize(
    ("url", "fingerprint", "says"),
    [
        ("server", "", "is no address of an engine"),
        ("https://server:8443", "12:34", "is no SHA-256 fingerprint"),
    ],
)
def test_what_cannot_be_is_said_while_it_is_typed(
    page: SettingsPage, url: str, fingerprint: str, says: str
) -> None:
    assert page.remote_label.text() == ""
    page.url_edit.setText(url)
    page.fingerprint_edit.setText(fingerprint)
    assert page.remote_label.isVisible()
    assert says in page.remote_label.text()
    page.url_edit.clear()
    page.fingerprint_edit.clear()
    assert page.remote_label.text() == ""


def test_what_cannot_be_stored_is_said(window: Any, page: SettingsPage, monkeypatch: Any) -> None:
    monkeypatch.setattr(QgsApplication, "authManager", lambda: None)
    window.qtbot.keyClicks(page.token_edit, "s3cret")
    page.apply()
    assert "RSREFSEG_ENGINE_TOKEN" in page.problem_label.text()
    assert "RSREFSEG_ENGINE_TOKEN" in window.messages[0]
    assert not window.plugin.settings.engine_token_kept


def test_connection_test_says_what_is_wrong(window: Any, page: SettingsPage) -> None:
    assert not page.test_button.isEnabled()
    page.url_edit.setText("http://127.0.0.1:9")
    page.test_button.click()
    window.qtbot.waitUntil(lambda: "Nothing answers" in page.remote_label.text(), timeout=20000)
    assert page.test_button.isEnabled()
    assert window.plugin.settings.engine_url == ""  # only tried


def test_connection_test_with_an_engine(window: Any, page: SettingsPage, scene: Path) -> None:
    client = window.plugin.manager.ensure()  # stands in for one elsewhere
    page.url_edit.setText(client.base_url)
    page.token_edit.setText(window.plugin.manager._process.token)
    page.token_edit.setModified(True)
    page.test_button.click()
    window.qtbot.waitUntil(lambda: "answers" in page.remote_label.text(), timeout=20000)
    assert "model fake" in page.remote_label.text()


def test_closed_in_the_middle_of_a_test(window: Any) -> None:
    page = window.plugin.options_factory.createWidget(None)
    page.url_edit.setText("http://127.0.0.1:9")
    page.test_button.click()
    page.close()
    page.deleteLater()
    window.qtbot.wait(1000)  # an outcome for a page that is gone: no error in the event loop


def test_install_button_opens_the_page(window: Any, page: SettingsPage) -> None:
    page.install_button.click()
    assert window.plugin.install_page.isVisible()


def test_every_control_has_a_name_and_a_tooltip_and_can_be_reached_by_keyboard(
    page: SettingsPage,
) -> None:
    controls = [widget for _, widget in page._form._rows]
    controls += [page.token_edit, page.test_button, page.install_button]
    assert len(controls) > 12
    for widget in controls:
        assert widget.toolTip(), widget.objectName()
        named = widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text())
        assert named, widget.objectName()
        focus = widget.lineEdit() if isinstance(widget, QgsFileWidget) else widget
        assert focus.focusPolicy() & Qt.FocusPolicy.TabFocus, widget.objectName()


def test_privacy_is_stated(page: SettingsPage) -> None:
    assert page.privacy_label.isVisible()
    assert "no raster, no phrase" in page.privacy_label.text()


def test_f1_opens_the_guide_at_the_settings(window: Any, page: SettingsPage) -> None:
    page.url_edit.setFocus()
    window.qtbot.keyClick(page.url_edit, Qt.Key.Key_F1)
    guide = HelpWindow.current
    assert guide is not None
    assert guide.isVisible()
    assert "ettings" in guide.view.textCursor().block().text()
    close_help()
    window.qtbot.waitUntil(lambda: HelpWindow.current is None)
