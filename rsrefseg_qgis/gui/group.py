"""A part of the panel that folds away."""

from __future__ import annotations

from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtWidgets import QToolButton, QVBoxLayout, QWidget

from rsrefseg_qgis.errors import tr


def folding_group(
    title: str, name: str, hint: str, body: QWidget, *, folded: bool = False
) -> QgsCollapsibleGroupBox:
    """A group around a widget; QGIS remembers whether it is folded.

    Args:
        title: of the group.
        name: of the object, under which QGIS remembers.
        hint: the tooltip.
        body: what folds away.
        folded: at first.
    """
    group = QgsCollapsibleGroupBox(title)
    group.setObjectName(name)
    group.setToolTip(hint)
    group.setCollapsed(folded)
    column = QVBoxLayout(group)
    column.setContentsMargins(6, 4, 6, 6)
    column.addWidget(body)
    for button in group.findChildren(QToolButton):
        if button.objectName() == "collapseButton":
            button.setToolTip(tr("Fold or unfold “{title}”").format(title=title))
            button.setAccessibleName(tr("Fold or unfold “{title}”").format(title=title))
    return group
