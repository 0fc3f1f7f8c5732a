"""The turn index: every verbatim message of an owner, ready to be ranked, kept in this process.

Built from the owner's rows and journal, extended as the journal grows, built again when the rows
moved. Nothing here ranks, and nothing is written anywhere.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain as flat

import numpy as np
from numpy.typing import NDArray

from domain.corpus import Corpus, Embed, build, extended
from domain.facts import Standing, notes, standing, withheld
from domain.journal import JournalView
from domain.owner import Owner
from domain.records import Episode, Fact, Turn, turn_of
from domain.turns import Parents, parents_of
from domain.units import UNNAMED, Unit, passages
from models.embeddings import EmbeddingModel, WordLlamaEmbeddings
from stores.memories import Memories, Rows

Key = tuple[str, str | None]
"""Owner and generation."""


_STANDINGS_KEPT = 8


@dataclass(frozen=True)
class KnownFacts:
    """The facts that count, seen from one branch at one time."""

    standings: tuple[Standing, ...]
    ids: frozenset[str]
    notes: Mapping[str, str]
    """Turn id to what to say beside it."""
    withheld: frozenset[str]
    """Turns that a deleted fact came from."""


@dataclass(frozen=True)
class EvidenceIndex:
    """All that one generation of an owner said, and what was drawn from it, at one moment."""

    corpus: Corpus
    rows: Rows
    moved: int | None
    """`JournalView.rows` that it was built at; None where the rows could not be read."""
    folded: Parents
    """The turns of episodes with their parents."""
    turns: frozenset[str]
    """Ids of all turns in it."""

    @property
    def nbytes(self) -> int:
        """About how many bytes it takes."""
        records = len(self.rows.facts) + len(self.rows.entities) + len(self.folded)
        return self.corpus.nbytes + 1_500 * records

    told: frozenset[str]
    """Turns that facts were drawn from."""
    _standings: dict[tuple[frozenset[str], datetime | None], "KnownFacts"] = field(
        default_factory=dict, compare=False, repr=False
    )

    def standing(self, live: frozenset[str], as_of: datetime | None) -> "KnownFacts":
        """Return which facts count while `live` turns are live; worked out once for the same."""
        key = (self.told & live, as_of)
        known = self._standings.get(key)
        if known is None:
            standings = standing(self.rows.facts, live, as_of)
            known = KnownFacts(
                standings=tuple(standings),
                ids=frozenset(one.fact.id for one in standings),
                notes=notes(self.rows.facts, standings),
                withheld=withheld(self.rows.facts),
            )
            if len(self._standings) >= _STANDINGS_KEPT:
                self._standings.clear()
            self._standings[key] = known
        return known

    def tree(self, view: JournalView) -> Parents:
        """Return every known turn with its parent."""
        return {**self.folded, **parents_of(view.turns.values())}


class EvidenceCache:
    """The indexes of the owners of late, bounded by number and by bytes.

    A reading of the journal says what an index must hold, so what any process wrote is seen by
    the next recall in every other.
    """

    def __init__(
        self,
        memories: Memories,
        embedding: EmbeddingModel,
        count: Callable[[str], int],
        *,
        owners: int,
        size: int,
        patience: float = 5.0,
    ) -> None:
        """Keep at most `owners` indexes of `size` bytes altogether.

        Args:
            memories: Where the rows come from.
            embedding: Gives each message a vector where the model runs in this process.
            count: Tokens of a text.
            owners: Indexes at most.
            size: Bytes at most; the index in use stays, however large.
            patience: Seconds that reading the rows may take.
        """
        self._memories = memories
        self._embed = embedder(embedding)
        self._count = count
        self._owners, self._size, self._patience = owners, size, patience
        self._kept: OrderedDict[Key, EvidenceIndex] = OrderedDict()
        self._flights: dict[tuple[Key, int], asyncio.Task[EvidenceIndex]] = {}

    async def index(self, owner: Owner, view: JournalView) -> EvidenceIndex:
        """Return the index of all that `view` and the rows hold.

        Raises:
            StoreUnavailable: If the rows are needed and cannot be read.
            TimeoutError: If reading them takes too long.
        """
        key = (owner.key, view.generation)
        index = self._kept.get(key)
        if index is None or index.moved != view.rows:
            index = await self._loaded(key, owner, view)
        return self._with_journal(key, index, view)

    async def without_rows(self, owner: Owner, view: JournalView) -> EvidenceIndex:
        """Return the last index there was, or an empty one, with what the journal holds."""
        key = (owner.key, view.generation)
        index = self._kept.get(key)
        if index is None:
            index = await asyncio.to_thread(self._build, Rows(), view, None, None)
        return self._with_journal(key, index, view)

    def forget(self, owner: Owner) -> None:
        """Drop every index of an owner."""
        for key in [key for key in self._kept if key[0] == owner.key]:
            del self._kept[key]

    def __len__(self) -> int:
        """Return how many indexes are kept."""
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """About how many bytes the kept indexes take."""
        return sum(index.nbytes for index in self._kept.values())

    async def _loaded(self, key: Key, owner: Owner, view: JournalView) -> EvidenceIndex:
        """Load an index once, however many ask for it at the same time."""
        flight = self._flights.get((key, view.rows))
        if flight is None:
            # A task of its own: who asked first may be cancelled while others still wait.
            flight = asyncio.create_task(self._load(key, owner, view))
            self._flights[key, view.rows] = flight
            flight.add_done_callback(lambda done: self._landed((key, view.rows), done))
        return await asyncio.shield(flight)

    def _landed(self, key: tuple[Key, int], flight: asyncio.Task[EvidenceIndex]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # seen, also where nobody waits any more

    async def _load(self, key: Key, owner: Owner, view: JournalView) -> EvidenceIndex:
        async with asyncio.timeout(self._patience):
            rows = await self._memories.all(owner, view.generation)
        known = self._kept.get(key)
        return await asyncio.to_thread(
            self._build, rows, view, view.rows, known.corpus if known else None
        )

    def _build(
        self, rows: Rows, view: JournalView, moved: int | None, known: Corpus | None
    ) -> EvidenceIndex:
        turns = _turns(rows.episodes, view.turns)
        facts = [fact for fact in rows.facts if not fact.deleted]
        units = units_of(turns, {})
        units += _lone(facts, units)
        corpus = build(units, facts, count=self._count, embed=self._embed, known=known)
        return EvidenceIndex(
            corpus=corpus,
            rows=rows,
            moved=moved,
            folded=parents_of((), rows.episodes),
            turns=frozenset(turn.id for turn in turns),
            told=frozenset(turn_of(ref) for fact in rows.facts for ref in fact.sources),
        )

    def _with_journal(self, key: Key, index: EvidenceIndex, view: JournalView) -> EvidenceIndex:
        """Return the index with the journal's newer turns, and keep it where it is whole."""
        newer = [turn for turn in view.turns.values() if turn.id not in index.turns]
        if newer:
            ordered = sorted(newer, key=lambda turn: turn.seq)
            last = {turn: rows[-1] for turn, rows in index.corpus.rows_of_turn.items()}
            units = units_of(ordered, last, len(index.corpus))
            index = replace(
                index,
                corpus=extended(index.corpus, units, count=self._count, embed=self._embed),
                turns=index.turns | {turn.id for turn in newer},
            )
        if index.moved == view.rows:
            self._keep(key, index)
        return index

    def _keep(self, key: Key, index: EvidenceIndex) -> None:
        kept = self._kept.get(key)
        if kept is not None and kept.moved == index.moved and len(kept.turns) > len(index.turns):
            return  # Another recall has read more of the journal meanwhile.
        self._kept[key] = index
        self._kept.move_to_end(key)
        while len(self._kept) > self._owners:
            self._kept.popitem(last=False)
        held = self.nbytes
        while held > self._size and len(self._kept) > 1:
            held -= self._kept.popitem(last=False)[1].nbytes


