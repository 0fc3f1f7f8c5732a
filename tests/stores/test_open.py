"""What is opened with the stores is closed with them."""

from pathlib import Path

import pytest

from models.embeddings.open import EmbeddingModel
from settings import Settings
from stores.errors import StoreUnavailable
from stores.maintenance.snapshot import snapshot
from stores.open import open_stores


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the models that were closed."""
    names: list[str] = []

    async def close(self: EmbeddingModel) -> None:
        names.append(self.name)

    monkeypatch.setattr(EmbeddingModel, "aclose", close)
    return names


async def test_stores_close_the_model_that_they_opened(tmp_path: Path, closed: list[str]) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, chroma_shards=2)
    async with open_stores(settings):
        assert closed == []
    assert closed == [settings.embeddings]


async def test_a_damaged_file_of_chroma_is_one_sentence_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, chroma_shards=2)
    async with open_stores(settings):
        pass
    with (tmp_path / "chroma" / "chroma.sqlite3").open("r+b") as file:
        file.write(b"?" * 100)
    with pytest.raises(StoreUnavailable, match=r"`mnemo doctor`[^\n]* backup\.$"):
        async with open_stores(settings):
            pass


async def test_an_emptied_file_of_chroma_is_no_empty_memory(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, chroma_shards=2)
    async with open_stores(settings) as stores:
        await stores.long_term.aput(("alex",), "k", {"text": "tea"}, index=["text"])
    (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"")
    for _ in range(2):  # It is not made anew by the first.
        with pytest.raises(StoreUnavailable, match=r"empty .*`mnemo doctor`[^\n]* backup"):
            async with open_stores(settings):
                pass
    with pytest.raises(StoreUnavailable, match=r"empty .*`mnemo doctor`[^\n]* backup"):
        async with snapshot(settings) as copy, open_stores(copy):
            pass
