"""Settings: precedence, the nearest file, and one clear line for a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.config import load_settings
from mmsearch.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, two levels below one that may hold mmsearch.toml."""
    monkeypatch.delenv("MMSEARCH_HOME")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    return tmp_path


def test_the_default_home_is_the_users_data_directory(folder: Path) -> None:
    assert load_settings().home.name == "mmsearch"


def test_a_file_above_the_working_folder_sets_home_relative_to_itself(folder: Path) -> None:
    (folder / "mmsearch.toml").write_text('home = "store"\n')
    assert load_settings().home == folder / "store"


def test_a_file_names_a_reranker_relative_to_itself(folder: Path) -> None:
    assert load_settings().reranker is None
    (folder / "mmsearch.toml").write_text('reranker = "trained"\n')
    assert load_settings().reranker == folder / "trained"
    assert load_settings(reranker="here").reranker == Path.cwd() / "here"


def test_the_nearest_file_wins_over_one_further_up(folder: Path) -> None:
    (folder / "mmsearch.toml").write_text('index = "far"\n')
    (folder / "a" / "mmsearch.toml").write_text('index = "near"\n')
    assert load_settings().index == "near"


def test_environment_beats_file_and_flag_beats_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mmsearch.toml").write_text('index = "file"\nbatch_size = 8\n')
    monkeypatch.setenv("MMSEARCH_INDEX", "environment")
    assert (load_settings().index, load_settings().batch_size) == ("environment", 8)
    assert load_settings(index="flag").index == "flag"


def test_a_flag_that_was_not_given_leaves_the_lower_layers_alone(folder: Path) -> None:
    (folder / "mmsearch.toml").write_text('index = "file"\n')
    assert load_settings(index=None).index == "file"


def test_the_index_lives_below_home(folder: Path) -> None:
    assert load_settings(home=folder / "h", index="x").index_dir == folder / "h" / "indexes" / "x"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('colour = "red"\n', "colour"),
        ("batch_size = 0\n", "batch_size"),
        ("decode_memory_mb = 127\n", "decode_memory_mb"),
        ("decode_timeout_s = inf\n", "decode_timeout_s"),
        ("max_megapixels = nan\n", "max_megapixels"),
        ("home = \n", "mmsearch.toml"),
        ('home = "~nobody-at-all/x"\n', "no home for '~nobody-at-all'"),
        ("port = " + "9" * 5000, "mmsearch.toml"),
        ("a = " + "[" * 3000, "mmsearch.toml"),
        ("max_megapixels = inf\n", "max_megapixels"),
        ("decode_timeout_s = 1e10\n", "decode_timeout_s"),
        ("decode_memory_mb = 99999999999999999999\n", "decode_memory_mb"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_it(
    folder: Path, text: str, named: str
) -> None:
    (folder / "mmsearch.toml").write_text(text)
    with pytest.raises(ConfigError, match=named) as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_an_unknown_environment_variable_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMSEARCH_HOEM", "/tmp")
    with pytest.raises(ConfigError, match="MMSEARCH_HOEM"):
        load_settings()


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden"])
def test_an_index_name_cannot_leave_the_home(folder: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="index"):
        load_settings(index=name)


def test_a_variable_that_is_not_utf_8_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMSEARCH_MODEL", "caf\udce9")
    with pytest.raises(ConfigError, match="MMSEARCH_MODEL"):
        load_settings()
