"""The first run's page, with an installer whose Python and pip are a shell script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rsrefseg_qgis.engine import install
from rsrefseg_qgis.gui.state import Activity, EngineStatus
from rsrefseg_qgis.settings import Settings

SAID = '{"version": [3, 11], "bits": 64, "venv": true, "free_threaded": false}'


def fake_base(folder: Path, pip: str) -> Path:
    """A Python that passes for 3.11 and whose venv is itself again; ``pip`` is its shell code."""
    path = folder / "python3.11"
    path.write_text(
        f"""#!/bin/sh
case "$*" in
*json*) echo '{SAID}' ;;
*"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
*"-m pip install"*) echo "Collecting torch==2.13.0"; {pip} ;;
esac
"""
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def page(window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page over a machine without an engine."""
    monkeypatch.setattr(install, "NEEDED_BYTES", {"cpu": 1, "cuda": 1})
    settings = window.plugin.settings
    settings.engine_python = ""
    settings.torch_build = "cpu"
    settings.base_python = str(fake_base(tmp_path, "exit 0"))
    window.plugin.watch.look()
    return window.plugin.install_page


def opened(window: Any, page: Any) -> None:
    window.panel.engine_line.install_button.click()
    window.qtbot.waitUntil(page.install_button.isEnabled, timeout=20000)


def test_says_what_where_and_how_large_before_anything_happens(
    window: Any, page: Any, tmp_path: Path
) -> None:
    opened(window, page)
    assert page.isVisible()
    assert "torch 2.13.0" in page.what_label.text()
    assert "pypi.org" in page.from_label.text()
    assert "Python 3.11" in page.python_label.text()
    assert "393 MB to download, 1.5 GB on the disk" in page.size_label.text()
    assert page.folder_edit.filePath() == str(tmp_path / "user")
    assert not (tmp_path / "user").exists()
    assert not page._progress_box.isVisible()


def test_installs_with_progress(window: Any, page: Any) -> None:
    opened(window, page)
    said: list[str] = []
    window.plugin.state.subscribe(lambda view: said.append(view.message))
    page.install_button.click()
    assert window.plugin.state.view.activity is Activity.INSTALLING
    assert page._progress_box.isVisible()
    assert not page.install_button.isVisible()
    window.wait()
    assert "The engine is installed" in page.outcome_label.text()
    assert "Collecting torch==2.13.0" in said
    assert window.plugin.state.view.engine.status is EngineStatus.STOPPED
    page.open_page()
    window.qtbot.waitUntil(lambda: page.install_button.text() == "Repair", timeout=20000)


def test_another_folder_is_looked_at_and_stored_when_it_is_used(
    window: Any, page: Any, tmp_path: Path
) -> None:
    opened(window, page)
    page.folder_edit.setFilePath(str(tmp_path / "another folder"))
    wanted = tmp_path / "another folder"
    window.qtbot.waitUntil(
        lambda: (
            page._plan is not None and wanted in (page._plan.folder, *page._plan.folder.parents)
        ),
        timeout=20000,
    )
    window.qtbot.waitUntil(page.install_button.isEnabled, timeout=20000)
    assert window.plugin.settings.folder() == tmp_path / "user"
    page.install_button.click()
    window.wait()
    assert window.plugin.settings.folder() == tmp_path / "another folder"
    assert (tmp_path / "another folder" / "engine" / "installed.json").is_file()


def test_a_failure_stays_on_the_page(window: Any, page: Any, tmp_path: Path) -> None:
    fake_base(tmp_path, "echo '[Errno 28] No space left on device'; exit 1")
    opened(window, page)
    page.install_button.click()
    window.wait()
    assert "free about" in page.outcome_label.text()
    assert page.install_button.isVisible()


def test_stop_frees_the_page(window: Any, page: Any, tmp_path: Path) -> None:
    fake_base(tmp_path, "sleep 60")
    opened(window, page)
    page.install_button.click()
    window.qtbot.waitUntil(lambda: "torch" in page.progress_label.text(), timeout=20000)
    page.stop_button.click()
    window.qtbot.waitUntil(lambda: "Stopped" in page.outcome_label.text(), timeout=20000)
    assert page.install_button.isEnabled()


def test_no_python_is_said_before_the_installation(window: Any, page: Any) -> None:
    window.plugin.settings.base_python = "/nowhere/python3.11"
    page.open_page()
    window.qtbot.waitUntil(lambda: bool(page.outcome_label.text()), timeout=20000)
    assert "/nowhere/python3.11" in page.outcome_label.text()
    assert not page.install_button.isEnabled()


def test_unload_in_the_middle(window: Any, page: Any, tmp_path: Path) -> None:
    fake_base(tmp_path, "sleep 60")
    opened(window, page)
    page.install_button.click()
    window.qtbot.waitUntil(lambda: "torch" in page.progress_label.text(), timeout=20000)
    window.plugin.unload()
    window.qtbot.wait(500)
    assert not install.Installer(window.plugin.settings).is_installed
    with install.file_lock(Settings.folder(window.plugin.settings) / "install.lock") as held:
        assert held  # nobody installs any more
    window.plugin.initGui()  # for the fixture's own unload
