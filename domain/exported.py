"""What an export of a user says: each line checked by itself, then against the others.

The one place where a file becomes records. Reads no store and changes nothing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from domain.json_text import read_json
from domain.owner import Owner
from domain.records import (
    MOST_BYTES,
    MOST_LIST,
    MOST_RECORD,
    MOST_TURNS,
    Entity,
    Episode,
    Fact,
    Id,
    Turn,
)
from domain.rows import Memory, too_long
from domain.turns import follows_itself, parents_of, unbroken

T = TypeVar("T", bound=BaseModel)
M = TypeVar("M", Episode, Fact, Entity)
Count = Annotated[int, Field(ge=0, le=MOST_TURNS)]

FORMAT = "mnemograph-1"


class ImportRefused(ValueError):
    """A line of a file cannot be imported, in one sentence; nothing was changed."""

    def __init__(self, line: int, reason: object) -> None:
        """Refuse the file for what is wrong with the line of this number."""
        super().__init__(f"Line {line} cannot be imported: {reason}.")


class _Wrong(ValueError):
    """What is wrong with one line."""


class _OwnerLine(BaseModel):
    """What a line says of an owner, beside who it is."""

    refs: dict[Id, Id]
    seq: Count
    cursor: Count
    withheld: tuple[Id, ...] = ()


@dataclass
class ExportedOwner:
    """Everything that a file holds of one owner."""

    owner: Owner
    line: int
    """The number of the line that it begins with."""
    refs: dict[str, str]
    """Thread id to the id of the turn last added to it."""
    seq: int
    """The last sequence number given to a turn."""
    cursor: int
    """Facts were extracted from all turns up to this sequence number."""
    withheld: tuple[str, ...] = ()
    """Turns that say something forgotten."""
    turns: dict[str, Turn] = field(default_factory=dict)
    """By id; those that an episode holds may be among them."""
    episodes: dict[str, Episode] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)

    @property
    def folded(self) -> dict[str, Turn]:
        """The turns that its episodes hold, by id."""
        return {turn.id: turn for episode in self.episodes.values() for turn in episode.turns}


def read_export(lines: Iterable[bytes]) -> list[ExportedOwner]:
    """Return what the lines of a file say, owner by owner.

    Raises:
        ImportRefused: If they are no export, or one of them cannot be taken; it names the line.
    """
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            reader.take(_object(line), number)
        except _Wrong as wrong:
            raise ImportRefused(number, wrong) from wrong
    if reader.user_id is None:
        raise ImportRefused(1, "the file is empty, it must be what `mnemo export` wrote")
    reader.refuse_cycles()
    return list(reader.owners.values())


class _Reader:
    """Takes line after line."""

    def __init__(self) -> None:
        self.user_id: str | None = None
        self.owners: dict[str, ExportedOwner] = {}
        self._threads: set[str] = set()
        self._in_episode: dict[tuple[str, str], str] = {}
        """Character and turn id to the episode that holds the turn."""
        self._said: dict[tuple[str, str], tuple[Turn, int]] = {}
        """Character and turn id to the turn and the number of its first line."""

    def take(self, line: Mapping[str, Any], number: int) -> None:
        kind = line.get("type")
        if self.user_id is None:
            self._head(line)
            return
        if kind == "export":
            raise _Wrong("a second export begins here; import one file at a time")
        character = _text(line, "character_id")
        if kind == "owner":
            self._owner(line, character, number)
            return
        if character not in self.owners:
            raise _Wrong("its character has no `owner` line before it")
        into = self.owners[character]
        if kind == "turn":
            self._turn(into, _record(Turn, line), number)
        elif kind == "episode":
            self._episode(into, _record(Episode, line), number)
        elif kind == "fact":
            _add(into.facts, _record(Fact, line))
        elif kind == "entity":
            _add(into.entities, _record(Entity, line))
        else:
            raise _Wrong("an export has no lines of this type")

    def _head(self, line: Mapping[str, Any]) -> None:
        if line.get("type") != "export" or line.get("format") != FORMAT:
            raise _Wrong("this is no export of a user, it must be what `mnemo export` wrote")
        self.user_id = _text(line, "user_id")

    def _owner(self, line: Mapping[str, Any], character: str, number: int) -> None:
        if character in self.owners:
            raise _Wrong("its character has an `owner` line already")
        said = _valid(_OwnerLine, line)
        if self._threads & said.refs.keys():
            raise _Wrong("one of its threads belongs to another character too")
        if said.cursor > said.seq:
            raise _Wrong('"cursor" must not be larger than "seq"')
        if len(json.dumps(said.withheld)) > MOST_LIST:
            raise _Wrong('"withheld" names more turns than a journal can')
        self._threads |= said.refs.keys()
        self.owners[character] = ExportedOwner(
            Owner(self.user_id or "", character), number, **dict(said)
        )

    def _turn(self, into: ExportedOwner, turn: Turn, number: int) -> None:
        if turn.id in into.turns:
            raise _Wrong("this turn stands in the file already")
        if len(turn.model_dump_json()) > MOST_RECORD:
            raise _Wrong(f"its messages have more than {MOST_RECORD:,} bytes together")
        self._place(into, turn, number)
        into.turns[turn.id] = turn

    def _episode(self, into: ExportedOwner, episode: Episode, number: int) -> None:
        if not unbroken(episode.turns):
            raise _Wrong("the turns of the episode do not follow each other")
        for turn in episode.turns:
            place = (into.owner.character_id, turn.id)
            if self._in_episode.setdefault(place, episode.id) != episode.id:
                raise _Wrong("one of its turns stands in another episode too")
            self._place(into, turn, number)
        _add(into.episodes, episode)

    def _place(self, into: ExportedOwner, turn: Turn, number: int) -> None:
        _refuse_long(turn)
        if turn.seq > into.seq:
            raise _Wrong("the sequence number of a turn is larger than its owner's")
        first, _ = self._said.setdefault((into.owner.character_id, turn.id), (turn, number))
        if first != turn:
            raise _Wrong("a turn of it stands in the file in other words")

    def refuse_cycles(self) -> None:
        for character, owner in self.owners.items():
            turns = (owner.folded | owner.turns).values()
            turn = follows_itself(parents_of(turns))
            if turn is not None:
                _, number = self._said[character, turn]
                raise ImportRefused(number, "a turn follows itself")


def _refuse_long(record: Turn | Memory) -> None:
    if too_long(record):
        raise _Wrong(f"a text of it has more than {MOST_BYTES:,} bytes")


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = read_json(line)
    except ValueError as error:
        raise _Wrong("it is not JSON") from error
    if not isinstance(value, dict):
        raise _Wrong("it is no record of an export")
    return value


def _text(line: Mapping[str, Any], name: str) -> str:
    """Return an id, which may hold anything but nothing."""
    value = line.get(name)
    if not isinstance(value, str) or not value:
        raise _Wrong(f'"{name}" must be text that is not empty')
    return value


def _record(kind: type[T], line: Mapping[str, Any]) -> T:
    return _valid(kind, line.get("record"), "record")


def _valid(kind: type[T], value: Any, *where: str) -> T:
    """Return what a part of a line says; by types alone, nothing is converted."""
    try:
        return kind.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([*where, *map(str, first["loc"])])
        raise _Wrong(f'"{place}": {first["msg"]}') from error


def _add(into: dict[str, M], record: M) -> None:
    if record.id in into:
        raise _Wrong("this record stands in the file already")
    _refuse_long(record)
    into[record.id] = record
