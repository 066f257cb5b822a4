"""Local help: the user guide in a window of its own, opened by F1 and by “?”."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QEvent, QObject, Qt, QUrl
from qgis.PyQt.QtGui import QIcon, QImage, QTextCursor
from qgis.PyQt.QtWidgets import (
    QApplication,
    QDialog,
    QTextBrowser,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.paths import guide, resource

# The guide's headings of the second level in their order, whatever its language.
SECTIONS = ("install", "ask", "answer", "keep", "toolbox", "settings", "trouble")
NAME = "rsrefsegHelp"
MARGIN_PX = 16
# Below any picture of the guide, so that a small window shows it smaller.
LEAST_PICTURE_PX = 200


class GuideView(QTextBrowser):
    """Shows the guide, its pictures no wider than the window."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenExternalLinks(True)
        self.setAccessibleName(tr("User guide"))
        self.document().setDocumentMargin(MARGIN_PX)
        self._folder = ""

    def load(self, language: str) -> None:
        """Show the guide of a language, or the English one."""
        path = guide(language)
        self._folder = str(path.parent)
        self.setMarkdown(path.read_text(encoding="utf-8"))

    def loadResource(self, kind: int, name: QUrl) -> Any:
        """Give a picture of the guide in a width that fits; there is nothing else to load."""
        image = QImage(f"{self._folder}/{name.toString()}")
        widest = max(LEAST_PICTURE_PX, self.viewport().width() - 4 * MARGIN_PX)
        if image.isNull() or image.width() <= widest:
            return image
        return image.scaledToWidth(widest, Qt.TransformationMode.SmoothTransformation)

    def show_section(self, section: str) -> None:
        """Scroll to a section's heading."""
        wanted = SECTIONS.index(section)
        block = self.document().begin()
        while block.isValid():
            if block.blockFormat().headingLevel() == 2:
                if wanted == 0:
                    break
                wanted -= 1
            block = block.next()
        if not block.isValid():
            return
        self.setTextCursor(QTextCursor(block))
        top = self.document().documentLayout().blockBoundingRect(block).top()
        self.verticalScrollBar().setValue(round(top))


class HelpWindow(QDialog):
    """The guide, beside QGIS's windows.

    Args:
        parent: the window that it belongs to.
    """

    # Python lets go of a window whose parent it does not know, although it is still there.
    current: ClassVar[HelpWindow | None] = None

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent)
        HelpWindow.current = self
        self.destroyed.connect(HelpWindow.forget)
        self.setObjectName(NAME)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("RSRefSeg: user guide"))
        self.setWindowIcon(QIcon(str(resource("icons/rsrefseg.svg"))))
        self.view = GuideView()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        self.resize(760, 680)

    @staticmethod
    def forget() -> None:
        """The window is gone."""
        HelpWindow.current = None


class HelpKey(QObject):
    """Opens a section when F1 is pressed in a widget or below it.

    QGIS's own F1 is a shortcut of its main window: the key is claimed before that is looked for.

    Args:
        widget: the widget; the filter lives as long as it.
        section: what to open.
    """

    def __init__(self, widget: QWidget, section: str) -> None:
        super().__init__(widget)
        self._section = section
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take F1, let all else pass."""
        kind = event.type()
        if kind not in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            return False
        if event.key() != Qt.Key.Key_F1:
            return False
        event.accept()
        if kind == QEvent.Type.KeyPress:
            open_help(self._section)
        return True


def open_help(section: str) -> HelpWindow:
    """Show the guide at a section, in the window that is open already when there is one."""
    window = HelpWindow.current
    if window is None:
        # above the dialog that asked, which may be modal
        window = HelpWindow(QApplication.activeWindow())
        window.show()
        window.view.load(QgsApplication.instance().locale())
    window.show()
    window.raise_()
    window.activateWindow()
    window.view.show_section(section)
    return window


def close_help() -> None:
    """Close the guide's window, if there is one."""
    if HelpWindow.current is not None:
        HelpWindow.current.close()


def help_button(section: str, opened: Callable[[str], Any] = open_help) -> QToolButton:
    """A “?” that opens a section of the guide."""
    button = QToolButton()
    button.setObjectName("helpButton")
    button.setAutoRaise(True)
    button.setIcon(QgsApplication.getThemeIcon("/mActionHelpContents.svg"))
    button.setToolTip(tr("Help (F1)"))
    button.setAccessibleName(tr("Help"))
    button.clicked.connect(lambda: opened(section))
    return button
