"""The owner's journal: turns that no episode holds yet, refs, claims and generations.

All decisions about it are made here, once, as changes to one reading; the backends (`redis/` and
`sqlite/`) only read it and write it if it has not moved meanwhile.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from domain.folding import episode_id
from domain.journal import Claim, JournalView, ThreadNote
from domain.owner import Holder, Owner
from domain.records import Episode, RecordKey, Turn
from stores.errors import GenerationMoved, ThreadMoved
from stores.journal.backend import JournalBackend, generation_name
from stores.journal.readings import Readings
from stores.journal.records import (
    Changes,
    forget_parsed,
    rows_moved,
    still_forgotten,
    withholding,
)
from stores.journal.thread_refs import JournalRefs

ANY = ""
"""In place of the turn that a thread must end with: whichever it ends with."""


class Journal(Readings):
    """The journals of all owners."""

    def __init__(self, backend: JournalBackend) -> None:
        """Read and write journals in `backend`."""
        super().__init__(backend)
        self.refs = JournalRefs(self)

    async def note_thread(self, owner: Owner, generation: str | None, *threads: str) -> None:
        """Index threads under their owner, in one write, before anything is kept of them."""
        holder, first = Holder(owner, generation_name(generation)), False
        for thread in threads:
            await self.backend.note_holder(thread, holder)

        def decide(view: JournalView) -> Changes | None:
            nonlocal first
            first = not view.threads
            new = {thread: ThreadNote() for thread in threads if thread not in view.threads}
            return Changes(threads={**new}) if new else None

        try:
            await self.change(owner, generation, decide)
        except GenerationMoved:
            await self.backend.drop_holders(dict.fromkeys(threads, holder))
            await self.drop_owner(owner)  # Forgotten, also by name.
            raise
        for thread in threads if first else ():
            # Whoever found no thread may have dropped the owner since it was listed.
            await self.backend.note_holder(thread, holder)

    async def drop_owner(self, owner: Owner) -> None:
        """Forget the readable ids of an owner who has no thread, and begins none meanwhile."""
        if (await self.read(owner)).threads:
            return
        await self.backend.drop_owner(owner)
        begun = (await self.read(owner)).threads
        for thread, holder in (await self.backend.holders([*begun])).items():
            await self.backend.note_holder(thread, holder)

    async def add_turns(
        self,
        owner: Owner,
        generation: str | None,
        turns: Sequence[Turn],
        thread: str,
        ref: str,
        *,
        after: str | None = ANY,
    ) -> JournalView:
        """Write turns, oldest first, and move the thread's ref, in one transaction.

        Turns without a sequence number are given the next ones. Where `after` is given, the thread
        must end with that before (None: hold nothing). Returns the reading after it.

        Raises:
            GenerationMoved: If the owner was reset meanwhile; nothing is written.
            ThreadMoved: If the thread ends with another turn than `after`; nothing is written.
        """

        def decide(view: JournalView) -> Changes:
            if after != ANY and view.refs.get(thread) != after:
                raise ThreadMoved
            changes, seq = Changes(), view.seq
            for turn in turns:
                if not turn.seq:
                    seq += 1
                    turn = turn.model_copy(update={"seq": seq})
                seq = max(seq, turn.seq)
                changes.turns[turn.id] = turn
            last = turns[-1].at if turns else None
            changes.fields["seq"] = str(seq)
            changes.threads[thread] = ThreadNote(ref=ref, last=last)
            return changes

        return (await self.change(owner, generation, decide))[0]

    async def claim(
        self,
        owner: Owner,
        generation: str | None,
        window: Sequence[str],
        thread: str,
        *,
        now: datetime,
        until: datetime,
    ) -> Claim | None:
        """Take a window to fold; None if it cannot be taken.

        A live claim is left alone. An expired one is taken over with its own window, whatever
        `window` is; so is one that ends later than a clock that is right could have it. A new one
        needs all its turns to be in the journal still.
        """
        latest = until + (until - now)
        holder = uuid4().hex
        taken: Claim | None = None

        def decide(view: JournalView) -> Changes | None:
            nonlocal taken
            taken = None
            if view.claim is not None:
                if now < view.claim.until <= latest:
                    return None
                taken = view.claim.model_copy(update={"holder": holder, "until": until})
            elif window and all(turn in view.turns for turn in window):
                taken = Claim(turns=tuple(window), thread=thread, holder=holder, until=until)
            return Changes(fields={"claim": taken.model_dump_json()}) if taken else None

        await self.change(owner, generation, decide)
        return taken

    async def extend_claim(
        self,
        owner: Owner,
        generation: str | None,
        claim: Claim,
        until: datetime,
        *,
        failed: bool = False,
    ) -> None:
        """Move the end of a claim's lease, if it is still ours; `failed` counts an attempt."""

        def decide(view: JournalView) -> Changes | None:
            if view.claim is None or view.claim.holder != claim.holder:
                return None
            attempts = claim.attempts + failed
            changed = view.claim.model_copy(update={"until": until, "attempts": attempts})
            return Changes(fields={"claim": changed.model_dump_json()})

        await self.change(owner, generation, decide)

    async def extend_extraction(
        self, owner: Owner, generation: str | None, until: datetime
    ) -> None:
        """Move the end of the lease of an extraction that is under way."""

        def decide(view: JournalView) -> Changes | None:
            if view.extracting is None:
                return None
            return Changes(fields={"extracting": until.isoformat()})

        await self.change(owner, generation, decide)

    async def folded(
        self, owner: Owner, generation: str | None, claim: Claim
    ) -> tuple[JournalView, bool]:
        """Remove a claimed window whose episode is written; False if the claim is not ours."""

        def decide(view: JournalView) -> Changes | None:
            if view.claim is None or view.claim.holder != claim.holder:
                return None
            moved = rows_moved(view, [("episode", episode_id(claim.turns))])
            return Changes(fields={**moved, "claim": None}, turns=dict.fromkeys(claim.turns))

        return await self.change(owner, generation, decide)

    async def delete_dead(
        self, owner: Owner, view: JournalView, turns: Collection[str], dead: Mapping[str, str]
    ) -> bool:
        """Remove dead turns and note which others are dead, if nothing moved since `view`.

        Otherwise a branch that was dead in `view` may be alive again: nothing is done.
        """

        def decide(now: JournalView) -> Changes | None:
            if now.version != view.version:
                return None
            noted = json.dumps(dict(dead)) if dead else None
            return Changes(fields={"dead": noted}, turns=dict.fromkeys(turns))

        return (await self.change(owner, view.generation, decide))[1]

    async def withhold(
        self,
        owner: Owner,
        generation: str | None,
        ids: Collection[str],
        forgotten: Mapping[str, Collection[str]] | None = None,
    ) -> JournalView:
        """Let no prompt hold these turns and summaries from now on.

        What is `forgotten` of a turn must be known to whoever reads it for facts.

        Raises:
            GenerationMoved: If the owner was reset meanwhile; nothing is written.
        """

        def decide(view: JournalView) -> Changes | None:
            noted = still_forgotten(view, forgotten or {}, view.cursor)
            if set(ids) <= view.withheld and still_forgotten(view, {}, view.cursor) == noted:
                return None
            return Changes(fields=withholding(view, ids) | noted)

        return (await self.change(owner, generation, decide))[0]

    async def rows_changed(
        self, owner: Owner, generation: str | None, keys: Collection[RecordKey] | None = None
    ) -> JournalView:
        """Tell every process which episodes, facts or entities changed; None: any of them."""

        def decide(view: JournalView) -> Changes:
            return Changes(fields=rows_moved(view, keys))

        return (await self.change(owner, generation, decide))[0]

    async def begin_extraction(
        self, owner: Owner, generation: str | None, *, now: datetime, until: datetime
    ) -> JournalView | None:
        """Take the owner's turns beyond the cursor to extract; None while another has them.

        What one that died may have written is told to every process.
        """

        def decide(view: JournalView) -> Changes | None:
            if view.extracting is not None and view.extracting > now:
                return None
            left = {} if view.extracting is None else rows_moved(view, None)
            return Changes(fields={**left, "extracting": until.isoformat()})

        view, taken = await self.change(owner, generation, decide)
        return view if taken else None

    async def extracted(
        self,
        owner: Owner,
        generation: str | None,
        cursor: int | None,
        keys: Collection[RecordKey] = (),
        withheld: frozenset[str] | None = None,
    ) -> tuple[JournalView, bool]:
        """End an extraction that wrote `keys`, and move the cursor; None: it failed, none moves.

        Where more is withheld by now than was (`withheld`), nothing ends and False is returned.
        """

        def decide(view: JournalView) -> Changes | None:
            if withheld is not None and view.withheld != withheld:
                return None
            changes = Changes(fields={"extracting": None})
            if keys:
                changes.fields |= rows_moved(view, keys)
            if cursor is not None and cursor > view.cursor:
                changes.fields["cursor"] = str(cursor)
                changes.fields |= still_forgotten(view, {}, cursor)
            return changes

        return await self.change(owner, generation, decide)

    async def restore(
        self,
        owner: Owner,
        generation: str | None,
        turns: Sequence[Turn],
        refs: Mapping[str, str],
        *,
        seq: int,
        cursor: int,
        withheld: Collection[str] = (),
        episodes: Sequence[Episode] = (),
    ) -> JournalView:
        """Set what an import or a recovery brings; counters only rise.

        Turns that one of its `episodes` holds leave the journal.
        """
        folded = {turn.id: turn for episode in episodes for turn in episode.turns}
        last = {turn.id: turn.at for turn in (*folded.values(), *turns)}

        def decide(view: JournalView) -> Changes:
            changes = Changes(fields=rows_moved(view, None) | withholding(view, withheld))
            changes.turns = dict.fromkeys(view.turns.keys() & folded.keys())
            changes.turns |= {turn.id: turn for turn in turns}
            changes.fields["seq"] = str(max(seq, view.seq))
            changes.fields["cursor"] = str(max(cursor, view.cursor))
            for thread, ref in refs.items():
                changes.threads[thread] = ThreadNote(ref=ref, last=last.get(ref))
            return changes

        return (await self.change(owner, generation, decide))[0]

    async def renew(self, owner: Owner) -> tuple[str, list[str]]:
        """Begin a fresh generation; return its token and the names of the older ones."""
        token = uuid4().hex
        forget_parsed()
        return token, await self.backend.renew(owner, token)
