from __future__ import annotations

from rsrefseg_qgis.engine.environment import clean_environment

QGIS = {
    "PATH": "/usr/bin",
    "HOME": "/home/x",
    "PYTHONHOME": "C:/OSGeo4W/apps/Python39",
    "PYTHONPATH": "/usr/share/qgis/python",
    "LD_LIBRARY_PATH": "/opt/qgis/lib",
    "PROJ_LIB": "/usr/share/proj",
    "GDAL_DATA": "/usr/share/gdal",
    "PIP_TARGET": "/somewhere",
    "PIP_INDEX_URL": "https://mirror/simple",
    "PIP_CONFIG_FILE": "/etc/pip.conf",
    "https_proxy": "http://proxy:3128",
    "QGIS_PREFIX_PATH": "/usr",
    "RSREFSEG_TOKEN": "of another engine",
}


def test_nothing_of_qgis_reaches_the_engine() -> None:
    kept = clean_environment(QGIS)
    assert kept == {
        "PATH": "/usr/bin",
        "HOME": "/home/x",
        "https_proxy": "http://proxy:3128",
        "PYTHONUTF8": "1",
        "PYTHONNOUSERSITE": "1",
    }


def test_pip_keeps_its_way_to_the_network_only() -> None:
    kept = clean_environment(QGIS, for_pip=True)
    assert kept["PIP_INDEX_URL"] == "https://mirror/simple"
    assert kept["PIP_CONFIG_FILE"] == "/etc/pip.conf"
    assert "PIP_TARGET" not in kept
