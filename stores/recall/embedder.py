"""An embedding model as a plain function, where it runs in this process.

What is embedded, and what for, is decided by whoever calls it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.recall.analyses import Embed
from models.embeddings.local import LocalEmbeddings
from models.embeddings.open import EmbeddingModel


def embedder(embedding: EmbeddingModel) -> Embed | None:
    """Return the model as a plain function where it runs in this process, else None.

    It goes around the cache of embedded texts, which a whole conversation would flush.
    """
    if not embedding.in_process:
        return None
    inner = embedding.embeddings.inner
    if isinstance(inner, LocalEmbeddings):
        return inner.matrix

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.array(inner.embed_documents(list(texts)), dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)

    return embed


def instant(embedding: EmbeddingModel) -> bool:
    """Return whether a few messages are embedded in this process within a few milliseconds.

    So they are where another one embeds them.
    """
    inner = embedding.embeddings.inner
    return not embedding.in_process or (isinstance(inner, LocalEmbeddings) and inner.quick > 0)
