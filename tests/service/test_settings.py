"""Settings: tiers are rows of a table; what is written wrong is told, with the name meant."""

import re
from pathlib import Path

import pytest

from domain.tiers import Tier
from service.ops.misnamed import misnamed
from settings import Settings
from tests.support.mnemo_runs import Mnemo, mnemo

__all__ = ["mnemo"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MNEMO_CHATMODEL", "MNEMO_CHAT_MODEL"),
        ("mnemo_redis_uri", "MNEMO_REDIS_URL"),
        ("MNEMO_PLUS__CONTEXT_BUGDET", "MNEMO_PLUS__CONTEXT_BUDGET"),
        ("MNEMO_PLUSS__CONTEXT_BUDGET", "MNEMO_PLUS__CONTEXT_BUDGET"),
        ("MNEMO_TIERS__GOLD__CONTEXT_BUGDET", "MNEMO_TIERS__GOLD__CONTEXT_BUDGET"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(name: str, meant: str) -> None:
    assert misnamed([name]) == [
        f"{name.upper()} is no setting and changes nothing: did you mean {meant}?"
    ]


def test_names_in_the_file_beside_are_looked_at_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("MNEMO_CHATMODEL=x\nMNEMO_DATA_DIR=y\n")
    assert [each.split()[0] for each in misnamed()] == ["MNEMO_CHATMODEL"]


def test_a_command_tells_it_once(mnemo: Mnemo) -> None:
    done = mnemo.run("facts", env={"MNEMO_CHATMODEL": "x"})
    assert done.stderr.count("did you mean MNEMO_CHAT_MODEL?") == 1 == len(done.stderr.splitlines())


def test_known_names_and_those_of_others_are_not_told() -> None:
    known = [
        "MNEMO_DATA_DIR",
        "mnemo_data_dir",
        "MNEMO_FREE__TOKENS_PER_DAY",
        "MNEMO_PRICES__GPT",
        "MNEMO_TIERS__GOLD__REMEMBERS",
    ]
    assert misnamed([*known, "PATH", "MNEMONIC", "OPENAI_API_KEY", "MNEMO_TEST_REDIS_URL"]) == []


def test_a_tier_is_added_by_variables_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMO_TIERS", '{"gold": {"context_budget": 9000}}')
    monkeypatch.setenv("MNEMO_TIERS__TRIAL__CONTEXT_BUDGET", "4000")
    monkeypatch.setenv("MNEMO_TIERS__TRIAL__TURNS_PER_MINUTE", "3")
    monkeypatch.setenv("MNEMO_DEFAULT_TIER", "trial")
    settings = Settings(_env_file=None)
    assert list(settings.all_tiers) == ["free", "plus", "gold", "trial"]
    assert settings.tier(None) == Tier(context_budget=4000, turns_per_minute=3)
    assert settings.tier("gold").remembers and not settings.tier("free").remembers


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "which MNEMO_CHARACTERS_FILE names, is not there."),
        (b'[""]\npersona = "You are nobody."\n', "cannot be used: "),
        (b'[ada]\npersonna = "A tutor."\n', "ada.personna is no part of a character; these are: "
         "name, persona, model, tier, greeting."),
        (b"[a.b]\n", "a.b is no part of a character"),
        (b'ada = "A tutor."\n', "ada must be a table, as [ada]."),
        (b"[ada]\n[ada]\n", "twice"),
        (b'[ada]\ntier = "gold"\n', 'ada.tier: There is no tier "gold"'),
        (b'[ada]\nname = "Zo\xeb"\n', "is no text in UTF-8: save it so."),
    ],
)  # fmt: skip
def test_a_file_of_characters_that_cannot_be_used_is_refused_with_what_is_wrong(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / "characters.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=r"characters\.toml.*" + re.escape(sentence)):
        Settings(_env_file=None, characters_file=file)


def test_a_file_of_characters_is_read_as_windows_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "characters.toml"
    file.write_bytes('["zoë"]\r\nname = "Zoë"\r\n'.encode("utf-8-sig"))
    assert Settings(_env_file=None, characters_file=file).characters["zoë"].name == "Zoë"


def test_a_tier_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    sentence = 'There is no tier "gold": use "free", "plus" or "trial".'
    row = {"trial": Tier(context_budget=4000)}
    with pytest.raises(ValueError, match=sentence):
        Settings(_env_file=None, tiers=row, default_tier="gold")
    characters = tmp_path / "characters.toml"
    characters.write_text('[ada]\ntier = "gold"\n')
    with pytest.raises(ValueError, match=sentence):
        Settings(_env_file=None, tiers=row, characters_file=characters)


def test_settings_in_another_encoding_are_told_in_a_sentence(mnemo: Mnemo) -> None:
    (mnemo.folder / ".env").write_text("MNEMO_TIMEZONE=Europe/Berlin\n", "utf-16")
    done = mnemo.run("doctor")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("The file .env is no text in UTF-8: save it so")
