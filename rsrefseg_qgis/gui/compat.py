"""Names that lie in different modules in Qt 5 and Qt 6."""

from __future__ import annotations

try:
    from qgis.PyQt.QtGui import QAction
except ImportError:  # Qt 5
    from qgis.PyQt.QtWidgets import QAction

__all__ = ["QAction"]
