"""A file that was damaged, or written to do damage, is refused by its line and changes nothing."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.exported import ImportRefused
from domain.owner import Owner
from stores.maintenance.erase import forget
from stores.maintenance.export import export_user, import_user
from tests.support.mnemo_runs import Mnemo, mnemo
from tests.support.models.scripted import Script, open_script, scripted_settings
from tests.support.pace import took

__all__ = ["mnemo"]

AT = "2026-05-08T12:00:00Z"
HEAD, OWNER, TURN, EPISODE, FACT, ENTITY = range(6)
Lines = list[Any]
Damage = Callable[[Lines], object]


def turn(number: int, parent: int | None) -> dict[str, Any]:
    said = [("user", f"I like mark{number}a"), ("assistant", f"Noted as reply{number}a.")]
    return {
        "id": f"{number:032x}",
        "parent": None if parent is None else f"{parent:032x}",
        "thread": "t",
        "seq": number,
        "at": AT,
        "messages": [
            {"id": f"m{number}{role}", "role": role, "text": text, "at": AT} for role, text in said
        ],
    }


def export() -> Lines:
    """Return a sound export, by its lines: two folded turns and one that is not."""
    fact = {"id": "f1", "text": "The user likes mark1a.", "sources": [f"{1:032x}/0"]}
    episode = {"id": "e1", "thread": "t", "summary": "They spoke of mark1a."}
    entity = {"id": "n1", "name": "mark1a", "attributes": [
        {"name": "colour", "value": "red", "source": f"{1:032x}/0", "valid_from": AT}]}  # fmt: skip
    records = {
        "turn": turn(3, 2),
        "episode": episode | {"turns": [turn(1, None), turn(2, 1)]},
        "fact": fact | {"observed_at": AT, "valid_from": AT},
        "entity": entity,
    }
    return [
        {"type": "export", "format": "mnemograph-1", "user_id": "alex"},
        {"type": "owner", "character_id": "default", "refs": {"t": f"{3:032x}"}, "seq": 3,
         "cursor": 3},
        *({"type": kind, "character_id": "default", "record": record}
          for kind, record in records.items()),
    ]  # fmt: skip


def sets(line: int, *path: Any, to: Any) -> Damage:
    """Return what puts a value somewhere into a line."""

    def damage(lines: Lines) -> None:
        at = lines[line]
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return damage


def lacks(line: int, *path: Any) -> Damage:
    """Return what takes a value out of a line."""

    def damage(lines: Lines) -> None:
        at = lines[line]
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]

    return damage


def again(line: int, **changed: Any) -> Damage:
    """Return what repeats a line at the end, with some values of its record changed."""

    def damage(lines: Lines) -> None:
        copy = json.loads(json.dumps(lines[line]))
        copy.get("record", copy).update(changed)
        lines.append(copy)

    return damage


def becomes(line: int, text: bytes) -> Damage:
    """Return what puts other bytes in a line's place."""
    return lambda lines: lines.__setitem__(line, text)


