"""The local help: the guide in each language, and the short help of each algorithm."""

from __future__ import annotations

import re
from typing import Any

import pytest
from qgis.PyQt.QtCore import QUrl

from rsrefseg_qgis.gui.help import SECTIONS, GuideView, HelpWindow, close_help, open_help
from rsrefseg_qgis.paths import guide

LANGUAGES = ("en", "de")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_guide_has_all_sections_and_its_pictures(language: str) -> None:
    path = guide(language)
    assert (path.name == "guide.md") == (language == "en")
    text = path.read_text(encoding="utf-8")
    assert len(re.findall("^## ", text, re.MULTILINE)) == len(SECTIONS)
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", text)
    assert pictures
    assert all((path.parent / name).is_file() for name in pictures)
    assert sum((path.parent / name).stat().st_size for name in pictures) < 600_000


def test_a_language_without_a_guide_gets_the_english_one() -> None:
    assert guide("fi_FI").name == "guide.md"
    assert guide("de_AT").name == "guide.de.md"


def test_each_section_is_found(qtbot: Any) -> None:
    view = GuideView()
    qtbot.addWidget(view)
    view.load("en")
    titles = []
    for section in SECTIONS:
        view.show_section(section)
        titles.append(view.textCursor().block().text())
    assert titles[0] == "Install the engine"
    assert len(set(titles)) == len(SECTIONS)


def test_pictures_fit_the_window(qtbot: Any) -> None:
    view = GuideView()
    qtbot.addWidget(view)
    view.resize(500, 400)
    view.show()
    view.load("en")
    image = view.loadResource(2, QUrl("images/guide/result.png"))
    assert 0 < image.width() <= 500


def test_one_window(qtbot: Any) -> None:
    first = open_help("ask")
    assert open_help("settings") is first
    close_help()
    qtbot.waitUntil(lambda: HelpWindow.current is None)


def test_every_algorithm_has_a_short_help(window: Any) -> None:
    algorithms = window.plugin.provider.algorithms()
    assert algorithms
    for algorithm in algorithms:
        assert len(algorithm.shortDescription()) > 20, algorithm.name()
        assert len(algorithm.shortHelpString()) > 200, algorithm.name()
