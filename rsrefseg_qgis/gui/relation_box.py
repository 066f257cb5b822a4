"""“Only features that are left of this layer”: a relation, a layer and a distance."""

from __future__ import annotations

from qgis.core import QgsMapLayerProxyModel, QgsProject, QgsVectorLayer
from qgis.gui import QgsDoubleSpinBox, QgsMapLayerComboBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QSizePolicy, QWidget

from rsrefseg_qgis.errors import LayerError, tr
from rsrefseg_qgis.layers.relations import (
    DEFAULT_DISTANCE_M,
    Relation,
    RelationRule,
    relation_name,
    take_rule,
)

from .request import AskedRelation


class RelationBox(QWidget):
    """Chooses how polygons must lie to a vector layer; off by default.

    Args:
        parent: the widget around it.
    """

    changed = pyqtSignal()
    """Another relation holds from now on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.combo = QComboBox()
        self.combo.setObjectName("relationCombo")
        self.combo.setAccessibleName(tr("Relation"))
        self.combo.setToolTip(
            tr(
                "Keep only what lies so to the nearest feature of a layer of yours; left is west "
                "and above is north"
            )
        )
        self.combo.addItem(tr("Anywhere"), "")
        for relation in Relation:
            self.combo.addItem(relation_name(relation), relation.value)
        self.layer_combo = QgsMapLayerComboBox()
        self.layer_combo.setObjectName("relationLayerCombo")
        self.layer_combo.setFilters(QgsMapLayerProxyModel.Filter.HasGeometry)
        self.layer_combo.setAllowEmptyLayer(True)
        self.layer_combo.setLayer(None)
        self.layer_combo.setAccessibleName(tr("Layer of the relation"))
        self.layer_combo.setToolTip(tr("The vector layer that polygons are compared with"))
        self.distance = QgsDoubleSpinBox()
        self.distance.setObjectName("relationDistance")
        self.distance.setAccessibleName(tr("Distance"))
        self.distance.setToolTip(tr("How far at most, measured on the ground"))
        self.distance.setRange(0.0, 1e6)
        self.distance.setDecimals(1)
        self.distance.setSuffix(" m")
        self.distance.setValue(DEFAULT_DISTANCE_M)
        self.distance.setClearValue(DEFAULT_DISTANCE_M)
        self.distance.setKeyboardTracking(False)
        for combo in (self.combo, self.layer_combo):
            combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            combo.setMinimumContentsLength(6)
        row = QHBoxLayout()
        row.addWidget(self.combo, 1)
        row.addWidget(self.distance)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(6)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.addRow(tr("Only"), row)
        self._form.addRow(tr("Layer"), self.layer_combo)
        self._show_parts()
        self.combo.currentIndexChanged.connect(self._on_change)
        self.layer_combo.layerChanged.connect(self._on_change)
        self.distance.valueChanged.connect(self._on_change)

    def asked(self) -> AskedRelation | None:
        """What is chosen; None when polygons may lie anywhere.

        Raises:
            LayerError: a relation is chosen and no layer.
        """
        value = self.combo.currentData()
        if not value:
            return None
        layer = self.layer_combo.currentLayer()
        if layer is None:
            raise LayerError(
                tr("Choose the layer that “{relation}” is about, or choose “Anywhere”.").format(
                    relation=self.combo.currentText()
                )
            )
        return AskedRelation(Relation(value), layer.id(), self.distance.value())

    def show_asked(self, asked: AskedRelation | None) -> None:
        """Show a relation that was asked without having been chosen here."""
        self.blockSignals(True)
        value = "" if asked is None else asked.relation.value
        self.combo.setCurrentIndex(self.combo.findData(value))
        if asked is not None:
            self.layer_combo.setLayer(QgsProject.instance().mapLayer(asked.layer_id))
            self.distance.setValue(asked.distance_m or DEFAULT_DISTANCE_M)
        self.blockSignals(False)

    def _on_change(self) -> None:
        self._show_parts()
        self.changed.emit()

    def _show_parts(self) -> None:
        value = self.combo.currentData()
        self.distance.setVisible(value == Relation.WITHIN.value)
        self.layer_combo.setVisible(bool(value))
        self._form.labelForField(self.layer_combo).setVisible(bool(value))


def rule_for(asked: AskedRelation | None) -> RelationRule | None:
    """A chosen relation with its layer frozen. Main thread only.

    Raises:
        LayerError: the layer is gone or not fit for it.
    """
    if asked is None:
        return None
    project = QgsProject.instance()
    layer = project.mapLayer(asked.layer_id)
    if not isinstance(layer, QgsVectorLayer):
        raise LayerError(tr("The layer of the relation is gone; choose another."))
    return take_rule(asked.relation, layer, asked.distance_m, project.transformContext())
