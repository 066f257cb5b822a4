from __future__ import annotations

import json

import pytest
from rsrefseg.cli.models import app
from rsrefseg.errors import ConfigError, WeightsError
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=True)


def fixture_options(golden):
    return (
        "--checkpoint", golden.with_suffix(".pth"),
        "--config", golden.with_suffix(".json"),
        "--expected", golden.with_suffix(".expected.safetensors"),
    )  # fmt: skip


def test_list_names_presets_and_weights():
    table = run("list")
    assert table.exit_code == 0
    for text in ("rsrefseg2-l", "rsrefseg2-tiny", "1,421.0 M", "Apache-2.0", "rsrefseg2-l-rrsisd"):
        assert text in table.stdout
    listed = json.loads(run("list", "--json").stdout)
    large = next(p for p in listed["presets"] if p["preset"] == "rsrefseg2-l")
    assert large["parameters"] == 1_421_015_523
    assert {"name", "preset", "licence", "citation", "sha256"} <= set(listed["weights"][0])


def test_verify_passes_on_the_fixtures(golden):
    table = run("verify", *fixture_options(golden))
    assert table.exit_code == 0, table.output
    assert "low_res_logits" in table.stdout
    report = json.loads(run("verify", *fixture_options(golden), "--json").stdout)
    assert report["passed"]
    assert len(report["stages"]) == 12


def test_verify_fails_with_exit_code_1(golden2, tmp_path):
    values = load_file(golden2.with_suffix(".expected.safetensors"))
    values["sparse_prompts"] = values["sparse_prompts"] * 1.001
    wrong = tmp_path / "wrong.safetensors"
    save_file(values, wrong)
    result = run("verify", *fixture_options(golden2)[:4], "--expected", wrong, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert [s["stage"] for s in report["stages"] if not s["passed"]] == ["sparse_prompts"]


def test_import_writes_a_file_and_asks_for_the_tokenizer(golden2, tmp_path):
    out = tmp_path / "x.safetensors"
    config = golden2.with_suffix(".json")
    result = run("import", golden2.with_suffix(".pth"), "--config", config, "-o", out)
    assert result.exit_code == 0, result.output
    assert "tokenizer.json" in result.stdout
    assert out.is_file()


def test_import_says_what_does_not_fit(golden2, tmp_path):
    checkpoint, out = golden2.with_suffix(".pth"), tmp_path / "x.safetensors"
    assert isinstance(run("import", checkpoint, "-o", out).exception, WeightsError)
    both = run("import", checkpoint, "--preset", "rsrefseg2-l", "--config", "x.json", "-o", out)
    assert isinstance(both.exception, ConfigError)
    assert isinstance(run("import", checkpoint, "--preset", "x", "-o", out).exception, ConfigError)
    assert not out.exists()


@pytest.fixture
def registry(tmp_path, golden2):
    """A registry with the fixture in it, and a folder that mirrors it."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "fixture.pth").write_bytes(golden2.with_suffix(".pth").read_bytes())
    file = {"role": "checkpoint", "name": "fixture.pth", "url": "https://example.invalid/f.pth"}
    model = {
        "name": "fixture",
        "preset": "rsrefseg2-l",
        "layout": "released",
        "trained_on": "noise",
        "licence": "CC0-1.0",
        "citation": "nobody",
        "files": [file],
    }
    path = tmp_path / "registry.json"
    path.write_text(json.dumps({"version": 1, "models": [model]}), encoding="utf-8")
    return path, mirror


def test_download_from_a_mirror_folder(registry, tmp_path):
    path, mirror = registry
    options = ("--registry", path, "--mirror", mirror, "--to", tmp_path / "to")
    first = run("download", "fixture", *options)
    assert first.exit_code == 0, first.output
    assert "recorded now" in first.stdout
    assert "rsrefseg models import" in first.stdout
    assert "CC0-1.0" in first.stdout
    assert "as recorded at the first download" in run("download", "fixture", *options).stdout
    assert (tmp_path / "to" / "fixture.pth").is_file()


def test_download_of_an_unknown_name(registry):
    result = run("download", "nothing", "--registry", registry[0])
    assert isinstance(result.exception, WeightsError)
