from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rsrefseg_qgis.engine import install, pythons, venv
from rsrefseg_qgis.engine.install import Installer, pip_commands
from rsrefseg_qgis.engine.lock import file_lock
from rsrefseg_qgis.engine.pip_errors import classify
from rsrefseg_qgis.errors import CancelledError, InstallError
from rsrefseg_qgis.settings import Settings

NETWORK = """WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'
ERROR: Could not find a version that satisfies the requirement torch
ERROR: No matching distribution found for torch"""


@pytest.mark.parametrize(
    ("output", "reason", "says"),
    [
        (NETWORK, "no_network", "network"),
        ("ProxyError('Cannot connect to proxy.')", "proxy", "global.proxy"),
        (
            "SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))",
            "certificate",
            "cert",
        ),
        ("ERROR: [Errno 28] No space left on device", "disk_full", "free about"),
        ("ERROR: [WinError 5] Access is denied: 'C:\\\\x'", "no_permission", "another folder"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no_wheel", "torch==2.13.0"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "corrupt", "damaged"),
        ("OSError: [WinError 206] The filename or extension is too long", "long_path", "short"),
        ("Traceback\nerror: it went wrong", "broken", "it went wrong"),
        ("", "broken", "no message"),
    ],
)
def test_failures_become_a_sentence(output: str, reason: str, says: str) -> None:
    error = classify(output, "/the/folder")
    assert error.reason == reason
    assert says in str(error)
    assert "\n" not in str(error)


def fake_base(folder: Path, pip: str = "exit 0", venv_step: str = "") -> Path:
    """A Python that passes for 3.11 and whose venv is itself again; ``pip`` is its shell code."""
    path = folder / "python3.11"
    said = '{"version": [3, 11], "bits": 64, "venv": true, "free_threaded": false}'
    path.write_text(
        f"""#!/bin/sh
case "$*" in
*json*) echo '{said}' ;;
*"-m venv"*) {venv_step or ":"}
    for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
*"-m pip install"*) echo "Collecting torch==2.13.0"; echo "$@" > pip-was-called-with; {pip} ;;
*) exit 0 ;;
esac
"""
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings.engine_python = ""
    settings.torch_build = "cpu"
    monkeypatch.setattr(install, "NEEDED_BYTES", {"cpu": 1, "cuda": 1})
    return settings


def test_whole_installation(bare: Settings, tmp_path: Path) -> None:
    bare.base_python = str(fake_base(tmp_path))
    installer = Installer(bare)
    said: list[tuple[float, str]] = []
    assert not installer.is_installed
    python = installer.install(lambda fraction, message: said.append((fraction, message)))
    assert python.is_file()
    assert installer.is_installed
    assert [fraction for fraction, _ in said] == sorted(fraction for fraction, _ in said)
    assert any("torch==2.13.0" in message for _, message in said)
    assert "constraints.txt" in (bare.folder() / "pip-was-called-with").read_text()
    assert "Collecting torch" in installer.log_path.read_text()
    assert installer.install() == python  # nothing to do
    installer.remove()
    assert not installer.is_installed


def test_interrupted_is_not_installed_and_goes_on(bare: Settings, tmp_path: Path) -> None:
    bare.base_python = str(fake_base(tmp_path, pip="echo '[Errno 28] No space left'; exit 1"))
    with pytest.raises(InstallError) as caught:
        Installer(bare).install()
    assert caught.value.reason == "disk_full"
    assert not Installer(bare).is_installed
    fake_base(tmp_path)
    installed = venv.venv_python(venv.venv_folder(bare.folder()))
    installed.write_text(Path(bare.base_python).read_text())
    mark = installed.parent / "kept"
    mark.touch()
    assert Installer(bare).install() == installed
    assert mark.exists()  # the environment was gone on with, not made anew


def test_another_version_or_constraints_need_an_installation(
    bare: Settings, tmp_path: Path
) -> None:
    bare.base_python = str(fake_base(tmp_path))
    Installer(bare).install()
    marker = venv.read_marker(bare.folder())
    assert marker is not None
    assert venv.is_current(marker)
    venv.write_marker(bare.folder(), venv.Installed("0.0.1", marker.constraints_sha256, "cpu"))
    assert not Installer(bare).is_installed
    venv.write_marker(bare.folder(), venv.Installed(marker.version, "other", "cpu"))
    assert not Installer(bare).is_installed
    (venv.venv_folder(bare.folder()) / venv.MARKER).write_text("{broken")
    assert not Installer(bare).is_installed


def test_cancel_ends_the_child(bare: Settings, tmp_path: Path) -> None:
    bare.base_python = str(fake_base(tmp_path, pip="exec sleep 60"))
    begun = time.monotonic()
    with pytest.raises(CancelledError):
        Installer(bare).install(cancelled=lambda: (bare.folder() / "pip-was-called-with").exists())
    assert time.monotonic() - begun < 20
    assert not Installer(bare).is_installed


def test_two_windows_do_not_install_at_once(bare: Settings, tmp_path: Path) -> None:
    bare.base_python = str(fake_base(tmp_path))
    with file_lock(bare.folder() / "install.lock") as held:
        assert held
        with pytest.raises(InstallError, match="Another QGIS") as caught:
            Installer(bare).install()
    assert caught.value.reason == "busy"
    Installer(bare).install()


def test_a_dead_holder_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from rsrefseg_qgis.engine.lock import file_lock\n"
        "with file_lock(pathlib.Path(sys.argv[1])) as held:\n"
        "    os._exit(0 if held else 1)\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], cwd=root, check=True)
    with file_lock(tmp_path / "lock") as held:
        assert held


def test_too_little_space(bare: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.base_python = str(fake_base(tmp_path))
    monkeypatch.setattr(install, "NEEDED_BYTES", {"cpu": 1e18})
    with pytest.raises(InstallError, match="are free") as caught:
        Installer(bare).install()
    assert caught.value.reason == "disk_full"


def test_a_folder_that_cannot_be_made(bare: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    bare.engine_folder = str(tmp_path / "file" / "below")
    bare.base_python = str(fake_base(tmp_path))
    with pytest.raises(InstallError, match="another folder"):
        Installer(bare).install()


def test_index_per_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def words(build: str, wheels: str = "") -> list[list[str]]:
        return pip_commands(Path("python"), Path("engine"), build, wheels)

    monkeypatch.setattr(install.sys, "platform", "linux")
    (usual,) = words("cuda")
    assert "--extra-index-url" not in usual
    first, second = words("cpu")
    assert first[-2:] == ["torch", "torchvision"]
    assert install.CPU_INDEX in first
    assert "--no-deps" in first
    assert "--extra-index-url" not in second
    (offline,) = words("cpu", "/wheels")
    assert "--no-index" in offline
    monkeypatch.setattr(install.sys, "platform", "win32")
    assert install.CUDA_INDEX in words("cuda")[0]
    monkeypatch.setattr(install.sys, "platform", "darwin")
    assert len(words("cpu")) == 1


def test_finds_a_python_and_never_runs_what_is_none(tmp_path: Path) -> None:
    qgis = tmp_path / "qgis-bin"
    qgis.write_text("#!/bin/sh\ntouch was-run\n")
    qgis.chmod(0o755)
    assert pythons.probe(qgis) is None
    assert not Path("was-run").exists()
    with pytest.raises(InstallError, match="cannot be used") as caught:
        pythons.find_base_python(str(qgis))
    assert caught.value.reason == "no_python"


def test_no_python_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "candidates", lambda: iter(()))
    with pytest.raises(InstallError, match="install one"):
        pythons.find_base_python()


@pytest.mark.parametrize(
    ("said", "objection"),
    [
        ('{"version": [3, 9], "bits": 64, "venv": true, "free_threaded": false}', "3.10 to 3.13"),
        ('{"version": [3, 11], "bits": 32, "venv": true, "free_threaded": false}', "64 bits"),
        ('{"version": [3, 13], "bits": 64, "venv": true, "free_threaded": true}', "free-threaded"),
        ('{"version": [3, 12], "bits": 64, "venv": false, "free_threaded": false}', "3.12-venv"),
        ("{}", "does not run"),
        ("nothing", "does not run"),
    ],
)
def test_unfit_pythons_are_told_why(tmp_path: Path, said: str, objection: str) -> None:
    path = tmp_path / "python3"
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    with pytest.raises(InstallError, match=objection):
        pythons.find_base_python(str(path))


@pytest.mark.slow
def test_real_installation(bare: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The whole thing with the real pip: QGIS's variables set, and they must not matter."""
    monkeypatch.undo()
    for name in list(os.environ):
        if name.startswith("RSREFSEG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    python = Installer(bare).install()
    assert not (tmp_path / "elsewhere").exists()
    code = "import torch, rsrefseg; print(torch.__version__, rsrefseg.__file__)"
    monkeypatch.delenv("PYTHONHOME")
    run = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    assert str(bare.folder()) in run.stdout
