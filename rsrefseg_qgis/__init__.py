"""RSRefSeg for QGIS: type a phrase, get a georeferenced polygon layer."""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:
    """Give QGIS the plugin object.

    Args:
        iface: QGIS's interface, None when QGIS runs without a window.

    Returns:
        The plugin.
    """
    from .plugin import RSRefSegPlugin

    return RSRefSegPlugin(iface)