FOLDED = ("record", "turns")
DAMAGES: dict[str, tuple[int, Damage]] = {
    "a megabyte and more in a message": (
        3,
        sets(TURN, "record", "messages", 0, "text", to="x" * 1_000_001),
    ),
    "a megabyte and more in an episode's message": (
        EPISODE + 1,
        sets(EPISODE, *FOLDED, 0, "messages", 0, "text", to="あ" * 333_334),
    ),
    "a megabyte and more in a fact": (FACT + 1, sets(FACT, "record", "text", to="x" * 1_000_001)),
    "a megabyte and more in a name": (
        TURN + 1, sets(TURN, "record", "messages", 0, "name", to="x" * 1_000_001)
    ),
    "more texts than a turn can have": (
        TURN + 1,
        sets(TURN, "record", "messages", to=[
            {"id": f"m{number}", "role": "user", "text": "x" * 900_000, "at": AT}
            for number in range(9)]),
    ),
    "half a number": (3, sets(TURN, "record", "seq", to=1.5)),
    "a whole number with a point": (3, sets(TURN, "record", "seq", to=3.0)),
    "a number as text": (3, sets(TURN, "record", "seq", to="3")),
    "a number below nought": (3, sets(TURN, "record", "seq", to=-1)),
    "a number no store holds": (3, sets(TURN, "record", "seq", to=2**64 - 1)),
    "true for a number": (3, sets(TURN, "record", "seq", to=True)),
    "an owner's number no store holds": (2, sets(OWNER, "seq", to=2**64 - 1)),
    "an owner's half a number": (2, sets(OWNER, "seq", to=3.5)),
    "an owner's true for a number": (2, sets(OWNER, "cursor", to=True)),
    "a number beyond the owner's": (3, sets(TURN, "record", "seq", to=4)),
    "a folded number beyond the owner's": (4, sets(EPISODE, *FOLDED, 1, "seq", to=9)),
    "a cursor beyond the end": (2, sets(OWNER, "cursor", to=4)),
    "no cursor": (2, lacks(OWNER, "cursor")),
    "a date without a zone": (3, sets(TURN, "record", "at", to="2026-05-08T12:00:00")),
    "a day for a moment": (3, sets(TURN, "record", "at", to="2026-05-08")),
    "a number for a date": (3, sets(TURN, "record", "at", to=1778241600)),
    "a date before all dates": (3, sets(TURN, "record", "at", to="0001-01-01T00:00:00+14:00")),
    "a date after all dates": (5, sets(FACT, "record", "valid_from", to="9999-12-31T23:59:59Z")),
    "a message's date without a zone": (
        3, sets(TURN, "record", "messages", 0, "at", to="2026-05-08T12:00:00")),
    "a turn that follows itself": (3, sets(TURN, "record", "parent", to=f"{3:032x}")),
    "turns that follow each other in a ring": (
        4, sets(EPISODE, *FOLDED, 0, "parent", to=f"{2:032x}")),
    "an empty parent": (3, sets(TURN, "record", "parent", to="")),
    "an empty id": (3, sets(TURN, "record", "id", to="")),
    "no id": (3, sets(TURN, "record", "id", to=None)),
    "an empty id of a message": (3, sets(TURN, "record", "messages", 0, "id", to="")),
    "an empty id of a fact": (5, sets(FACT, "record", "id", to="")),
    "an empty id of an entity": (6, sets(ENTITY, "record", "id", to="")),
    "an empty user": (1, sets(HEAD, "user_id", to="")),
    "a number for a user": (1, sets(HEAD, "user_id", to=7)),
    "a list for a user": (1, sets(HEAD, "user_id", to=["alex"])),
    "an empty character": (2, sets(OWNER, "character_id", to="")),
    "an object for a character": (3, sets(TURN, "character_id", to={})),
    "a list for refs": (2, sets(OWNER, "refs", to=["t"])),
    "null for a ref": (2, sets(OWNER, "refs", to={"t": None})),
    "an empty thread": (2, sets(OWNER, "refs", to={"": f"{3:032x}"})),
    "half a pair in a thread": (2, sets(OWNER, "refs", to={"\ud800": f"{3:032x}"})),
    "half a pair in a message": (3, sets(TURN, "record", "messages", 0, "text", to="\udfff")),
    "null for a record": (3, sets(TURN, "record", to=None)),
    "a list for a record": (4, sets(EPISODE, "record", to=[])),
    "text for messages": (3, sets(TURN, "record", "messages", to="hello")),
    "null for a message": (3, sets(TURN, "record", "messages", 0, to=None)),
    "a turn without messages": (3, sets(TURN, "record", "messages", to=[])),
    "nobody's message": (3, sets(TURN, "record", "messages", 0, "role", to="system")),
    "an episode without turns": (4, sets(EPISODE, *FOLDED, to=[])),
    "an episode with a gap": (4, sets(EPISODE, *FOLDED, 1, "parent", to=f"{9:032x}")),
    "a score that is no number": (4, sets(EPISODE, "record", "score", to=float("nan"))),
    "a coverage above all": (4, sets(EPISODE, "record", "coverage", to=1e308)),
    "one turn in two episodes": (7, again(EPISODE, id="e2")),
    "one turn in other words": (
        7, lambda lines: lines.append({**lines[TURN], "record": turn(1, None) | {"thread": "u"}})),
    "one turn twice": (7, again(TURN)),
    "one fact twice": (7, again(FACT)),
    "two heads": (7, again(HEAD)),
    "a head of another user": (7, again(HEAD, user_id="eve")),
    "two owners of a character": (7, again(OWNER)),
    "a thread of two characters": (7, again(OWNER, character_id="Mira")),
    "a character without an owner": (3, sets(TURN, "character_id", to="Mira")),
    "no head": (1, lambda lines: lines.pop(0)),
    "a later format": (1, sets(HEAD, "format", to="mnemograph-2")),
    "an unknown kind": (6, sets(ENTITY, "type", to="dream")),
    "a list for a kind": (6, sets(ENTITY, "type", to=["entity"])),
    "an unknown field": (5, sets(FACT, "record", "owner", to="eve")),
    "a line cut off": (6, becomes(ENTITY, b'{"type": "entity", "char')),
    "a line that is a list": (5, becomes(FACT, b"[]")),
    "a line nested without end": (5, becomes(FACT, b'{"type":' + b"[" * 100_000)),
    "bytes that are no text": (5, becomes(FACT, b'{"type": "\xff\xfe"}')),
    "a number of five thousand digits": (5, becomes(FACT, b'{"seq": ' + b"9" * 5000 + b"}")),
}  # fmt: skip


def as_bytes(lines: Lines) -> list[bytes]:
    return [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]


async def kept(script: Script) -> list[Any]:
    return [line async for line in export_user(script.parts.stores, "alex")]


