"""Builds, connects and unloads everything."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QCoreApplication, QObject, Qt, QTranslator
from qgis.PyQt.QtGui import QIcon

from .engine.manager import EngineManager
from .errors import InputError, tr
from .paths import PLUGIN_FOLDER, resource
from .settings import Settings


class RSRefSegPlugin:
    """The plugin as QGIS knows it.

    Args:
        iface: QGIS's interface; None in `qgis_process` and other programs without a window.
        settings: what to start with; None for QGIS's settings.
    """

    def __init__(self, iface: Any, settings: Settings | None = None) -> None:
        self.iface = iface
        self.settings = settings or Settings()
        self.manager = EngineManager(self.settings)
        self.panel: Any = None
        self.runs: Any = None
        self.provider: Any = None
        self._owner: Any = None
        self._translator = _install_translator()

    def initProcessing(self) -> None:
        """Add the algorithms; QGIS calls this alone when there is no window."""
        from .processing.provider import RSRefSegProvider

        self.provider = RSRefSegProvider(self.manager)
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:
        """Add the panel, its button and the algorithms."""
        from .gui.ahead import Ahead
        from .gui.engine_watch import EngineWatch
        from .gui.help import HelpKey
        from .gui.install_page import InstallPage
        from .gui.messages import Messenger
        from .gui.panel import Panel
        from .gui.results import Results
        from .gui.runs import Runs
        from .gui.settings_page import SettingsPageFactory
        from .gui.shaping import Shaping
        from .gui.state import PanelState
        from .gui.workbench import Workbench

        self.initProcessing()
        window = self.iface.mainWindow()
        self._owner = QObject(window)
        self.state = PanelState()
        self.watch = EngineWatch(self.manager, self.state, self._owner)
        self.messenger = Messenger(self.iface.messageBar())
        self.results = Results(self.iface.mapCanvas(), self.state, self._owner)
        self.shaping = Shaping(self.manager, self.state, self.messenger, self.results, self._owner)
        self.runs = Runs(
            self.manager,
            self.state,
            self.watch,
            self.messenger,
            self.results,
            self.shaping,
            self._owner,
        )
        self.panel = Panel(self.iface.mapCanvas(), self.state, self.settings, window)
        self.workbench = Workbench(
            self.iface,
            self.manager,
            self.state,
            self.messenger,
            self.results,
            self.shaping,
            self.runs,
            self.panel,
            self._owner,
        )
        self.ahead = Ahead(self.manager, self.state, self.watch, self.panel.place, self._owner)
        HelpKey(self.panel, "ask")
        self.install_page = InstallPage(self.settings, self.state, window)
        self.options_factory = SettingsPageFactory(
            self.manager, self.install_page.open_page, self.watch.look, self.messenger.warning
        )
        self.iface.registerOptionsWidgetFactory(self.options_factory)
        self.iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.panel)

        self._add_action(window)
        self._connect()

    def unload(self) -> None:
        """Stop what is going on and take everything away again."""
        if self.runs is not None:
            from .gui.help import close_help

            close_help()
            self.iface.unregisterOptionsWidgetFactory(self.options_factory)
            self.install_page.close_for_good()
            self.iface.mapCanvas().extentsChanged.disconnect(self.ahead.view_changed)
            self.ahead.stop()
            self.workbench.close()
            self.runs.close()
            self.shaping.close()
            self.results.clear()
            self.watch.stop()
            self.iface.currentLayerChanged.disconnect(self.panel.follow_layer)
            self.iface.removePluginRasterMenu(tr("RSRefSeg"), self.action)
            self.iface.removeToolBarIcon(self.action)
            self.panel.close_for_good()
            self.iface.removeDockWidget(self.panel)
            self.panel.deleteLater()
            self.action.deleteLater()
            self._owner.deleteLater()
            self.runs = self.panel = self._owner = None
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
        self.manager.stop()
        if self._translator is not None:
            QCoreApplication.removeTranslator(self._translator)
            self._translator = None

    def export_layer_ids(self) -> tuple[str, ...]:
        """What “Export” writes: the active layer when it is a result, else the last result."""
        from .layers.result import record_of

        active = self.iface.activeLayer()
        if isinstance(active, QgsVectorLayer) and record_of(active) is not None:
            return (active.id(),)
        return tuple(self.state.view.result_ids)

    def _add_action(self, window: Any) -> None:
        from .gui.compat import QAction

        self.action = QAction(
            QIcon(str(resource("icons/rsrefseg.svg"))), tr("RSRefSeg panel"), window
        )
        self.action.setObjectName("rsrefsegAction")
        self.action.setToolTip(tr("Find things in a raster by saying what they are"))
        self.panel.setToggleVisibilityAction(self.action)
        self.iface.addToolBarIcon(self.action)
        self.iface.addPluginToRasterMenu(tr("RSRefSeg"), self.action)

    def _connect(self) -> None:
        self.iface.currentLayerChanged.connect(self.panel.follow_layer)
        self.panel.phrase_edit.textEdited.connect(self.ahead.typed)
        self.panel.raster_combo.layerChanged.connect(lambda layer: self.ahead.view_changed())
        self.panel.extent.changed.connect(self.ahead.view_changed)
        self.iface.mapCanvas().extentsChanged.connect(self.ahead.view_changed)
        self.panel.asked.connect(lambda request: self.ahead.stop())
        self.panel.asked.connect(self.runs.ask)
        self.panel.results_list.hovered.connect(self.results.highlight)
        self.panel.results_list.kept_changed.connect(self.results.keep)
        self.panel.refused.connect(self._refuse)
        self.panel.cancel_asked.connect(self.runs.cancel)
        self.panel.export_asked.connect(self._export)
        self.panel.install_asked.connect(self.install_page.open_page)
        self.panel.engine_line.settings_asked.connect(self._show_settings)
        self.runs.install_wanted.connect(self.install_page.open_page)
        self.runs.install_ended.connect(self.install_page.take_outcome)
        self.install_page.install_asked.connect(self.runs.install)
        self.install_page.cancel_asked.connect(self.runs.cancel)

    def _show_settings(self) -> None:
        self.iface.showOptionsDialog(self.iface.mainWindow(), "rsrefsegSettingsPage")

    def _refuse(self, error: InputError) -> None:
        self.messenger.warning(str(error))

    def _export(self) -> None:
        from .gui.export_dialog import ask_export

        layer_ids = self.export_layer_ids()
        layers = [QgsProject.instance().mapLayer(layer_id) for layer_id in layer_ids]
        tables = [layer.name() for layer in layers if layer is not None]
        if not tables:
            self.messenger.warning(tr("There is no result to export; ask for something first."))
            return
        choice = ask_export(self.iface.mainWindow(), self.settings.export_folder, tables)
        if choice is not None:
            self.settings.export_folder = str(choice.path.parent)
            self.runs.export(layer_ids, choice.path, choice.mode)


def _install_translator() -> QTranslator | None:
    """Load the texts of the user's language, when there are some."""
    language = QgsApplication.instance().locale() if QgsApplication.instance() else ""
    path = PLUGIN_FOLDER / "i18n" / f"rsrefseg_{language[:2]}.qm"
    if not path.is_file():
        return None
    translator = QTranslator()
    if not translator.load(str(path)):
        return None
    QCoreApplication.installTranslator(translator)
    return translator
