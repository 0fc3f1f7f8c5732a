"""Plays a history on the real system and on the model, and compares them after every step.

Nothing here is a test: `test_invariants` plays random histories.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.types import StateSnapshot

from domain.owner import Owner
from graph import remember
from models.errors import ServerFailed
from nodes.messages.refusal import TurnRefused
from nodes.messages.stamps import parent_of, turn_id
from service.ops.sweep import sweep
from stores.journal.journal import Journal
from stores.maintenance.erase import forget, reset
from tests.support.kept import Kept, kept_of, seen
from tests.support.models.scripted import Crash, Script, Wire, marks, on, restarted, wired
from tests.support.models.system_model import Expected, Mark, ModelOwner, Place

Operation = tuple[str, int, int, int]
"""Its name, an owner, one of the owner's threads, and a number to choose by."""
WEIGHTS = {
    "say": 8, "talk": 8, "edit": 6, "again": 3, "crash": 5, "together": 3, "copy": 2, "delete": 1,
    "expire": 2, "idle": 3, "lease": 2, "chat_fails": 2, "memory_fails": 2, "update": 1,
    "reuse": 1, "intrude": 1, "remember": 1, "sweep": 2, "reset": 1, "forget": 1,
}  # fmt: skip
OPERATIONS = [name for name, weight in WEIGHTS.items() for _ in range(weight)]
TIGHT = 760
"""Tokens of a prompt that must leave much out."""
TWINS = (("u{}@x", "U{}@x"), ("u{}", "u{}0"), ("é{}", "e\u0301{}"), ("u{}:*", "u{}:"))
serial = count(1)


