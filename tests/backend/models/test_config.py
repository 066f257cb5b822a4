from __future__ import annotations

import json

import pytest
from rsrefseg.errors import ConfigError
from rsrefseg.models.config import Preset, list_presets, load_preset

EXPECTED = {
    "rsrefseg2-tiny",
    "rsrefseg2-l",
    "rsrefseg2-bplus",
    "rsrefseg2-s",
    "rsrefseg2-t",
    "rsrefseg2-sam1-b",
    "rsrefseg2-sam1-l",
    "rsrefseg2-sam1-h",
}


def test_all_presets_are_there():
    assert set(list_presets()) == EXPECTED


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_presets_survive_json(name):
    preset = load_preset(name)
    assert Preset.from_json(json.loads(json.dumps(preset.to_json()))) == preset
    assert preset.name == name
    assert preset.licence


def test_unknown_preset_names_those_there_are():
    with pytest.raises(ConfigError, match="rsrefseg2-tiny"):
        load_preset("rsrefseg3")


def test_broken_json_is_said(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a valid JSON"):
        load_preset(path)


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("clip", "width", None, "whole number"),
        ("clip", "width", "64", "whole number"),
        ("clip", "width", 0, "greater than 0"),
        ("clip", "width", 63, "multiple"),
        ("clip", "depth", 3, r"clip\.depth.*not a known setting"),
        ("clip", "stem", "pool", "patch, conv"),
        ("clip", "local_kernel", 4, r"clip\.local_kernel.*odd"),
        ("clip", "init_logit_bias", float("nan"), "finite"),
        ("sam", "kind", "sam3", "sam1.*sam2"),
        ("sam", "global_att_blocks", [44], "first of a stage"),
        ("sam", "global_att_blocks", [99], "global_att_blocks"),
        ("sam", "window_spec", [8, 4], "four window sizes"),
        ("sam", "window_spec", [8, 4, 0, 8], "four window sizes"),
        ("sam", "window_spec", [7, 4, 16, 8], "window_spec"),
        ("sam", "image_size", 1000, "image_size.*multiple"),
        ("sam", "stages", "2", "list of whole numbers"),
        ("prompter", "internal_dim", 500, "multiple"),
        ("prompter", "presence", 1, "true or false"),
        ("prompter", "dense_norm", "layer", "batch, group"),
    ],
)
def test_wrong_settings_are_named(section, key, value, said):
    values = load_preset("rsrefseg2-l").to_json()
    values[section][key] = value
    with pytest.raises(ConfigError, match=said):
        Preset.from_json(values)


@pytest.mark.parametrize(("key", "value"), [("stem", "patch"), ("patch_size", 4)])
def test_finer_maps_need_a_stem_that_has_them(key, value):
    values = load_preset("rsrefseg2-tiny").to_json()
    values["sam"][key] = value
    with pytest.raises(ConfigError, match="finer_maps"):
        Preset.from_json(values)


def test_missing_setting_is_named():
    values = load_preset("rsrefseg2-l").to_json()
    del values["clip"]["vision_mlp"]
    with pytest.raises(ConfigError, match="vision_mlp"):
        Preset.from_json(values)
    del values["prompter"]
    with pytest.raises(ConfigError, match="prompter"):
        Preset.from_json(values)


def test_notes_of_a_configuration_are_kept():
    values = load_preset("rsrefseg2-l").to_json()
    values["n_tokens"] = 7
    assert Preset.from_json(values).extra == {"n_tokens": 7}
