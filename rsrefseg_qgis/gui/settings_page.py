"""The plugin's page in QGIS's Options."""

from __future__ import annotations

from collections.abc import Callable

from qgis.core import QgsApplication
from qgis.gui import (
    QgsCollapsibleGroupBox,
    QgsOptionsPageWidget,
    QgsOptionsWidgetFactory,
    QgsPasswordLineEdit,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import (
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.engine.plan import InstallPlan
from rsrefseg_qgis.engine.tls import parse_fingerprint
from rsrefseg_qgis.engine.token import keep_token
from rsrefseg_qgis.engine.transport import HttpTransport
from rsrefseg_qgis.engine.wire import Health
from rsrefseg_qgis.errors import SettingError, tr
from rsrefseg_qgis.paths import resource, user_folder
from rsrefseg_qgis.settings import Draft, Settings
from rsrefseg_qgis.tasks.base import BaseTask, Done, Failed, Outcome
from rsrefseg_qgis.tasks.install import connect_task, plan_task

from .help import HelpKey, help_button
from .labels import say, wrapped
from .settings_form import SettingsForm, form_layout
from .wording import build_text, size_text

KEPT_HINT = "••••••••"


class SettingsPage(QgsOptionsPageWidget):
    """All settings that people change; the engine takes them over with the next question.

    Args:
        manager: the engine.
        install: shows the page that installs the engine.
        applied: told when settings were stored.
        warn: tells the user what could not be stored.
        parent: QGIS's dialog.
    """

    def __init__(
        self,
        manager: EngineManager,
        install: Callable[[], None],
        applied: Callable[[], None],
        warn: Callable[[str], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("rsrefsegSettingsPage")
        self._manager = manager
        self._settings = manager.settings
        self._install = install
        self._applied = applied
        self._warn = warn
        self._form = SettingsForm(self._settings)
        self._tasks: dict[str, BaseTask] = {}
        self._build()
        HelpKey(self, "settings")
        self._check_entries()
        self._look()

    def apply(self) -> None:
        """Store what was chosen; QGIS calls this for OK and Apply."""
        refused = self._form.write(self._settings)
        if self.token_edit.isModified():
            try:
                keep_token(self._settings, self.token_edit.text())
                self.token_edit.setModified(False)
            except SettingError as error:
                refused.append(str(error))
        say(self.problem_label, " ".join(refused), bad=True)
        for sentence in refused:  # the dialog may close now
            self._warn(sentence)
        self._applied()

    def draft(self) -> Settings:
        """What is chosen, stored or not."""
        made = Settings(Draft(self._settings.store()))
        self._form.write(made)
        if self.token_edit.isModified():
            made.engine_token = self.token_edit.text()
            made.engine_token_kept = False
        return made

    # -- building

    def _build(self) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setSpacing(12)
        column.addLayout(self._head())
        self.problem_label = wrapped()
        self.problem_label.setObjectName("settingsProblem")
        self.problem_label.hide()
        column.addWidget(self.problem_label)
        column.addWidget(self._local())
        column.addWidget(self._remote())
        column.addWidget(self._results())
        column.addWidget(self._installing())
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _head(self) -> QHBoxLayout:
        self.privacy_label = wrapped(
            tr(
                "Privacy: no raster, no phrase and no statistics leave this machine. Only "
                "installing the engine needs a network, and only a remote engine that you enter "
                "below is sent the pixels of the extent and the phrase."
            )
        )
        self.privacy_label.setObjectName("privacyLabel")
        icon = QLabel()
        icon.setPixmap(QgsApplication.getThemeIcon("/locked.svg").pixmap(20, 20))
        icon.setAlignment(Qt.AlignmentFlag.AlignTop)
        row = QHBoxLayout()
        row.addWidget(icon)
        row.addWidget(self.privacy_label, 1)
        row.addWidget(help_button("settings"), 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _local(self) -> QGroupBox:
        self.engine_label = wrapped(tr("Looking at the engine…"))
        self.engine_label.setObjectName("settingsEngine")
        self.engine_label.setAccessibleName(tr("State of the engine"))
        self.install_button = QPushButton(tr("Install or repair…"))
        self.install_button.setObjectName("settingsInstall")
        self.install_button.setToolTip(tr("Show what is installed and where, and do it"))
        self.install_button.clicked.connect(self._show_install)
        add, table = self._form, Settings
        form = form_layout()
        form.addRow(self.engine_label)  # a row of its own, as high as its text
        form.addRow(_left(self.install_button))
        device = tr("Device")
        tip = tr("Where the model runs; automatic takes a graphics card where one can be used")
        form.addRow(device, add.choice(table.device, device, tip, device_choices()))
        precision = tr("Precision")
        tip = tr("Numbers that the model calculates with; automatic takes the fastest that is safe")
        form.addRow(precision, add.choice(table.precision, precision, tip, precision_choices()))
        memory = tr("Memory for encoded images")
        tip = tr("Further phrases on a view that is kept there are answered at once")
        form.addRow(memory, add.megabytes(table.cache_mb, memory, tip, tr("an eighth of it")))
        disk = tr("Disk for encoded images")
        tip = tr("Views that are kept there need not be encoded again in the next session")
        form.addRow(disk, add.megabytes(table.disk_cache_mb, disk, tip, tr("none")))
        tip = tr("The first answer comes sooner; the processor or graphics card works for it")
        typing = tr("Encode the extent while the phrase is being typed")
        form.addRow(add.check(table.encode_while_typing, typing, tip))
        return _group(tr("Engine on this machine"), form)

    def _remote(self) -> QGroupBox:
        add, table = self._form, Settings
        form = form_layout()
        address = tr("Address")
        tip = tr("https:// address of an engine elsewhere; empty: the engine on this machine")
        self.url_edit = add.text(table.engine_url, address, tip, "https://server:8443")
        form.addRow(address, self.url_edit)
        self.token_edit = QgsPasswordLineEdit()
        self.token_edit.setObjectName("rsrefseg_engine_token")
        self.token_edit.setAccessibleName(tr("Token"))
        self.token_edit.setToolTip(
            tr("What the remote engine asks for; kept encrypted in QGIS's authentication database")
        )
        if self._settings.engine_token_kept:
            self.token_edit.setPlaceholderText(KEPT_HINT)
        form.addRow(tr("Token"), self.token_edit)
        fingerprint = tr("Certificate's fingerprint")
        tip = tr("SHA-256 of a self-signed certificate, as the engine prints it when it starts")
        hint = tr("empty: whom this system trusts")
        self.fingerprint_edit = add.text(table.engine_fingerprint, fingerprint, tip, hint)
        form.addRow(fingerprint, self.fingerprint_edit)
        self.test_button = QPushButton(tr("Test the connection"))
        self.test_button.setObjectName("settingsTest")
        self.test_button.setToolTip(tr("Ask the engine at this address how it is"))
        self.test_button.clicked.connect(self._test)
        self.remote_label = wrapped()
        self.remote_label.setObjectName("settingsRemote")
        self.remote_label.setAccessibleName(tr("How the connection is"))
        row = QHBoxLayout()
        row.setSpacing(12)
        left_top = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
        row.addWidget(self.test_button, 0, left_top)
        row.addWidget(self.remote_label, 1)
        form.addRow(row)
        self.url_edit.textChanged.connect(self._check_entries)
        self.fingerprint_edit.textChanged.connect(self._check_entries)
        return _group(tr("Remote engine"), form)

    def _results(self) -> QGroupBox:
        style = tr("Style of new results")
        tip = tr("A QGIS style file that new result layers get; empty: the plugin's own style")
        form = form_layout()
        form.addRow(
            style,
            self._form.path(
                Settings.result_style, style, tip, tr("the plugin's own"), tr("Style (*.qml)")
            ),
        )
        return _group(tr("Results"), form)

    def _installing(self) -> QgsCollapsibleGroupBox:
        add, table = self._form, Settings
        form = form_layout()
        folder, automatic = tr("Folder of the engine"), tr("looked for")
        tip = tr("Folder for the engine's environment, logs and downloads")
        form.addRow(folder, add.path(table.engine_folder, folder, tip, str(user_folder())))
        build = tr("PyTorch")
        tip = tr("Which PyTorch to install; automatic takes CUDA where an NVIDIA driver answers")
        choices = [(value, build_text(value)) for value in table.torch_build.choices]
        form.addRow(build, add.choice(table.torch_build, build, tip, choices))
        wheels = tr("Folder of packages")
        tip = tr("Wheels to install from on a machine without a network")
        form.addRow(wheels, add.path(table.wheels_folder, wheels, tip, tr("from the network")))
        any_file = tr("All files (*)")
        base = tr("Python to install with")
        tip = tr("Python 3.10 to 3.13 that the engine's environment is made from")
        form.addRow(base, add.path(table.base_python, base, tip, automatic, any_file))
        own = tr("Engine's Python")
        tip = tr("Python of an environment of yours that has the engine, instead of the plugin's")
        form.addRow(own, add.path(table.engine_python, own, tip, tr("the installed one"), any_file))
        weights = tr("Weights")
        tip = tr("Weights file of another model; empty: the one that comes with the plugin")
        kind = tr("Weights (*.safetensors)")
        hint = tr("the plugin's own")
        form.addRow(weights, add.path(table.weights, weights, tip, hint, kind))
        box = QgsCollapsibleGroupBox(tr("Installation and model"))
        box.setObjectName("settingsInstallation")
        box.setLayout(form)
        box.setCollapsed(True)
        return box

    # -- doing

    def _show_install(self) -> None:
        self._install()

    def _test(self) -> None:
        self.test_button.setEnabled(False)
        say(self.remote_label, tr("Asking the engine…"))
        self._start("test", connect_task(self.draft()), self._show_test)

    def _look(self) -> None:
        self._start("plan", plan_task(self.draft()), self._show_plan)

    def _start(self, name: str, task: BaseTask, show: Callable[[Outcome], None]) -> None:
        self._tasks[name] = task
        # a bound method: Qt lets go of it when the dialog is closed before the task has ended
        task.ended.connect(show)
        QgsApplication.taskManager().addTask(task)

    # -- showing

    def _show_plan(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Done):
            say(self.engine_label, str(outcome.error) if isinstance(outcome, Failed) else "")
            return
        say(self.engine_label, plan_sentence(outcome.value, self._settings.engine_python))

    def _show_test(self, outcome: Outcome) -> None:
        self.test_button.setEnabled(bool(self.url_edit.text().strip()))
        if isinstance(outcome, Done):
            say(self.remote_label, health_sentence(outcome.value))
        elif isinstance(outcome, Failed):
            say(self.remote_label, str(outcome.error), bad=True)
        else:
            say(self.remote_label, "")

    def _check_entries(self) -> None:
        """Say at once what is wrong with an address or a fingerprint."""
        url = self.url_edit.text().strip()
        self.test_button.setEnabled(bool(url))
        try:
            if url:
                HttpTransport(url).close()
            parse_fingerprint(self.fingerprint_edit.text())
        except SettingError as error:
            say(self.remote_label, str(error), bad=True)
        else:
            say(self.remote_label, "")


class SettingsPageFactory(QgsOptionsWidgetFactory):
    """Gives QGIS's Options the page.

    Args:
        manager: the engine.
        install: shows the page that installs the engine.
        applied: told when settings were stored.
        warn: tells the user what could not be stored.
    """

    def __init__(
        self,
        manager: EngineManager,
        install: Callable[[], None],
        applied: Callable[[], None],
        warn: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.setTitle("RSRefSeg")
        self._manager = manager
        self._install = install
        self._applied = applied
        self._warn = warn

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return QIcon(str(resource("icons/rsrefseg.svg")))

    def createWidget(self, parent: QWidget | None) -> SettingsPage:
        """A page for a dialog that opens."""
        return SettingsPage(self._manager, self._install, self._applied, self._warn, parent)


def device_choices() -> list[tuple[str, str]]:
    """Devices and their names."""
    return [
        ("auto", tr("Automatic")),
        ("cpu", tr("Processor (CPU)")),
        ("cuda", tr("NVIDIA graphics card (CUDA)")),
        ("mps", tr("Apple graphics (MPS)")),
    ]


def precision_choices() -> list[tuple[str, str]]:
    """Precisions and what they are for."""
    return [
        ("auto", tr("Automatic")),
        ("fp32", tr("32 bit: exact, slowest")),
        ("bf16", tr("bfloat16: for newer hardware")),
        ("fp16", tr("16 bit: for graphics cards")),
    ]


def plan_sentence(plan: InstallPlan, own_python: str) -> str:
    """What engine there is on this machine."""
    if own_python:
        return tr("The engine of your own environment is used: {python}").format(python=own_python)
    if plan.installed:
        return tr("Installed in {folder} ({size})").format(
            folder=plan.folder, size=size_text(plan.used_bytes)
        )
    return tr("Not installed yet")


def health_sentence(health: Health | None) -> str:
    """What a remote engine said of itself."""
    if health is None or health.model is None:
        return tr("The engine answers.")
    device = health.device.name if health.device else tr("an unknown device")
    return tr("The engine answers: version {version}, model {model}, on {device}.").format(
        version=health.engine_version, model=health.model.name, device=device
    )


def _left(widget: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(widget)
    row.addStretch(1)
    return row


def _group(title: str, form: QWidget) -> QGroupBox:
    box = QGroupBox(title)
    box.setLayout(form)
    return box
