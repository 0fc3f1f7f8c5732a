"""The vectors of an episode's passages, packed to lie beside its row: made once, read at load.

Only for a model that runs in this process: another one gives the messages no vectors.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.recall.corpus import Embed
from domain.recall.index import units_of
from domain.records import Episode
from models.embeddings.open import EmbeddingModel
from stores.recall.embedder import embedder

_FORM = "int8/1"
"""How vectors are packed, and how messages are cut into passages."""
_MOST = 127

Passage = tuple[str, str]
"""Message reference and text."""


class PassageVectors:
    """Packs and unpacks the vectors of episodes for one embedding model."""

    def __init__(self, embedding: EmbeddingModel) -> None:
        """Embed with `embedding`, where it runs in this process."""
        self._embed: Embed | None = embedder(embedding)
        self._dimensions = embedding.dimensions
        self._made_by = f"{embedding.name} {_FORM}"

    def pack(self, episode: Episode) -> dict[str, str] | None:
        """Return what lies beside the row of an episode; None where no model runs here.

        It embeds every passage, some milliseconds each: call it in a thread.
        """
        texts = [text for _, text in _passages(episode)]
        if self._embed is None or not texts:
            return None
        rows = self._embed(texts)
        scale = _MOST / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-9)
        packed = np.rint(rows * scale).astype(np.int8).tobytes()
        return {"by": self._made_by, "rows": base64.b64encode(packed).decode("ascii")}

    def unpack(
        self, episodes: Mapping[str, Episode], packed: Mapping[str, Any]
    ) -> dict[Passage, NDArray[np.float32]]:
        """Return the vector of each passage, by reference and text, of length 1 (or 0).

        Args:
            episodes: By id.
            packed: What lies beside their rows, by id; of another model or form it is passed over.
        """
        vectors: dict[Passage, NDArray[np.float32]] = {}
        for id, value in packed.items():
            episode = episodes.get(id)
            if episode is None or not isinstance(value, dict) or value.get("by") != self._made_by:
                continue
            passages = list(_passages(episode))
            try:
                flat = np.frombuffer(base64.b64decode(value.get("rows", "")), dtype=np.int8)
                rows = flat.reshape(len(passages), self._dimensions).astype(np.float32)
            except (ValueError, binascii.Error):
                continue  # cut otherwise than now: they are made anew
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            rows /= np.where(lengths > 0, lengths, 1)
            vectors.update(zip(passages, rows, strict=True))
        return vectors


def _passages(episode: Episode) -> Iterator[Passage]:
    for unit in units_of(episode.turns, {}):
        yield unit.ref, unit.text
