"""The first run's page: what will be installed, from where, whereto and how large; then does it."""

from __future__ import annotations

from qgis.core import QgsApplication
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import Qt, QTimer, pyqtSignal
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from rsrefseg_qgis.engine.plan import InstallPlan
from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.paths import resource
from rsrefseg_qgis.settings import Draft, Settings
from rsrefseg_qgis.tasks.base import BaseTask, Done, Failed, Outcome
from rsrefseg_qgis.tasks.install import plan_task

from .help import HelpKey, help_button
from .labels import say, wrapped
from .state import Activity, PanelState, PanelView
from .wording import build_text, size_text

LOOK_AFTER_MS = 400
WIDTH = 560


class InstallPage(QDialog):
    """Says what an installation means and shows how it goes; the work is done elsewhere.

    Args:
        settings: where the choices are stored once the user says “Install”.
        state: tells how the installation goes.
        parent: QGIS's main window.
    """

    install_asked = pyqtSignal(bool)
    """The user wants it, True for a repair from an empty environment."""
    cancel_asked = pyqtSignal()

    def __init__(self, settings: Settings, state: PanelState, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setObjectName("rsrefsegInstallPage")
        self.setWindowTitle(tr("Install the RSRefSeg engine"))
        self.setWindowIcon(QIcon(str(resource("icons/rsrefseg.svg"))))
        self._settings = settings
        self._state = state
        self._plan: InstallPlan | None = None
        self._look: BaseTask | None = None
        self._over = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.look)
        self._build()
        self.folder_edit.fileChanged.connect(self._later_look)
        self.build_combo.currentIndexChanged.connect(self._later_look)
        state.subscribe(self._show_view)

    def open_page(self) -> None:
        """Show the page with what is true now."""
        if self._state.view.activity is not Activity.INSTALLING:
            self._over = False
            self._say("")
            self.look()
        # QGIS's Options are modal: what they open has to be, too
        over_another = QApplication.activeModalWidget() is not None
        modality = Qt.WindowModality
        self.setWindowModality(modality.ApplicationModal if over_another else modality.NonModal)
        self.show()
        self.raise_()
        self.activateWindow()

    def look(self) -> None:
        """Find out again what an installation would do."""
        if self._state.view.activity is Activity.INSTALLING:
            return
        self._plan = None
        self._show()
        draft = Settings(Draft(self._settings.store()))
        self._write_choices(draft)
        task = plan_task(draft)
        self._look = task
        task.ended.connect(lambda outcome: self._take_plan(task, outcome))
        QgsApplication.taskManager().addTask(task)

    def take_outcome(self, outcome: Outcome) -> None:
        """Show how an installation ended."""
        self._over = isinstance(outcome, Done)
        if self._over:
            self._say(tr("The engine is installed. Type what to find into the RSRefSeg panel."))
        elif isinstance(outcome, Failed):
            self._say(str(outcome.error), bad=True)
        else:
            self._say(tr("Stopped. “Install” goes on from what is there already."))
        self._show()

    def close_for_good(self) -> None:
        """Listen no more."""
        self._state.unsubscribe(self._show_view)
        self._later.stop()
        self._look = None
        self.close()
        self.deleteLater()

    # -- building

    def _build(self) -> None:
        icon = QLabel()
        icon.setPixmap(QIcon(str(resource("icons/rsrefseg.svg"))).pixmap(48, 48))
        icon.setAlignment(Qt.AlignmentFlag.AlignTop)
        intro = wrapped(
            tr(
                "The engine is the part that looks at the pixels. It gets a Python environment of "
                "its own in a folder of yours; QGIS and its Python are left as they are. After "
                "that everything works without a network, and no raster and no phrase leaves this "
                "machine."
            )
        )
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(icon)
        head.addWidget(intro, 1)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addLayout(head)
        column.addLayout(self._facts())
        self.outcome_label = wrapped()
        self.outcome_label.setObjectName("installOutcome")
        self.outcome_label.setAccessibleName(tr("How the installation stands"))
        column.addWidget(self.outcome_label)
        column.addWidget(self._progress())
        column.addStretch(1)
        foot = QHBoxLayout()
        foot.addWidget(help_button("install"))
        foot.addWidget(self._buttons())
        column.addLayout(foot)
        HelpKey(self, "install")
        self.setMinimumWidth(WIDTH)

    def _facts(self) -> QFormLayout:
        self.what_label, self.from_label = wrapped(), wrapped()
        self.python_label, self.size_label = wrapped(), wrapped()
        self.size_label.setObjectName("installSize")
        self.folder_edit = QgsFileWidget()
        self.folder_edit.setObjectName("installFolder")
        self.folder_edit.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        self.folder_edit.setFilePath(str(self._settings.folder()))
        self.folder_edit.setToolTip(tr("Folder for the engine's environment, logs and downloads"))
        self.folder_edit.lineEdit().setAccessibleName(tr("Folder of the engine"))
        self.build_combo = QComboBox()
        self.build_combo.setObjectName("installBuild")
        self.build_combo.setToolTip(
            tr("Which PyTorch to install; automatic takes CUDA where an NVIDIA driver answers")
        )
        for build in Settings.torch_build.choices:
            self.build_combo.addItem(build_text(build), build)
        self.build_combo.setCurrentIndex(self.build_combo.findData(self._settings.torch_build))
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        form.addRow(tr("What"), self.what_label)
        form.addRow(tr("From"), self.from_label)
        form.addRow(tr("With"), self.python_label)
        form.addRow(tr("How large"), self.size_label)
        form.addRow(tr("Where"), self.folder_edit)
        form.addRow(tr("PyTorch"), self.build_combo)
        return form

    def _progress(self) -> QWidget:
        self.progress_bar = QProgressBar()
        self.progress_bar.setObjectName("installProgress")
        self.progress_bar.setAccessibleName(tr("Progress"))
        self.progress_bar.setRange(0, 100)
        self.progress_bar.setTextVisible(False)  # dark themes write it dark on dark
        self.progress_label = wrapped()
        self._progress_box = QWidget()
        column = QVBoxLayout(self._progress_box)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.progress_bar)
        column.addWidget(self.progress_label)
        return self._progress_box

    def _buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox()
        self.install_button = QPushButton(tr("Install"))
        self.install_button.setObjectName("installNow")
        self.install_button.setDefault(True)
        self.install_button.clicked.connect(self._install)
        self.stop_button = QPushButton(tr("Stop"))
        self.stop_button.setObjectName("installStop")
        self.stop_button.setToolTip(tr("Stop; what is downloaded already is kept"))
        self.stop_button.clicked.connect(self.cancel_asked.emit)
        self.close_button = QPushButton(tr("Close"))
        self.close_button.setObjectName("installClose")
        self.close_button.clicked.connect(self.close)
        box.addButton(self.install_button, QDialogButtonBox.ButtonRole.ActionRole)
        box.addButton(self.stop_button, QDialogButtonBox.ButtonRole.ActionRole)
        box.addButton(self.close_button, QDialogButtonBox.ButtonRole.RejectRole)
        return box

    # -- doing

    def _later_look(self) -> None:
        self._later.start(LOOK_AFTER_MS)

    def _write_choices(self, settings: Settings) -> None:
        folder = self.folder_edit.filePath().strip()
        if folder != str(settings.folder()):
            settings.engine_folder = folder
        settings.torch_build = self.build_combo.currentData()

    def _install(self) -> None:
        self._write_choices(self._settings)
        self._say("")
        repair = self._plan is not None and self._plan.installed
        self.install_asked.emit(repair)

    def _take_plan(self, task: BaseTask, outcome: Outcome) -> None:
        if task is not self._look:
            return
        self._look = None
        if isinstance(outcome, Done):
            self._plan = outcome.value
            self._show_plan(outcome.value)
        elif isinstance(outcome, Failed):
            self._say(str(outcome.error), bad=True)
        self._show()

    # -- showing

    def _show_plan(self, plan: InstallPlan) -> None:
        self.what_label.setText(
            tr("{packages} and what they need, about 60 packages with locked versions").format(
                packages=", ".join(plan.packages)
            )
        )
        self.from_label.setText(", ".join(plan.sources))
        python = tr("Python {version}: {path}") if plan.python else tr("no Python that fits")
        self.python_label.setText(python.format(version=plan.python_version, path=plan.python))
        self.size_label.setText(size_sentence(plan))
        chosen = self.build_combo.currentData()
        automatic = build_text("auto")
        if chosen == "auto":
            automatic = f"{automatic}: {build_text(plan.build)}"
        self.build_combo.setItemText(self.build_combo.findData("auto"), automatic)
        if plan.problem:
            self._say(plan.problem, bad=True)
        elif plan.installed and not self._over:
            self._say(
                tr("The engine is installed ({size}); “Repair” installs it anew.").format(
                    size=size_text(plan.used_bytes)
                )
            )
        elif not self._over:
            self._say("")
        self.install_button.setText(tr("Repair") if plan.installed else tr("Install"))

    def _show_view(self, view: PanelView) -> None:
        self.progress_bar.setRange(0, 100 if view.fraction > 0 else 0)
        percent = round(100 * view.fraction)
        self.progress_bar.setValue(percent)
        done = tr("{percent}%").format(percent=percent)
        self.progress_label.setText(f"{done} · {view.message}" if percent else view.message)
        self._show()

    def _show(self) -> None:
        activity = self._state.view.activity
        installing = activity is Activity.INSTALLING
        ready = self._plan is not None and not self._plan.problem
        self._progress_box.setVisible(installing)
        self.stop_button.setVisible(installing)
        self.install_button.setVisible(not installing and not self._over)
        self.install_button.setEnabled(ready and activity is Activity.IDLE)
        self.folder_edit.setEnabled(not installing)
        self.build_combo.setEnabled(not installing)

    def _say(self, text: str, *, bad: bool = False) -> None:
        say(self.outcome_label, text, bad=bad)


def size_sentence(plan: InstallPlan) -> str:
    """What is downloaded, what it takes, and what is free."""
    free = size_text(plan.free_bytes)
    if plan.download_bytes is None or plan.installed_bytes is None:
        return tr("several GB to download; {needed} must be free for it, {free} are").format(
            needed=size_text(plan.needed_bytes), free=free
        )
    return tr("{download} to download, {disk} on the disk; {free} are free").format(
        download=size_text(plan.download_bytes), disk=size_text(plan.installed_bytes), free=free
    )
