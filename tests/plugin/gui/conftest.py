from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsProject, QgsRasterLayer
from qgis.gui import QgsMessageBar

from rsrefseg_qgis.plugin import RSRefSegPlugin
from rsrefseg_qgis.settings import Settings
from tests.plugin import rasters


class Window:
    """The plugin in a shown window with a real message bar, and what tests do with it."""

    def __init__(self, plugin: RSRefSegPlugin, iface: Any, bar: QgsMessageBar, qtbot: Any) -> None:
        self.plugin = plugin
        self.iface = iface
        self.bar = bar
        self.qtbot = qtbot

    @property
    def panel(self) -> Any:
        return self.plugin.panel

    @property
    def messages(self) -> list[str]:
        return [item.text() for item in self.bar.items()]

    def add_raster(self, path: Path, name: str = "scene") -> QgsRasterLayer:
        layer = QgsRasterLayer(str(path), name)
        assert layer.isValid()
        QgsProject.instance().addMapLayer(layer)
        self.panel.raster_combo.setLayer(layer)
        return layer

    def ask(self, phrase: str) -> None:
        self.panel.phrase_edit.setText(phrase)
        self.panel.segment_button.click()

    def wait(self, timeout: int = 20000) -> None:
        from rsrefseg_qgis.gui.state import Activity

        self.qtbot.waitUntil(
            lambda: self.plugin.state.view.activity is Activity.IDLE, timeout=timeout
        )


@pytest.fixture
def window(
    qgis_iface: Any,
    qgis_new_project: None,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
    blob_settings: Settings,
) -> Iterator[Window]:
    main = qgis_iface.mainWindow()
    bar = QgsMessageBar(main)
    monkeypatch.setattr(qgis_iface, "addDockWidget", main.addDockWidget)
    monkeypatch.setattr(qgis_iface, "removeDockWidget", main.removeDockWidget)
    monkeypatch.setattr(qgis_iface, "messageBar", lambda: bar)
    plugin = RSRefSegPlugin(qgis_iface, blob_settings)
    plugin.initGui()
    with qtbot.waitExposed(main):
        main.show()
    plugin.panel.show()
    yield Window(plugin, qgis_iface, bar, qtbot)
    plugin.unload()
    bar.clearWidgets()
    main.hide()


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return rasters.write(tmp_path / "scene.tif", rasters.rgb())