class Player:
    """Two owners, adversarial twins, each with a few threads."""

    def __init__(self, script: Script, *, tight: bool, durability: str) -> None:
        """Begin with owners that nobody has met; `tight`: prompts have little room."""
        number = next(serial)
        self.script, self.durability, self.tight = script, durability, tight
        self.owners = [Owner(id.format(number)) for id in TWINS[number % len(TWINS)]]
        self.model = [ModelOwner(), ModelOwner()]
        self.threads = [[f"{number}-{owner}-{thread}" for thread in (0, 1)] for owner in (0, 1)]
        self.said = count(1)
        self.labels: dict[str, Mark] = {}
        self.results: dict[Mark, Mapping[str, Any]] = {}
        script.chat.fails = script.memory.fails = 0
        parts = script.parts
        if tight:
            tier = parts.settings.plus.model_copy(update={"context_budget": TIGHT})
            parts = replace(parts, settings=parts.settings.model_copy(update={"plus": tier}))
        self.parts = restarted(parts)

    async def play(self, history: Iterable[Operation]) -> None:
        """Do one step after the other."""
        for name, owner, thread, n in history:
            await getattr(self, name)(owner, self._thread(owner, thread), n)
            for each in (0, 1):
                await self.check(each)

    async def check(self, owner: int) -> None:
        """Check what must hold of the stores at any time."""
        model, kept = self.model[owner], await self.kept(owner)
        kept.once()
        labels = set(kept.labels.values())
        missing = model.live(model.refs.values()) - model.gone - labels
        assert not missing, f"lost: {missing}"
        assert {t: self.labels[ref] for t, ref in kept.refs.items()} == model.refs
        for id, turn in kept.turns.items():
            parent = self.labels[turn.parent] if turn.parent else None
            assert model.turns[self.labels[id]].parent == parent, "the tree differs"
        assert all(mark[-1] == "ab"[owner] for mark in marks(kept.text)), "isolation"
        assert set(marks(kept.text)) <= {m for turn in model.turns.values() for m in turn.marks}

    async def kept(self, owner: int) -> Kept:
        """Read what the stores hold of an owner."""
        kept = await kept_of(self.parts, self.owners[owner])
        self.labels |= kept.labels
        return kept

    # Operations

    async def say(self, owner: int, thread: str, n: int) -> None:
        """Say something on a thread."""
        await self._turn(owner, thread, self.model[owner].place(thread), self._mark(owner))

    async def talk(self, owner: int, thread: str, n: int) -> None:
        """Say a few things on a thread."""
        for _ in range(2 + n % 4):
            await self.say(owner, thread, n)

    async def edit(self, owner: int, thread: str, n: int) -> None:
        """Say something at an older checkpoint."""
        found = await self._snapshot(thread, n)
        if found is not None:
            place = self._place(owner, thread, found.values)
            await self._turn(owner, thread, place, self._mark(owner), at=found.config)

    async def again(self, owner: int, thread: str, n: int) -> None:
        """Go on from an older checkpoint without a word, as a retry does."""
        found = await self._snapshot(thread, n)
        if found is None or not found.next or "__start__" in found.next:
            return
        place = self._place(owner, thread, found.values)
        if place.waiting:
            await self._turn(owner, thread, place, None, at=found.config)
        else:
            with suppress(TurnRefused):
                await self._run(owner, thread, None, at=found.config)
                self.model[owner].places[thread] = place

    async def crash(self, owner: int, thread: str, n: int) -> None:
        """End the process before some effect of a turn."""
        model, mark = self.model[owner], self._mark(owner)
        before = model.place(thread)
        after = Place(before.head, (*before.waiting, mark))
        try:
            await self._run(owner, thread, mark, parts=wired(self.parts, Wire(cut=1 + n % 12)))
        except Crash:
            self.parts = restarted(self.parts)
        new = set((await self.kept(owner)).labels.values()) - set(model.turns)
        for reply in new:
            model.answered(thread, after, reply)
        assert len(new) < 2
        values = await self.script.state(thread)
        if not values:
            return
        now = self._place(owner, thread, values)
        assert now in (before, after, *map(Place, new))
        if "owner" in values:
            model.begun(thread)
        model.places[thread] = now

    async def together(self, owner: int, thread: str, n: int) -> None:
        """Say something on two threads at once."""
        who, threads = (owner, n % 2), (thread, self._thread(n % 2, n // 2))
        if threads[0] == threads[1]:
            return
        said = [self._mark(each) for each in who]
        places = [self.model[o].place(t) for o, t in zip(who, threads, strict=True)]
        runs = list(zip(who, threads, places, said, strict=True))
        wanted = [self._expected(*run) for run in runs]
        await asyncio.gather(*(self._run(o, t, mark) for o, t, _, mark in runs))
        replies = [await self._answered(*run) for run in runs]
        beside = {*said, *replies, *(mark for place in places for mark in place.waiting)}
        for (o, _, _, mark), expected in zip(runs, wanted, strict=True):
            await self._judge(o, expected, mark, {m for m in beside if m[-1] == "ab"[o]})

    async def copy(self, owner: int, thread: str, n: int) -> None:
        """Copy a thread."""
        if len(self.threads[owner]) < 4:
            target = f"{thread}+{len(self.threads[owner])}"
            await self.parts.stores.checkpointer.acopy_thread(thread, target)
            self.threads[owner].append(target)
            self.model[owner].copied(thread, target)

    async def delete(self, owner: int, thread: str, n: int) -> None:
        """Delete a thread."""
        await self.parts.stores.checkpointer.adelete_thread(thread)
        self.model[owner].deleted(thread)

    async def expire(self, owner: int, thread: str, n: int) -> None:
        """Let a thread's checkpoints expire."""
        await self.parts.stores.checkpointer.adelete_checkpoints(thread)
        self.model[owner].expired(thread)

    async def idle(self, owner: int, thread: str, n: int) -> None:
        """Be quiet for so long that other threads may be folded."""
        self.script.clock.passes(minutes=31)

    async def lease(self, owner: int, thread: str, n: int) -> None:
        """Let a lease run out."""
        self.script.clock.passes(minutes=4)

    async def chat_fails(self, owner: int, thread: str, n: int) -> None:
        """Say something that gets no reply."""
        mark, model = self._mark(owner), self.model[owner]
        place = model.place(thread)
        self.script.chat.fails = 1
        with suppress(ServerFailed):
            await self._run(owner, thread, mark)
        model.begun(thread)
        model.places[thread] = Place(place.head, (*place.waiting, mark))

    async def memory_fails(self, owner: int, thread: str, n: int) -> None:
        """Let the next summaries and extractions fail."""
        self.script.memory.fails = 1 + n % 4

    async def update(self, owner: int, thread: str, n: int) -> None:
        """Put a message into the state from outside."""
        model = self.model[owner]
        if thread in model.places:
            mark, place = self._mark(owner), model.place(thread)
            await self.script.graph(self.parts).aupdate_state(
                on(thread), {"messages": [HumanMessage(f"Add {mark}")]}, as_node="finish"
            )
            model.places[thread] = Place(place.head, (*place.waiting, mark))

    async def reuse(self, owner: int, thread: str, n: int) -> None:
        """Say something under the id of an older message of the user: an edit of that one."""
        messages: list[AnyMessage] = (await self.script.state(thread)).get("messages", [])
        old = [m for m in messages if isinstance(m, HumanMessage) and turn_id(m)]
        if old and not self.model[owner].place(thread).waiting:
            edited = old[n % len(old)]
            parent = (await self.kept(owner)).labels.get(parent_of(edited) or "")
            before = (m for m in old[: old.index(edited)] if turn_id(m) == turn_id(edited))
            place = Place(parent, tuple(mark for m in before for mark in marks(m.text)))
            await self._turn(owner, thread, place, self._mark(owner), id=edited.id)

    async def intrude(self, owner: int, thread: str, n: int) -> None:
        """Speak on a thread of the other owner."""
        if thread not in self.model[owner].roots:
            return
        asked, refused = len(self.script.chat.prompts), False
        try:
            await self._run(1 - owner, thread, self._mark(1 - owner))
        except TurnRefused:
            refused = True
        assert refused and len(self.script.chat.prompts) == asked

    async def remember(self, owner: int, thread: str, n: int) -> None:
        """Fold and extract all there is."""
        asked = remember.RememberInput(user_id=self.owners[owner].user_id)
        with suppress(ServerFailed):
            await remember.build(self.parts).compile().ainvoke(asked)

    async def sweep(self, owner: int, thread: str, n: int) -> None:
        """Sweep these two owners, perhaps twice with a week in between."""
        journal = Journal(_Only(self.parts.stores.journal.backend, self.owners))
        parts = replace(self.parts, stores=replace(self.parts.stores, journal=journal))
        await sweep(parts)
        if n % 2:
            self.script.clock.passes(days=8)
            await sweep(parts)
        for each in (0, 1):
            model, labels = self.model[each], set((await self.kept(each)).labels.values())
            model.gone |= set(model.turns) - labels - model.live(model.refs.values())

    async def reset(self, owner: int, thread: str, n: int) -> None:
        """Forget all that an owner said."""
        await reset(self.parts.stores, self.owners[owner])
        self.model[owner] = ModelOwner()

    async def forget(self, owner: int, thread: str, n: int) -> None:
        """Forget a user."""
        await forget(self.parts.stores, self.owners[owner].user_id)
        self.model[owner] = ModelOwner()

    # A turn, and what its prompt showed

    async def _turn(
        self, owner: int, thread: str, place: Place, mark: Mark | None, **more: Any
    ) -> None:
        """Run a turn that must succeed, and judge its prompt."""
        expected = self._expected(owner, thread, place, mark)
        await self._run(owner, thread, mark, **more)
        await self._answered(owner, thread, place, mark)
        await self._judge(owner, expected, mark or place.waiting[-1])

    async def _run(
        self, owner: int, thread: str, mark: Mark | None, parts: Any = None, **more: Any
    ) -> None:
        text = f"Let us speak of {mark} now" if mark else None
        who, parts = self.owners[owner], parts or self.parts
        result = await self.script.say(
            text, thread, who, parts=parts, durability=self.durability, **more
        )
        for message in result["messages"]:
            self.results.update(dict.fromkeys(marks(message.text), result))

    def _expected(self, owner: int, thread: str, place: Place, mark: Mark | None) -> Expected:
        return self.model[owner].expects(thread, _with(place, mark))

    async def _answered(self, owner: int, thread: str, place: Place, mark: Mark | None) -> Mark:
        """Take the turn that a run has just made, and compare where its thread stands now."""
        model = self.model[owner]
        await self.kept(owner)
        values = await self.script.state(thread)
        reply = self.labels[values["head"]]
        assert reply not in model.turns
        model.answered(thread, _with(place, mark), reply)
        model.gone -= {self.labels[id] for m in values["messages"] if (id := turn_id(m))}
        model.places[thread] = Place(reply)
        assert self._place(owner, thread, values) == Place(reply)
        return reply

    async def _judge(
        self, owner: int, expected: Expected, mark: Mark, beside: Iterable[Mark] = ()
    ) -> None:
        """Compare a prompt with what it must and may show."""
        prompt = next(p for p in reversed(self.script.chat.prompts) if mark in marks(p[-1].text))
        shown, kept, result = seen(prompt), await self.kept(owner), self.results[mark]
        marked = set(marks(shown.text))
        assert marked <= {*expected.allowed, *beside}, "shown, though it is not to be seen here"
        if not self.tight:
            own_words = [e for e in kept.episodes if e.extractive]
            covered = {
                m for e in own_words for t in e.turns for s in t.messages for m in marks(s.text)
            }
            assert expected.required - covered <= marked, "of this branch, and not shown"
        assert result["budget"]["total"] <= result["budget"]["limit"], "over the budget"
        sources = {fact.id: fact.sources for fact in kept.facts}
        verbatim = {*marks(shown.buffer), *marks(shown.borrowed)}
        for item in result["recalled"]:
            for ref in sources.get(item["id"], (item["id"],)):
                assert self.labels.get(ref.partition("/")[0]) not in verbatim, "an echo"

    def _place(self, owner: int, thread: str, values: Mapping[str, Any]) -> Place:
        """Return where a run goes on from a checkpoint with these values."""
        messages: list[AnyMessage] = values.get("messages", [])
        for message in messages:
            if isinstance(message, AIMessage) and (id := turn_id(message)):
                self.labels.setdefault(id, marks(message.text)[0])
        said = tuple(m for one in messages if not turn_id(one) for m in marks(one.text))
        if "owner" not in values:
            return self.model[owner].first_place(thread, said)
        head = values.get("head") or values.get("root")
        return Place(self.labels[head] if head else None, said)

    async def _snapshot(self, thread: str, n: int) -> StateSnapshot | None:
        history = self.script.graph(self.parts).aget_state_history(on(thread), limit=n + 1)
        found = [snapshot async for snapshot in history]
        # One that a refused stranger left is nowhere to go on from.
        return found[-1] if found and not _strange(found[-1], thread) else None

    def _thread(self, owner: int, thread: int) -> str:
        return self.threads[owner][thread % len(self.threads[owner])]

    def _mark(self, owner: int) -> Mark:
        return f"mark{next(self.said)}{'ab'[owner]}"


class _Only:
    """A journal's backend that knows of some owners only."""

    def __init__(self, inner: Any, owners: list[Owner]) -> None:
        self._inner, self._owners = inner, owners

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def owners(self) -> list[Owner]:
        known = await self._inner.owners()
        return [owner for owner in self._owners if owner in known]


def _strange(snapshot: StateSnapshot, thread: str) -> bool:
    letter = "ab"[int(thread.split("-")[1])]
    said: list[AnyMessage] = snapshot.values.get("messages", [])
    return any(mark[-1] != letter for message in said for mark in marks(message.text))


def _with(place: Place, mark: Mark | None) -> Place:
    return Place(place.head, (*place.waiting, mark)) if mark else place
