"""Refines the last answer: clicks, a box and the shape, each step to be undone and redone."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass, field

from qgis.core import QgsCsException, QgsPointXY, QgsProject, QgsRasterLayer, QgsRectangle
from qgis.PyQt.QtCore import QObject

from rsrefseg_qgis.errors import InputError, tr
from rsrefseg_qgis.tasks.prompts import Prompts
from rsrefseg_qgis.tasks.reshape import Shape

from .marks import Marks
from .messages import Messenger
from .panel import Panel
from .request import AskedRelation, AskRequest
from .runs import Runs
from .shaping import Shaping
from .state import Activity, PanelState
from .undo import UndoStack


@dataclass(frozen=True)
class Adjustment:
    """How the last answer is refined."""

    shape: Shape
    prompts: Prompts = field(default_factory=Prompts)


class Refining(QObject):
    """Turns what the user does to an answer into steps, and steps into questions.

    Args:
        panel: the controls.
        marks: clicks and the box on the map.
        state: told of nothing, asked whether an answer is on its way.
        runs: asks the engine again.
        shaping: draws the answer again.
        messenger: tells the user.
        parent: its owner.
    """

    def __init__(
        self,
        panel: Panel,
        marks: Marks,
        state: PanelState,
        runs: Runs,
        shaping: Shaping,
        messenger: Messenger,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._panel = panel
        self._marks = marks
        self._state = state
        self._runs = runs
        self._shaping = shaping
        self._messenger = messenger
        self._request: AskRequest | None = None
        self._steps = UndoStack(Adjustment(panel.shape_box.shape))
        bar = panel.point_bar
        bar.tool_chosen.connect(marks.take_tool)
        bar.undo_asked.connect(self.undo)
        bar.redo_asked.connect(self.redo)
        marks.dropped.connect(bar.drop_tool)
        marks.clicked.connect(self.click)
        marks.boxed.connect(self.box)
        panel.shape_box.shaped.connect(self.shape)
        panel.relation_box.changed.connect(lambda: self._redraw(self._steps.now.shape))
        panel.guess_asked.connect(lambda: self._redraw(self._steps.now.shape, guess=True))
        runs.begun.connect(self._on_begun)

    def shape(self, shape: Shape) -> None:
        """The user moved a slider."""
        self._steps.push(dataclasses.replace(self._steps.now, shape=shape))
        self._show_steps()
        self._redraw(shape)

    def click(self, point: QgsPointXY, inside: bool) -> None:
        """The user clicked on the map."""
        layer = self._raster()
        if layer is None:
            return
        try:
            place = self._marks.point_in(point, layer.crs())
        except QgsCsException:
            return  # beside the world of the raster's CRS: nothing can be there
        self._point(self._steps.now.prompts.clicked(place.x(), place.y(), inside))

    def box(self, rectangle: QgsRectangle) -> None:
        """The user drew a box on the map."""
        layer = self._raster()
        if layer is None:
            return
        try:
            box = self._marks.box_in(rectangle, layer.crs())
        except QgsCsException:
            return
        self._point(self._steps.now.prompts.boxed(box))

    def undo(self) -> None:
        """Take the last step back."""
        before = self._steps.now
        self._go(before, self._steps.undo())

    def redo(self) -> None:
        """Take a step that was taken back."""
        before = self._steps.now
        self._go(before, self._steps.redo())

    def reset(self) -> None:
        """There is no answer any more."""
        self._request = None
        self._steps.reset(Adjustment(self._panel.shape_box.shape))
        self._marks.clear()
        self._panel.point_bar.drop_tool()
        self._show_steps()

    def _on_begun(self, request: AskRequest) -> None:
        if request.refines:
            return
        self._request = request
        self._steps.reset(Adjustment(request.shape, request.prompts))
        self._show_steps()
        self._show_marks()

    def _point(self, prompts: Prompts) -> None:
        self._steps.push(dataclasses.replace(self._steps.now, prompts=prompts))
        self._show_steps()
        self._ask()

    def _go(self, before: Adjustment, now: Adjustment) -> None:
        if now == before:
            return
        self._panel.shape_box.set_shape(now.shape)
        self._show_steps()
        if now.prompts == before.prompts:
            self._redraw(now.shape)
        else:
            self._ask()

    def _ask(self) -> None:
        """Ask the same about the same place, with the clicks: the engine has it encoded."""
        request = self._request
        if request is None:
            return
        self._show_marks()
        try:
            relation = self._relation()
        except InputError as error:
            self._messenger.warning(str(error))
            return
        if self._state.view.activity is Activity.ASKING:
            self._runs.cancel()
        now = self._steps.now
        self._runs.ask(
            dataclasses.replace(
                request, shape=now.shape, prompts=now.prompts, relation=relation, refines=True
            )
        )

    def _redraw(self, shape: Shape, *, guess: bool = False) -> None:
        with contextlib.suppress(InputError):  # a relation whose layer is still to be chosen
            self._shaping.redraw(shape, self._relation(), guess=guess)

    def _relation(self) -> AskedRelation | None:
        return self._panel.relation_box.asked()

    def _raster(self) -> QgsRasterLayer | None:
        layer = QgsProject.instance().mapLayer(self._request.layer_id) if self._request else None
        if isinstance(layer, QgsRasterLayer):
            return layer
        self._messenger.info(tr("Ask for something first; then clicks refine the answer."))
        return None

    def _show_marks(self) -> None:
        layer = QgsProject.instance().mapLayer(self._request.layer_id) if self._request else None
        if layer is None:
            self._marks.clear()
        else:
            self._marks.show(self._steps.now.prompts, layer.crs())

    def _show_steps(self) -> None:
        self._panel.point_bar.show_steps(self._steps.can_undo, self._steps.can_redo)
