"""What is opened with the stores is closed with them."""

from pathlib import Path

import pytest

from models.embeddings import EmbeddingModel
from settings import Settings
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
    assert closed == ["wordllama"]
