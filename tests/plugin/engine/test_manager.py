from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rsrefseg_qgis.engine.manager import EngineConfig, EngineManager, EngineState
from rsrefseg_qgis.engine.process import EngineProcess
from rsrefseg_qgis.engine.wire import ImageRef, SegmentRequest
from rsrefseg_qgis.errors import (
    CancelledError,
    EngineDiedError,
    EngineNotInstalledError,
    EngineStartError,
    EngineVersionError,
)
from rsrefseg_qgis.settings import Settings


def request(*phrases: str, request_id: str = "r1") -> SegmentRequest:
    return SegmentRequest(request_id, ImageRef(id="x"), phrases)


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_starts_on_first_use_and_is_reused(manager: EngineManager) -> None:
    states: list[EngineState] = []
    manager.subscribe(states.append)
    assert manager.state is EngineState.STOPPED
    client = manager.ensure()
    assert manager.ensure() is client
    assert manager.state is EngineState.READY
    assert manager.health is not None
    assert manager.health.model is not None
    assert manager.health.model.tile_px == 256
    assert states == [EngineState.STARTING, EngineState.LOADING, EngineState.READY]
    pid = manager.pid
    manager.stop()
    assert pid is not None
    assert gone(pid)
    assert manager.state is EngineState.STOPPED


def test_many_threads_get_one_engine(manager: EngineManager) -> None:
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: manager.ensure(), range(8)))
    assert len({id(client) for client in clients}) == 1


def test_waits_for_the_model(manager: EngineManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "slow_load")
    manager.ensure(wait_for_model=False)
    assert manager.state is EngineState.LOADING
    manager.ensure()
    assert manager.state is EngineState.READY


@pytest.mark.parametrize(("phrase", "why"), [("die", "killed"), ("exit", "code 3")])
def test_engine_that_dies_is_said_and_started_again(
    manager: EngineManager, phrase: str, why: str
) -> None:
    client = manager.ensure()
    first = manager.pid
    with pytest.raises(EngineDiedError, match=why) as caught:
        client.segment(request(phrase))
    assert "run it again" in str(caught.value)
    assert manager.state is EngineState.STOPPED
    assert manager.ensure().segment(request("roof")).results[0].phrase == "roof"
    assert manager.pid != first


def test_engine_killed_while_idle(manager: EngineManager) -> None:
    manager.ensure()
    assert manager.pid is not None
    os.kill(manager.pid, signal.SIGKILL)
    assert gone_or_zombie(manager)
    assert manager.ensure().segment(request("roof")).windows == 1


def gone_or_zombie(manager: EngineManager) -> bool:
    for _ in range(100):
        if manager.state is EngineState.STOPPED:
            return True
        time.sleep(0.02)
    return False


def test_broken_weights_are_a_sentence(
    manager: EngineManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "bad_weights")
    with pytest.raises(EngineStartError, match="weights are broken"):
        manager.ensure()
    assert manager.state is EngineState.FAILED
    assert "weights" in manager.last_error
    monkeypatch.delenv("FAKE_ENGINE")
    manager.ensure()
    assert manager.state is EngineState.READY


def test_changed_settings_start_another_engine(manager: EngineManager) -> None:
    manager.ensure()
    first = manager.pid
    manager.settings.device = "cpu"
    manager.ensure()
    assert first is not None
    assert manager.pid != first
    assert gone(first)


def test_not_installed(settings: Settings) -> None:
    settings.engine_python = ""
    manager = EngineManager(settings)
    with pytest.raises(EngineNotInstalledError, match="Install engine"):
        manager.ensure()


def test_missing_python(settings: Settings, tmp_path: Path) -> None:
    settings.engine_python = str(tmp_path / "nothing")
    with pytest.raises(EngineStartError, match="repair the engine"):
        EngineManager(settings).ensure()


def test_crash_at_start_names_the_cause(
    manager: EngineManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "crash")
    with pytest.raises(EngineStartError, match="No module named rsrefseg"):
        manager.ensure()


def test_version_that_does_not_fit(manager: EngineManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "new_api")
    with pytest.raises(EngineVersionError, match="update the plugin"):
        manager.ensure()
    assert manager.pid is not None
    assert gone(manager.pid)


def test_silent_start_times_out(manager: EngineManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "silent")
    manager.settings.start_timeout_s = 1.0
    with pytest.raises(EngineStartError, match="in time"):
        manager.ensure()


def test_start_can_be_cancelled(manager: EngineManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "silent")
    begun = time.monotonic()
    with pytest.raises(CancelledError):
        manager.ensure(lambda: time.monotonic() - begun > 0.3)
    assert time.monotonic() - begun < 5
    assert manager.state is EngineState.STOPPED


def test_waiting_for_another_threads_start_can_be_cancelled(
    manager: EngineManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "silent")
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(manager.ensure, stop.is_set)
        time.sleep(0.2)
        with pytest.raises(CancelledError):
            manager.ensure(lambda: True)
        stop.set()
        with pytest.raises(CancelledError):
            first.result()


def test_an_engine_that_ignores_everything_is_killed(
    manager: EngineManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "deaf")
    manager.ensure()
    process = manager._process
    assert process is not None
    process.stop(grace_s=0.2)
    assert process.poll() == -signal.SIGKILL


def test_no_orphan_when_the_parent_is_killed(settings: Settings, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\n"
        "from rsrefseg_qgis.engine.process import EngineProcess\n"
        "e = EngineProcess(pathlib.Path(sys.argv[1]), None, log_folder=pathlib.Path(sys.argv[2]))\n"
        "print(e.start(20).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", code, settings.engine_python, str(tmp_path / "logs")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        engine = int(parent.stdout.readline())
        parent.kill()
    assert gone(engine)


def test_log_is_kept_in_any_script(manager: EngineManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "chatty")
    manager.ensure()
    path = manager.log_path
    manager.stop()
    assert path is not None
    assert "屋根" in path.read_text(encoding="utf-8")


def test_settings_reach_the_engines_command_line(settings: Settings) -> None:
    settings.precision = "bf16"
    settings.disk_cache_mb = 0
    config = EngineConfig.from_settings(settings)
    assert (config.precision, config.cache_mb, config.disk_cache_mb) == ("bf16", None, 0)
    process = EngineProcess(
        Path("python"),
        None,
        device="cpu",
        precision="bf16",
        cache_mb=7,
        disk_cache_mb=0,
        time_limit_s=7200.0,
        log_folder=settings.folder(),
    )
    command = " ".join(process.command())
    assert "--device cpu --precision bf16 --cache-mb 7 --disk-cache-mb 0" in command
    assert "--time-limit-s 7200.0" in command
    assert "--weights" not in command
