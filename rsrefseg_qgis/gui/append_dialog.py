"""Asks for the layer that results are added to, and which field goes where."""

from __future__ import annotations

from qgis.core import QgsFields, QgsMapLayerProxyModel, QgsProject, QgsVectorLayer
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.layers.append import guess_mapping, takes_polygons
from rsrefseg_qgis.layers.result import record_of

from .panel_scroll import VerticalScroll


class AppendDialog(QDialog):
    """A polygon layer, and for each of its fields what is put into it.

    Args:
        fields: of the results.
        count: how many polygons are to be added.
        excluded: layers that cannot be chosen: the results themselves.
        parent: the window to ask in.
    """

    def __init__(
        self,
        fields: QgsFields,
        count: int,
        excluded: list[QgsVectorLayer],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("rsrefsegAppendDialog")
        self.setWindowTitle(tr("Add to layer"))
        self._fields = fields
        self.combos: dict[str, QComboBox] = {}
        self.layer_combo = QgsMapLayerComboBox()
        self.layer_combo.setObjectName("appendLayerCombo")
        self.layer_combo.setFilters(QgsMapLayerProxyModel.Filter.PolygonLayer)
        self.layer_combo.setExceptedLayerList([*excluded, *_unfit()])
        self.layer_combo.setAccessibleName(tr("Layer to add to"))
        self.layer_combo.setToolTip(tr("A polygon layer that can be edited"))
        self._hint = QLabel()
        self._hint.setWordWrap(True)
        self._body = QWidget()
        self._form = QFormLayout(self._body)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.ok_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok_button.setText(tr("Add {count} polygons").format(count=count))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        top = QFormLayout()
        top.addRow(tr("Layer"), self.layer_combo)
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self._hint)
        column.addWidget(VerticalScroll(self._body), 1)
        column.addWidget(buttons)
        self.resize(420, 420)
        self.layer_combo.layerChanged.connect(self._show_fields)
        self._show_fields()

    @property
    def layer(self) -> QgsVectorLayer | None:
        """The chosen layer."""
        return self.layer_combo.currentLayer()

    @property
    def mapping(self) -> dict[str, str]:
        """Field of the layer -> field of the results, without those that stay empty."""
        return {
            name: combo.currentData() for name, combo in self.combos.items() if combo.currentData()
        }

    def _show_fields(self, *ignored: object) -> None:
        self.combos = {}
        while self._form.rowCount():
            self._form.removeRow(0)
        layer = self.layer
        self.ok_button.setEnabled(layer is not None)
        if layer is None:
            self._hint.setText(
                tr("There is no polygon layer that can be edited; add or create one first.")
            )
            return
        self._hint.setText(
            tr("What goes into each field. The edits can be undone until you save them.")
        )
        mapping = guess_mapping(self._fields, layer.fields())
        keys = {layer.fields().at(index).name() for index in layer.primaryKeyAttributes()}
        for name in layer.fields().names():
            if name in keys:
                continue
            combo = QComboBox()
            combo.setAccessibleName(name)
            combo.setToolTip(tr("What is put into the field “{name}”").format(name=name))
            combo.addItem(tr("(leave empty)"), "")
            for field in self._fields.names():
                combo.addItem(field, field)
            combo.setCurrentIndex(max(0, combo.findData(mapping.get(name, ""))))
            self.combos[name] = combo
            self._form.addRow(name, combo)


def _unfit() -> list[QgsVectorLayer]:
    return [
        layer
        for layer in QgsProject.instance().mapLayers().values()
        if isinstance(layer, QgsVectorLayer)
        and (not takes_polygons(layer) or record_of(layer) is not None)
    ]
