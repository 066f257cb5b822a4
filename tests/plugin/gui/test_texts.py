"""The translations that are shipped: complete files, made from these sources, shown by Qt."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest
from qgis.PyQt.QtCore import QCoreApplication, QTranslator

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.paths import PLUGIN_FOLDER

FOLDER = PLUGIN_FOLDER / "i18n"
LANGUAGES = sorted(path.stem.rsplit("_", 1)[1] for path in FOLDER.glob("*.ts"))


def translations(language: str) -> dict[str, str]:
    tree = ElementTree.parse(FOLDER / f"rsrefseg_{language}.ts")
    pairs = {m.findtext("source", ""): m.findtext("translation", "") for m in tree.iter("message")}
    return {text: translated for text, translated in pairs.items() if translated}


@pytest.fixture
def translator(request: pytest.FixtureRequest, qgis_app: object) -> Iterator[QTranslator]:
    made = QTranslator()
    assert made.load(str(FOLDER / f"rsrefseg_{request.param}.qm"))
    QCoreApplication.installTranslator(made)
    yield made
    QCoreApplication.removeTranslator(made)


def test_german_and_another_language() -> None:
    assert "de" in LANGUAGES
    assert len(LANGUAGES) >= 2


@pytest.mark.parametrize(
    ("translator", "language"), [(x, x) for x in LANGUAGES], indirect=["translator"]
)
def test_compiled_files_say_what_the_texts_say(translator: QTranslator, language: str) -> None:
    said = translations(language)
    assert len(said) > 100
    assert {text: tr(text) for text in said} == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_survive(language: str) -> None:
    def holes(text: str) -> list[str]:
        return sorted(re.findall(r"\{.*?\}", text))

    wrong = {t: s for t, s in translations(language).items() if holes(t) != holes(s)}
    assert wrong == {}


@pytest.mark.parametrize("translator", ["de"], indirect=True)
def test_the_panel_in_german(translator: QTranslator, window: object) -> None:
    panel = window.panel  # type: ignore[attr-defined]
    assert panel.segment_button.text() == "Segmentieren"
    assert panel.engine_line.label.text().startswith("Engine startet mit der ersten Frage")
    page = window.plugin.options_factory.createWidget(None)  # type: ignore[attr-defined]
    assert "verlässt diesen Rechner" in page.privacy_label.text()
    page.deleteLater()


def test_the_plugin_loads_the_users_language(monkeypatch: pytest.MonkeyPatch) -> None:
    from qgis.core import QgsApplication

    from rsrefseg_qgis import plugin

    monkeypatch.setattr(QgsApplication, "locale", lambda *a: "de_AT")
    loaded = plugin._install_translator()
    try:
        assert tr("Segment") == "Segmentieren"
    finally:
        QCoreApplication.removeTranslator(loaded)
    monkeypatch.setattr(QgsApplication, "locale", lambda *a: "en_GB")
    assert plugin._install_translator() is None
