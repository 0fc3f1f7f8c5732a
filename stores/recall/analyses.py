"""What is known of an episode's passages, packed to lie beside its row: made once, read at load.

How they are cut, their terms, tokens, traits, and vectors where the model runs in this process.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from langgraph.store.base import Item
from numpy.typing import NDArray
from pydantic import ValidationError

from domain.recall.analyses import Ready, Stored, analysed, quantized
from domain.recall.index_building import units_of
from domain.recall.passages import Spans, spans_of
from domain.records import Episode
from domain.text.languages import TABLES
from models.embeddings.open import EmbeddingModel
from models.tokens import TokenCounter
from stores.base_store.items import StoredItem, json_text
from stores.memories import BESIDE
from stores.recall.embedder import embedder

_FORM = "4"
"""Of what is packed, and of the code that cuts and reads passages."""
_READ = (
    *("common", "letters", "own", "you", "negations", "negation_pieces", "note", "asks"),
    *("prepositions", "stop", "numbers", "tens", "months", "days", "times", "talk"),
)
"""The keys of `languages.toml` that tell a text's language, and decide on terms and traits."""
_TRAIT_STEPS = 6
"""Traits are halves and thirds, packed as sixths."""


class PassageAnalyses:
    """Packs and unpacks what is known of the passages of episodes."""

    def __init__(self, embedding: EmbeddingModel, tokens: TokenCounter) -> None:
        """Embed with `embedding`, where it runs in this process, and count with `tokens`."""
        self._embed = embedder(embedding)
        self._dimensions = embedding.dimensions
        self._tokens = tokens
        self._model = embedding.name if self._embed else ""

    def pack(self, episode: Episode) -> dict[str, Any] | None:
        """Return what lies beside the row of an episode; None where it has no passage.

        It embeds every passage, some milliseconds each: call it in a thread.
        """
        units = units_of(episode.turns, {})
        if not units:
            return None
        words: dict[str, int] = {}
        analyses = [analysed(unit, self._tokens.text) for unit in units]
        terms = [[words.setdefault(word, len(words)) for word in each.terms] for each in analyses]
        traits = np.array([each.traits for each in analyses])
        packed = {
            "by": self._by(),
            "spans": {
                turn.ref(at): spans
                for turn in episode.turns
                for at, said in enumerate(turn.messages)
                if (spans := spans_of(said.text))
            },
            "words": " ".join(words),
            "lengths": list(map(len, terms)),
            "terms": _text(np.array([at for each in terms for at in each], dtype=np.uint32)),
            "tokens": [each.tokens for each in analyses],
            "traits": _text(np.rint(traits * _TRAIT_STEPS).astype(np.uint8)),
        }
        if self._embed is not None:
            packed["rows"] = _text(quantized(self._embed([unit.text for unit in units])))
        return packed

    def renewed(self, stored: StoredItem) -> StoredItem:
        """Return an episode's item with what this model knows of its passages; others as is."""
        item = stored.item
        if item.namespace[-1:] != ("episode",) or self._made(item.value.get(BESIDE)):
            return stored
        try:
            packed = self.pack(Episode.model_validate(item.value.get("record")))
        except ValidationError:
            return stored  # Left out, with a warning, when it is read.
        value = {key: each for key, each in item.value.items() if key != BESIDE}
        value |= {} if packed is None else {BESIDE: packed}
        times = {"created_at": item.created_at, "updated_at": item.updated_at}
        renewed = Item(value=value, key=item.key, namespace=item.namespace, **times)
        return stored._replace(item=renewed)

    def _made(self, packed: Any) -> bool:
        """Return whether this model and form made what lies beside a row."""
        return isinstance(packed, dict) and packed.get("by") == self._by()

    def unpack(self, episodes: Mapping[str, Episode], packed: Mapping[str, Any]) -> Ready:
        """Return what is known of each passage.

        Args:
            episodes: By id.
            packed: What lies beside their rows, by id; what another model or form made, and what
                cannot be read, is passed over: those passages are read anew.
        """
        messages: dict[str, tuple[Stored, int]] = {}
        spans: dict[str, Spans] = {}
        for id, value in packed.items():
            episode = episodes.get(id)
            if episode is None or not self._made(value):
                continue
            try:
                cut = {
                    ref: [(int(begin), int(end)) for begin, end in each]
                    for ref, each in value["spans"].items()
                }
                firsts, count = _firsts(episode, cut)
                stored = self._stored(value, count)
            except (KeyError, ValueError, TypeError, AttributeError, binascii.Error):
                continue
            spans |= {ref: cut.get(ref, []) for ref in firsts}
            messages |= {ref: (stored, first) for ref, first in firsts.items()}
        return Ready(messages, spans)

    def _stored(self, value: Mapping[str, Any], count: int) -> Stored:
        """Return what was found in `count` passages.

        Raises:
            KeyError: If a part is missing.
            TypeError: If one is of another kind.
            ValueError: If one holds another number of passages; as binascii.Error, if no base64.
        """
        words = tuple(value["words"].split(" ")) if value["words"] else ()
        lengths = np.array(value["lengths"], dtype=np.int64)
        flat = _array(value["terms"], np.uint32)
        tokens = np.array(value["tokens"], dtype=np.float64)
        traits = _array(value["traits"], np.uint8).reshape(count, -1) / _TRAIT_STEPS
        if len(lengths) != count or len(tokens) != count or lengths.sum() != len(flat):
            raise ValueError("it holds another number of passages")
        if len(flat) and int(flat.max()) >= len(words):
            raise ValueError("it holds a term without a word")
        vectors = None
        if self._embed is not None:
            vectors = _array(value["rows"], np.int8).reshape(count, self._dimensions)
        return Stored(words, flat, lengths, tokens, traits, vectors)

    def _by(self) -> str:
        """Return what an analysis depends on beside the text."""
        return f"{_FORM} {_tables()} {self._tokens.encoding.name} {self._model}"


def _firsts(episode: Episode, spans: Mapping[str, Spans]) -> tuple[dict[str, int], int]:
    """Return where the passages of each message begin among those of an episode, and how many."""
    firsts: dict[str, int] = {}
    count = 0
    for turn in episode.turns:
        for at, said in enumerate(turn.messages):
            if said.text.strip():
                ref = turn.ref(at)
                firsts[ref] = count
                count += len(spans.get(ref, ())) or 1
    return firsts, count


@cache
def _tables() -> str:
    """Return a digest of the words that decide on terms and traits, in all languages."""
    read = {code: [table.get(key) for key in _READ] for code, table in TABLES.items()}
    return hashlib.sha256(json_text(read).encode()).hexdigest()[:12]


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def _array(text: str, kind: type[np.generic]) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text, validate=True), dtype=kind)
