"""Memories that were made with another embedding model go on with it, unless one is named."""

from pathlib import Path
from typing import Any

import pytest

from domain.owner import Owner
from graph.parts import open_parts
from service.ops.doctor_stores import check_long_term
from settings import Settings
from stores.errors import StoreMismatch
from stores.open import open_stores


def settings(folder: Path, **more: str) -> Settings:
    unset = {"chat_model": None, "openai_api_key": None, "openai_base_url": None}
    values: dict[str, Any] = unset | more
    return Settings(_env_file=None, data_dir=folder, **values)


@pytest.fixture(autouse=True)
def no_model_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNEMO_EMBEDDINGS", raising=False)


async def test_with_no_model_named_the_earlier_one_goes_on(tmp_path: Path) -> None:
    async with open_parts(settings(tmp_path, embeddings="wordllama")):
        pass
    async with open_parts(settings(tmp_path)) as parts:
        assert parts.models.embeddings.name == "wordllama"
        assert parts.settings.embeddings == "wordllama"
    checks = await check_long_term(settings(tmp_path))
    (told,) = [check.text for check in checks if check.name == "earlier embeddings"]
    assert "mnemo reindex --embeddings use-multilingual" in told


async def test_a_model_that_is_named_is_not_exchanged(tmp_path: Path) -> None:
    async with open_parts(settings(tmp_path, embeddings="wordllama")):
        pass
    with pytest.raises(StoreMismatch, match="mnemo reindex --embeddings use-multilingual"):
        async with open_parts(settings(tmp_path, embeddings="use-multilingual")):
            pass


async def test_stores_on_their_own_go_on_with_the_earlier_one_too(tmp_path: Path) -> None:
    async with open_parts(settings(tmp_path, embeddings="wordllama")):
        pass
    async with open_stores(settings(tmp_path)) as stores:
        assert (await stores.memories.all(Owner("alex"), None)).facts == ()
