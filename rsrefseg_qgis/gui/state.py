"""The panel's state: one frozen view, changed in one place; widgets subscribe. No Qt here."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rsrefseg_qgis.layers.provenance import RunRecord


class Activity(enum.Enum):
    """What is going on."""

    IDLE = "idle"
    ASKING = "asking"
    EXPORTING = "exporting"
    INSTALLING = "installing"


class EngineStatus(enum.Enum):
    """How the engine is, as far as the user is concerned."""

    NOT_INSTALLED = "not_installed"
    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class EngineView:
    """What the panel shows of the engine.

    Attributes:
        status: how it is.
        model: name of the model, empty when not known yet.
        device: name of the device in use, empty when not known yet.
        why: why this device, or why the engine is not ready; empty when not known.
        cached: what is ready for further phrases, empty when not known.
        details: lines for the tooltip.
        examples: phrases that fit the model's vocabulary.
    """

    status: EngineStatus = EngineStatus.STOPPED
    model: str = ""
    device: str = ""
    why: str = ""
    cached: str = ""
    details: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """One polygon of the last answer.

    Attributes:
        layer_id: the layer of its phrase.
        number: its rank in that layer, from 1.
        phrase: what it was found for.
        score: how sure the model is.
        area_m2: None when not known.
        kept: whether it is in the layer.
    """

    layer_id: str
    number: int
    phrase: str
    score: float
    area_m2: float | None
    kept: bool = True

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from all others."""
        return (self.layer_id, self.number)


@dataclass(frozen=True)
class PanelView:
    """All that the panel shows.

    Attributes:
        engine: the engine.
        activity: what is going on.
        fraction: how much of it is done, 0 to 1.
        message: what is being done right now.
        summary: the last result in a sentence, empty before the first.
        result_ids: ids of the layers of the last result.
        candidates: the polygons of the last result.
        can_guess: whether the model holds back a guess at what it takes for no match.
        history: the runs of this project, the newest first.
    """

    engine: EngineView = EngineView()
    activity: Activity = Activity.IDLE
    fraction: float = 0.0
    message: str = ""
    summary: str = ""
    result_ids: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    can_guess: bool = False
    history: tuple[RunRecord, ...] = ()


Listener = Callable[[PanelView], None]


class PanelState:
    """Keeps the view and tells each listener when it has changed. For one thread."""

    def __init__(self) -> None:
        self._view = PanelView()
        self._listeners: list[Listener] = []

    @property
    def view(self) -> PanelView:
        """What is shown now."""
        return self._view

    def subscribe(self, listener: Listener) -> None:
        """Have a listener called now and at each change."""
        self._listeners.append(listener)
        listener(self._view)

    def unsubscribe(self, listener: Listener) -> None:
        """Stop calling a listener."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def refresh(self) -> None:
        """Tell all listeners again, for a widget that shows what was not taken."""
        for listener in list(self._listeners):
            listener(self._view)

    def change(self, **changes: Any) -> None:
        """Replace parts of the view; listeners hear of it only when something differs."""
        changed = dataclasses.replace(self._view, **changes)
        if changed == self._view:
            return
        self._view = changed
        for listener in list(self._listeners):
            listener(changed)