def embedder(embedding: EmbeddingModel) -> Embed | None:
    """Return the model as a plain function where it runs in this process, else None.

    It goes around the cache of embedded texts, which a whole conversation would flush.
    """
    if not embedding.in_process:
        return None
    inner = embedding.embeddings.inner
    if isinstance(inner, WordLlamaEmbeddings):
        return inner.matrix

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.array(inner.embed_documents(list(texts)), dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)

    return embed


def units_of(turns: Iterable[Turn], last: Mapping[str, int], first: int = 0) -> list[Unit]:
    """Return the units of turns, each turn after the one it follows.

    Args:
        turns: By sequence number.
        last: The last unit of each turn that is indexed already.
        first: The position of the first new unit.
    """
    last = dict(last)
    units: list[Unit] = []
    for turn in turns:
        before = last.get(turn.parent or "", -1)
        for position, said in enumerate(turn.messages):
            for passage in passages(said.text):
                if not passage.strip():
                    continue
                speaker = said.name or UNNAMED[said.role]
                units.append(
                    Unit(turn.ref(position), turn.id, speaker, said.role, passage, said.at, before)
                )
                before = first + len(units) - 1
        last[turn.id] = before
    return units


def _turns(episodes: Sequence[Episode], journal: Mapping[str, Turn]) -> list[Turn]:
    """Return every turn once: a fold may have moved some since the journal was read."""
    folded = flat.from_iterable(episode.turns for episode in episodes)
    turns = {turn.id: turn for turn in (*folded, *journal.values())}
    return sorted(turns.values(), key=lambda turn: turn.seq)


def _lone(facts: Sequence[Fact], units: Sequence[Unit]) -> list[Unit]:
    """Return units for the facts that no message speaks for: edited ones, and lost sources."""
    said = {unit.ref for unit in units}
    return [
        Unit(fact.id, turn_of(fact.sources[0]), "", None, fact.text, fact.valid_from, -1)
        for fact in facts
        if fact.sources and (fact.edited or not said & set(fact.sources))
    ]
