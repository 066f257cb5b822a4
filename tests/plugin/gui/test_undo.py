from __future__ import annotations

from rsrefseg_qgis.gui.undo import UndoStack


def test_back_and_forth() -> None:
    stack = UndoStack("a")
    assert not stack.can_undo
    for state in "bcc":
        stack.push(state)
    assert (stack.undo(), stack.undo(), stack.undo()) == ("b", "a", "a")
    assert stack.can_redo
    assert (stack.redo(), stack.redo(), stack.redo()) == ("b", "c", "c")
    assert not stack.can_redo


def test_new_step_forgets_what_was_taken_back() -> None:
    stack = UndoStack(1)
    stack.push(2)
    stack.undo()
    stack.push(3)
    assert not stack.can_redo
    assert stack.undo() == 1