async def test_each_damage_is_refused_by_its_line_and_changes_nothing(tmp_path: Path) -> None:
    async with open_script(scripted_settings(tmp_path)) as script:
        stores = script.parts.stores
        for name, (number, damage) in DAMAGES.items():
            lines = export()
            damage(lines)
            with pytest.raises(ImportRefused) as refused:
                await import_user(stores, as_bytes(lines))
                pytest.fail(f"taken: {name}")
            sentence = str(refused.value)
            assert f"Line {number} cannot be imported" in sentence, f"{name}: {sentence}"
            assert "\n" not in sentence
            assert len(await kept(script)) == 1 and not await stores.journal.backend.owners(), name
        await import_user(stores, as_bytes(export()))
        before = await kept(script)
        assert len(before) == len(export())
        lines = export()
        again(FACT, text="")(lines)
        with pytest.raises(ImportRefused):
            await import_user(stores, as_bytes(lines))
        assert await kept(script) == before
        await script.say("What of mark4a?", "t", Owner("alex"))
        await forget(stores, "alex")
        assert len(await kept(script)) == 1


@pytest.mark.deep
async def test_what_is_odd_but_sound_is_taken(tmp_path: Path) -> None:
    odd: dict[str, Damage] = {
        "facts that supersede each other": lambda lines: (
            sets(FACT, "record", "supersedes", to=["f2"])(lines),
            again(FACT, id="f2", supersedes=["f1", "f2"])(lines),
        ),
        "a turn whose parent is lost": sets(TURN, "record", "parent", to=f"{9:032x}"),
        "a ref to a turn that has expired": sets(OWNER, "refs", to={"t": f"{9:032x}"}),
        "a user of half a pair": sets(HEAD, "user_id", to="alex\ud800"),
        "a turn that was just folded": again(TURN, **turn(2, 1)),
        "an empty line at the end": lambda lines: lines.append(b"\n"),
        "the last number that is taken": lambda lines: (
            lines[OWNER].update(seq=10**12, cursor=10**12),
            sets(TURN, "record", "seq", to=10**12)(lines),
        ),
    }
    async with open_script(scripted_settings(tmp_path)) as script:
        for name, change in odd.items():
            lines = export()
            change(lines)
            user = lines[HEAD]["user_id"]
            counts = await import_user(script.parts.stores, as_bytes(lines))
            assert counts["turns"] == 1 and counts["episodes"] == 1, name
            await script.say("What of mark4a?", "t", Owner(user))
            await forget(script.parts.stores, user)
            assert not await script.parts.stores.journal.backend.owners()


@pytest.mark.deep
async def test_an_import_of_many_threads_takes_no_longer_for_each(tmp_path: Path) -> None:
    lines = export()
    sets(OWNER, "refs", to={f"t{number}": f"{3:032x}" for number in range(8_000)})(lines)
    async with open_script(scripted_settings(tmp_path)) as script:
        begun = time.monotonic()
        await import_user(script.parts.stores, as_bytes(lines))
        assert took(begun) < 30  # Some seconds; a write for each took minutes.
        assert len((await script.parts.stores.journal.read(Owner("alex"))).refs) == 8_000


async def test_what_belongs_to_others_here_is_refused_by_its_line_and_nothing_is_changed(
    tmp_path: Path,
) -> None:
    lines = export()
    again(OWNER, character_id="Mira", refs={"theirs": f"{9:032x}"})(lines)
    async with open_script(scripted_settings(tmp_path)) as script:
        await script.say("I speak of mark1e", "theirs", Owner("eve"))
        with pytest.raises(ImportRefused, match=r"^Line 7 cannot be imported: its thread .*else"):
            await import_user(script.parts.stores, as_bytes(lines))
        assert await script.parts.stores.journal.backend.owners() == [Owner("eve")]
        assert await script.parts.stores.journal.thread_owner("theirs") == Owner("eve")


async def test_turns_that_are_here_are_not_put_into_other_words(tmp_path: Path) -> None:
    async with open_script(scripted_settings(tmp_path)) as script:
        await import_user(script.parts.stores, as_bytes(export()))
        before = await kept(script)
        lines = export()
        lines[TURN]["record"]["messages"][0]["text"] = "I never said this"
        with pytest.raises(ImportRefused, match=r"^Line 2 .*reset it first"):
            await import_user(script.parts.stores, as_bytes(lines))
        assert await kept(script) == before


def test_the_command_names_the_line(mnemo: Mnemo) -> None:
    lines = export()
    sets(TURN, "record", "seq", to=1.5)(lines)
    (mnemo.folder / "alex.jsonl").write_bytes(b"\n".join(as_bytes(lines)))
    done = mnemo.run("import", "alex.jsonl")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith('Line 3 cannot be imported: "record.seq"')
    assert len(done.stderr.splitlines()) == 1
    assert mnemo.run("export", "--user", "alex").stdout.count("\n") == 1
