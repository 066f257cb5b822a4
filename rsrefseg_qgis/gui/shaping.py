"""Draws the last answer again while the user moves the threshold; the panel stays free."""

from __future__ import annotations

import logging

from qgis.core import QgsApplication, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QObject, pyqtSignal

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import RsRefSegPluginError, tr
from rsrefseg_qgis.layers.provenance import PROPERTY
from rsrefseg_qgis.layers.result import add_above, make_layer, refill
from rsrefseg_qgis.tasks.base import BaseTask, Done, Failed, Outcome
from rsrefseg_qgis.tasks.reshape import Redraw, Shape, reshape_task
from rsrefseg_qgis.tasks.segment import PhraseAnswer, SegmentAnswer
from rsrefseg_qgis.tasks.sentences import phrases_text

from .messages import Messenger
from .relation_box import rule_for
from .request import AskedRelation
from .results import Results
from .state import PanelState

logger = logging.getLogger(__name__)


class Shaping(QObject):
    """Keeps the last answer; only the newest wish is carried out, earlier ones are dropped.

    Args:
        manager: the engine.
        state: told what came of it.
        messenger: tells the user.
        results: the polygons that are shown.
        parent: its owner.
    """

    redrawn = pyqtSignal(object)
    """The answer was drawn again: a tuple of `PhraseAnswer`."""

    def __init__(
        self,
        manager: EngineManager,
        state: PanelState,
        messenger: Messenger,
        results: Results,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._manager = manager
        self._state = state
        self._messenger = messenger
        self._results = results
        self._answer: SegmentAnswer | None = None
        self._layers: dict[str, str] = {}
        self._guess = False
        self._token = 0
        self._tasks: dict[int, BaseTask] = {}

    @property
    def answer(self) -> SegmentAnswer | None:
        """The last answer, None when there is none."""
        return self._answer

    def take(self, answer: SegmentAnswer | None, layers: dict[str, str]) -> None:
        """Shape this answer from now on.

        Args:
            answer: the answer, None for none.
            layers: for each phrase with a match, the id of its layer.
        """
        self._drop()
        self._answer = answer
        self._layers = dict(layers)
        self._guess = False
        self._state.change(can_guess=answer is not None and can_guess(answer.phrases))

    def refine(self, answer: SegmentAnswer) -> None:
        """Show an answer in the place of the last one, in its layers."""
        self._drop()
        same = self._answer is not None and (
            self._answer.job.snapshot.layer_id == answer.job.snapshot.layer_id
        )
        if not same:
            self._layers = {}
        self._answer = answer
        self._guess = False
        self._show(answer.phrases)

    def redraw(self, shape: Shape, relation: AskedRelation | None, *, guess: bool = False) -> None:
        """Draw the answer again.

        Args:
            shape: how.
            relation: how polygons lie to a layer of the user's; None for any.
            guess: draw also what the model takes for no match, from now on.
        """
        if self._answer is None:
            return
        self._drop()
        token = self._token
        self._guess = self._guess or guess
        try:
            redraw = Redraw(shape, rule_for(relation), self._guess)
        except RsRefSegPluginError as error:
            self._messenger.warning(str(error))
            return
        task = reshape_task(self._answer, redraw, self._manager)
        self._tasks[token] = task
        task.ended.connect(lambda outcome: self._on_end(token, outcome))
        QgsApplication.taskManager().addTask(task)

    def close(self) -> None:
        """Draw no more."""
        self.take(None, {})

    def _drop(self) -> None:
        self._token += 1
        for task in list(self._tasks.values()):
            task.cancel()

    def _on_end(self, token: int, outcome: Outcome) -> None:
        self._tasks.pop(token, None)
        if token != self._token or self._answer is None:
            logger.debug("dropped outlines that nobody waits for")
        elif isinstance(outcome, Done):
            self._show(outcome.value)
            self.redrawn.emit(outcome.value)
        elif isinstance(outcome, Failed):
            self._messenger.warning(str(outcome.error))

    def _show(self, phrases: tuple[PhraseAnswer, ...]) -> None:
        self._results.clear()
        for phrase in phrases:
            layer = self._layer_for(phrase)
            if layer is None:
                continue
            refill(layer, phrase.features)
            layer.setCustomProperty(PROPERTY, phrase.record.to_json())
            self._results.add(layer, phrase.record.phrase, phrase.features)
        text = phrases_text(phrases)
        if self._guess and can_guess(phrases):
            text += "\n" + tr("Its best guess stays below the threshold; lower that to see it.")
        self._state.change(
            summary=text,
            result_ids=tuple(self._layers.values()),
            can_guess=not self._guess and can_guess(phrases),
        )

    def _layer_for(self, phrase: PhraseAnswer) -> QgsVectorLayer | None:
        """The phrase's layer; made when only now something matches, None when it is not ours."""
        project = QgsProject.instance()
        name = phrase.record.phrase
        if name in self._layers:
            layer = project.mapLayer(self._layers[name])
            ours = isinstance(layer, QgsVectorLayer) and not layer.isEditable()
            return layer if ours else None
        if not phrase.features or self._answer is None:
            return None
        snapshot = self._answer.job.snapshot
        made = make_layer(phrase.record, (), snapshot.crs, self._manager.settings.result_style)
        add_above(made, snapshot.layer_id, project)
        self._layers[name] = made.id()
        return made


def can_guess(phrases: tuple[PhraseAnswer, ...]) -> bool:
    """Whether the model holds something back that it takes for no match."""
    return any(
        not item.features and not item.left_out and item.record.presence is not None
        for item in phrases
    )
