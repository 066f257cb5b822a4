"""Steps that can be taken back and taken again. No Qt here."""

from __future__ import annotations

from typing import Generic, TypeVar

Value = TypeVar("Value")


class UndoStack(Generic[Value]):
    """The states of something, one of which is the present one.

    Args:
        first: the present state.
    """

    def __init__(self, first: Value) -> None:
        self.reset(first)

    @property
    def now(self) -> Value:
        """The present state."""
        return self._states[self._at]

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether a state was taken back."""
        return self._at + 1 < len(self._states)

    def reset(self, first: Value) -> None:
        """Begin anew."""
        self._states = [first]
        self._at = 0

    def push(self, state: Value) -> None:
        """A new state; what was taken back is gone. The same state again is none."""
        if state != self.now:
            self._states[self._at + 1 :] = [state]
            self._at += 1

    def undo(self) -> Value:
        """Go one state back, if there is one."""
        self._at = max(0, self._at - 1)
        return self.now

    def redo(self) -> Value:
        """Go one state forth, if there is one."""
        self._at = min(len(self._states) - 1, self._at + 1)
        return self.now
