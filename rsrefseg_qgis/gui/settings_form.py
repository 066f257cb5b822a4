"""The settings page's controls: each belongs to a row of the table of settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qgis.gui import QgsFileWidget, QgsFilterLineEdit, QgsSpinBox
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QFormLayout, QSizePolicy, QWidget

from rsrefseg_qgis.errors import SettingError
from rsrefseg_qgis.settings import Setting, Settings


class SettingsForm:
    """Makes a control for a setting, fills it, and stores what it says.

    Args:
        settings: what the controls show first.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rows: list[tuple[Setting[Any], QWidget]] = []

    def text(self, setting: Setting[str], name: str, tip: str, hint: str = "") -> QgsFilterLineEdit:
        """A line of text."""
        edit = QgsFilterLineEdit()
        edit.setPlaceholderText(hint)
        edit.setText(setting.__get__(self._settings, Settings))
        self._add(setting, edit, name, tip)
        return edit

    def path(
        self, setting: Setting[str], name: str, tip: str, hint: str, kind: str = ""
    ) -> QgsFileWidget:
        """A folder, or with a filter such as ``QML (*.qml)`` a file."""
        edit = QgsFileWidget()
        edit.setStorageMode(
            QgsFileWidget.StorageMode.GetFile if kind else QgsFileWidget.StorageMode.GetDirectory
        )
        edit.setFilter(kind)
        edit.lineEdit().setPlaceholderText(hint)
        edit.lineEdit().setAccessibleName(name)
        edit.setFilePath(setting.__get__(self._settings, Settings))
        self._add(setting, edit, name, tip)
        return edit

    def choice(
        self, setting: Setting[str], name: str, tip: str, choices: Sequence[tuple[str, str]]
    ) -> QComboBox:
        """One of several values; ``choices`` are value and text."""
        combo = QComboBox()
        for value, text in choices:
            combo.addItem(text, value)
        combo.setCurrentIndex(combo.findData(setting.__get__(self._settings, Settings)))
        combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._add(setting, combo, name, tip)
        return combo

    def megabytes(self, setting: Setting[int], name: str, tip: str, zero: str) -> QgsSpinBox:
        """A number of megabytes; ``zero`` says what 0 means."""
        spin = QgsSpinBox()
        spin.setRange(0, int(setting.high))
        spin.setSingleStep(256)
        spin.setSuffix(" MB")
        spin.setSpecialValueText(zero)
        spin.setClearValue(setting.default, zero if not setting.default else "")
        spin.setValue(setting.__get__(self._settings, Settings))
        self._add(setting, spin, name, tip)
        return spin

    def check(self, setting: Setting[bool], name: str, tip: str) -> QCheckBox:
        """Yes or no; the name stands beside the box."""
        box = QCheckBox(name)
        box.setChecked(setting.__get__(self._settings, Settings))
        self._add(setting, box, name, tip)
        return box

    def write(self, settings: Settings) -> list[str]:
        """Store all values that make sense; give the sentences on the others."""
        refused = []
        for setting, widget in self._rows:
            value = _value(widget)
            if value == setting.__get__(settings, Settings):
                continue  # what an environment variable gives, too, is not written down
            try:
                setting.__set__(settings, value)
            except SettingError as error:
                refused.append(str(error))
        return refused

    def _add(self, setting: Setting[Any], widget: QWidget, name: str, tip: str) -> None:
        widget.setObjectName(setting.key.replace("/", "_"))
        widget.setAccessibleName(name)
        widget.setToolTip(tip)
        self._rows.append((setting, widget))


def _value(widget: QWidget) -> Any:
    if isinstance(widget, QComboBox):
        return widget.currentData()
    if isinstance(widget, QCheckBox):
        return widget.isChecked()
    if isinstance(widget, QgsSpinBox):
        return widget.value()
    if isinstance(widget, QgsFileWidget):
        return widget.filePath().strip()
    return widget.text().strip()


def form_layout() -> QFormLayout:
    """Labels beside fields, fields as wide as there is room; below each other in a small window."""
    form = QFormLayout()
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    form.setHorizontalSpacing(12)
    form.setVerticalSpacing(8)
    return form
