"""Threshold, minimum area and simplification of the last answer, changed as one looks."""

from __future__ import annotations

from qgis.gui import QgsDoubleSpinBox
from qgis.PyQt.QtCore import Qt, QTimer, pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QSlider, QWidget

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.tasks.reshape import Shape

STEPS = 100
# A slider that is dragged must not ask for each of its positions.
QUIET_MS = 120


class ShapeBox(QWidget):
    """A few values and what they are for.

    Args:
        shape: what to start with.
        parent: the widget around it.
    """

    shaped = pyqtSignal(object)
    """`Shape`, a moment after the last change."""

    def __init__(self, shape: Shape, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("thresholdSlider")
        self.slider.setAccessibleName(tr("Threshold"))
        self.slider.setMinimumWidth(80)  # else themes squeeze it to its handle
        self.slider.setRange(1, STEPS - 1)
        self.slider.setValue(round(shape.threshold * STEPS))
        self.threshold = _spin("thresholdSpin", tr("Threshold"), 0.01, 0.99, shape.threshold, 0.01)
        self.min_area = _spin(
            "minAreaSpin", tr("Minimum area"), 0.0, 1e9, shape.min_area_m2, 1.0, " m²"
        )
        self.simplify = _spin(
            "simplifySpin", tr("Simplification"), 0.0, 1e4, shape.simplify_m, 0.1, " m"
        )
        hint = tr("Probability from which a pixel counts: less finds more, more is surer")
        self.slider.setToolTip(hint)
        self.threshold.setToolTip(hint)
        self.min_area.setToolTip(tr("Smaller polygons are left out"))
        self.simplify.setToolTip(tr("Outlines are made simpler within this tolerance"))
        self.right_angles = QCheckBox(tr("Right angles"))
        self.right_angles.setObjectName("rightAnglesCheck")
        self.right_angles.setToolTip(tr("Corners become square where that hardly moves an outline"))
        self.right_angles.setChecked(shape.right_angles)
        row = QHBoxLayout()
        row.addWidget(self.slider, 1)
        row.addWidget(self.threshold)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(6)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow(tr("Threshold"), row)
        form.addRow(tr("Minimum area"), self.min_area)
        form.addRow(tr("Simplify"), self.simplify)
        form.addRow("", self.right_angles)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MS)
        self._timer.timeout.connect(lambda: self.shaped.emit(self.shape))
        self.slider.valueChanged.connect(self._on_slider)
        self.threshold.valueChanged.connect(self._on_threshold)
        for spin in (self.min_area, self.simplify):
            spin.valueChanged.connect(lambda value: self._timer.start())
        self.right_angles.toggled.connect(lambda on: self._timer.start())

    @property
    def shape(self) -> Shape:
        """The values as they are now."""
        return Shape(
            self.threshold.value(),
            self.min_area.value(),
            self.simplify.value(),
            self.right_angles.isChecked(),
        )

    def set_shape(self, shape: Shape) -> None:
        """Show other values; nobody is told."""
        self.threshold.setValue(shape.threshold)
        self.min_area.setValue(shape.min_area_m2)
        self.simplify.setValue(shape.simplify_m)
        self.right_angles.setChecked(shape.right_angles)
        self._timer.stop()

    def _on_slider(self, value: int) -> None:
        if round(self.threshold.value() * STEPS) != value:
            self.threshold.setValue(value / STEPS)

    def _on_threshold(self, value: float) -> None:
        self.slider.setValue(round(value * STEPS))
        self._timer.start()


def _spin(
    name: str,
    label: str,
    low: float,
    high: float,
    value: float,
    step: float,
    suffix: str = "",
) -> QgsDoubleSpinBox:
    spin = QgsDoubleSpinBox()
    spin.setObjectName(name)
    spin.setAccessibleName(label)
    spin.setDecimals(2 if step < 0.1 else 1)
    spin.setRange(low, high)
    spin.setSingleStep(step)
    spin.setClearValue(value)
    spin.setValue(value)
    spin.setSuffix(suffix)
    return spin
