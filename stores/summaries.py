"""The episodes of one branch, found fast: cached by the turn where the folded part begins.

What lies below a live folded turn never changes, so its entry is never stale; it only expires.
"""

import asyncio
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cachetools import LRUCache
from pydantic import AliasChoices, Field, TypeAdapter

from domain.journal import JournalView
from domain.owner import Owner
from domain.records import Episode, Record, Turn
from domain.turns import chain, live, parents_of
from stores.memories import Memories

NEWEST = 60
"""Episodes of a branch that are kept at hand, newest: more than any prompt shows."""
PARSED = 64
"""Branches that a process keeps parsed: those of the conversations under way."""
AT_HAND = 8_192
"""Episodes of branches that a process keeps for the embedded stores, of all owners: some 20 MB."""


class EpisodeNote(Record):
    """What a prompt needs of an episode."""

    id: str
    summary: str
    turns: tuple[str, ...]
    begun: datetime
    ended: datetime
    without: tuple[str, ...] = ()
    """As of the episode."""

    def tells(self, withheld: Container[str]) -> bool:
        """Return whether the summary may say something that is withheld."""
        ids = (self.id, *self.turns)
        return any(id in withheld and id not in self.without for id in ids)


class Branch(Record):
    """The folded part of one branch."""

    top: str
    """Its newest turn."""
    notes: tuple[EpisodeNote, ...]
    """Oldest first; only episodes whose turns all lie on the branch."""
    partial: tuple[Turn, ...] = Field(default=(), validation_alias=AliasChoices("partial", "loose"))
    """Turns of the branch in episodes that do not: it forked off inside them. Oldest first."""


@dataclass(frozen=True)
class Path:
    """A branch as one run walks it: what the journal still holds, and where the rest begins."""

    journal: tuple[str, ...]
    """Turn ids, oldest first, up to and including the head."""
    top: str | None
    """The newest turn that the journal no longer holds; None if there is none."""


def path_of(view: JournalView, head: str | None) -> Path:
    """Walk from `head` down through the journal."""
    walked = chain(head, parents_of(view.turns.values()))
    top = view.turns[walked[0]].parent if walked else head
    return Path(journal=walked, top=None if top in walked else top)


class SummaryCache(Protocol):
    """Where branches are kept between turns."""

    async def get(self, owner: Owner, generation: str | None, top: str) -> Branch | None:
        """Return the branch whose newest folded turn is `top`, if it is at hand."""

    async def put(
        self, owner: Owner, generation: str | None, branch: Branch, instead: str = ""
    ) -> None:
        """Keep a branch, instead of the one whose newest folded turn was `instead`."""


class LocalCache:
    """The branches used last, in this process, for the embedded stores."""

    def __init__(self, size: int = AT_HAND) -> None:
        """Keep branches of `size` episodes altogether; the one unused for longest goes first."""
        self._branches: LRUCache[tuple[str, str | None, str], Branch] = LRUCache(
            size, getsizeof=lambda branch: min(1 + len(branch.notes) + len(branch.partial), size)
        )

    async def get(self, owner: Owner, generation: str | None, top: str) -> Branch | None:
        """Return the branch whose newest folded turn is `top`, if it is at hand."""
        return self._branches.get((owner.key, generation, top))

    async def put(
        self, owner: Owner, generation: str | None, branch: Branch, instead: str = ""
    ) -> None:
        """Keep a branch, instead of the one whose newest folded turn was `instead`."""
        self._branches.pop((owner.key, generation, instead), None)
        self._branches[owner.key, generation, branch.top] = branch


class Summaries:
    """Reads the summaries of a branch from the cache, else from the long-term store."""

    def __init__(self, memories: Memories, cache: SummaryCache) -> None:
        """Read episodes from `memories`, keep branches in `cache`."""
        self._memories = memories
        self._cache = cache
        self._parsed: LRUCache[str, Branch] = LRUCache(PARSED)

    def forget(self) -> None:
        """Drop what this process keeps parsed, so that nothing outlives its deletion."""
        self._parsed.clear()

    def _at_hand(self, view: JournalView, top: str) -> Branch | None:
        """Return what was read with the journal, if it is of this branch."""
        if not view.summaries:
            return None
        branch = self._parsed.get(view.summaries)
        if branch is None:
            branch = self._parsed[view.summaries] = _BRANCH.validate_json(view.summaries)
        return branch if branch.top == top else None

    async def branch(
        self, owner: Owner, view: JournalView, head: str | None, *, fresh: bool = False
    ) -> Branch | None:
        """Return the folded part of the branch that ends at `head`; None if nothing is folded.

        `fresh`: no ref reaches `head`, so what is at hand of it may have been swept.

        Raises:
            StoreUnavailable: If it is not at hand and the long-term store does not answer.
        """
        top = path_of(view, head).top
        if top is None:
            return None
        branch = None
        if not fresh:
            branch = self._at_hand(view, top)
            branch = branch or await self._cache.get(owner, view.generation, top)
        if branch is not None:
            return branch
        episodes = await self._memories.episodes(owner, view.generation)
        branch = await asyncio.to_thread(branch_of, top, episodes)
        if branch.notes or branch.partial:
            await self._cache.put(owner, view.generation, branch)
        return branch

    async def folded(
        self, owner: Owner, generation: str | None, below: Branch | None, episode: Episode
    ) -> None:
        """Keep the branch that a fold has just made longer."""
        if (below.top if below else None) != episode.turns[0].parent:
            return  # Another branch: it is read through when it is next asked for.
        notes = (*(below.notes if below else ()), _note(episode))[-NEWEST:]
        await self._cache.put(
            owner,
            generation,
            Branch(
                top=episode.turns[-1].id,
                notes=notes,
                partial=below.partial if below else (),
            ),
            instead=below.top if below else "",
        )

    async def renewed(
        self, owner: Owner, view: JournalView, head: str | None, episode: Episode
    ) -> None:
        """Show an episode's new summary on the branch that ends at `head`."""
        branch = await self.branch(owner, view, head)
        if branch is None:
            return
        notes = tuple(_note(episode) if n.id == episode.id else n for n in branch.notes)
        await self._cache.put(
            owner, view.generation, branch.model_copy(update={"notes": notes}), instead=branch.top
        )


_BRANCH = TypeAdapter(Branch)


def branch_of(top: str, episodes: Sequence[Episode]) -> Branch:
    """Return the folded branch below and including the turn `top`."""
    reached = live([top], parents_of((), episodes))
    on_branch = [e for e in episodes if all(turn.id in reached for turn in e.turns)]
    on_branch.sort(key=lambda episode: episode.seq)
    noted = {turn.id for episode in on_branch for turn in episode.turns}
    partial = [t for e in episodes for t in e.turns if t.id in reached and t.id not in noted]
    partial.sort(key=lambda turn: turn.seq)
    return Branch(
        top=top,
        notes=tuple(_note(episode) for episode in on_branch[-NEWEST:]),
        partial=tuple(partial[-NEWEST:]),
    )


def _note(episode: Episode) -> EpisodeNote:
    return EpisodeNote(
        id=episode.id,
        summary=episode.summary,
        turns=tuple(turn.id for turn in episode.turns),
        begun=episode.begun,
        ended=episode.ended,
        without=episode.without,
    )
