"""Has the engine look at the chosen view while the user types what to find in it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from qgis.core import QgsApplication, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QObject, QTimer

from rsrefseg_qgis.engine.manager import EngineManager, EngineState
from rsrefseg_qgis.errors import LayerError, RsRefSegPluginError, tr
from rsrefseg_qgis.layers.grid import Extent
from rsrefseg_qgis.layers.snapshot import take_snapshot
from rsrefseg_qgis.tasks.ahead import ahead_task
from rsrefseg_qgis.tasks.base import BaseTask, Done, Outcome
from rsrefseg_qgis.tasks.delivery import Pixels

from .engine_watch import EngineWatch
from .request import AskedExtent
from .runs import resolve_extent
from .state import Activity, PanelState

logger = logging.getLogger(__name__)

# So long after a key stroke, or after the map has come to rest.
QUIET_MS = 300
Place = tuple[str, AskedExtent]
Key = tuple[str, Extent, float | None]


class Ahead(QObject):
    """At most one view is prepared at a time; one that is no longer looked at is given up.

    What goes wrong here is told when the phrase itself is asked.

    Args:
        manager: the engine.
        state: nothing is prepared while something else is going on.
        watch: told what the engine says of itself.
        place: gives the layer's id and the extent that are chosen; raises InputError.
        parent: its owner.
    """

    def __init__(
        self,
        manager: EngineManager,
        state: PanelState,
        watch: EngineWatch,
        place: Callable[[], Place],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._state = state
        self._watch = watch
        self._place = place
        self._typing = False
        self._key: Key | None = None
        self._task: BaseTask | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MS)
        self._timer.timeout.connect(self._prepare)

    def typed(self, text: str) -> None:
        """The user typed; an empty phrase means that nothing is going to be asked."""
        self._typing = bool(text.strip())
        if self._typing:
            self._timer.start()
        else:
            self.stop()

    def view_changed(self) -> None:
        """Another layer, extent or place on the map is looked at."""
        if self._task is not None and self._chosen() != self._key:
            self._give_up()
        if self._typing:
            self._timer.start()

    def stop(self) -> None:
        """Prepare nothing until the user types again; what the engine has begun is kept there."""
        self._typing = False
        self._timer.stop()
        self._give_up()

    def _give_up(self) -> None:
        if self._task is not None:
            task, self._task, self._key = self._task, None, None
            task.cancel()

    def _chosen(self) -> Key | None:
        """What tells a view from others; None when nothing can be asked about it."""
        try:
            return self._pixels()[0]
        except RsRefSegPluginError:
            return None

    def _pixels(self) -> tuple[Key, Pixels]:
        layer_id, asked = self._place()
        layer = QgsProject.instance().mapLayer(layer_id)
        if not isinstance(layer, QgsRasterLayer):
            raise LayerError(tr("The raster layer is gone; choose another."))
        snapshot = take_snapshot(layer)
        extent, resolution = resolve_extent(asked, snapshot, layer)
        snapshot.grid(extent, resolution)
        return (layer_id, extent, resolution), Pixels(snapshot, extent, resolution)

    def _prepare(self) -> None:
        busy = self._state.view.activity is not Activity.IDLE
        broken = self._manager.state is EngineState.FAILED
        if busy or broken or not self._manager.settings.encode_while_typing:
            return
        try:
            key, pixels = self._pixels()
        except RsRefSegPluginError as error:
            logger.debug("nothing to prepare: %s", error)
            return
        if key == self._key:
            return
        self._give_up()
        task = ahead_task(pixels, self._manager)
        self._key, self._task = key, task
        task.ended.connect(lambda outcome: self._on_end(key, outcome))
        QgsApplication.taskManager().addTask(task)

    def _on_end(self, key: Key, outcome: Outcome) -> None:
        if key != self._key:
            return
        self._task = None
        if isinstance(outcome, Done):
            self._watch.take_health(outcome.value)
        else:
            logger.debug("the view was not prepared: %s", outcome)
            self._key = None
