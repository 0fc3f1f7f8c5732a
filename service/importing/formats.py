"""Chats that other programs export, read into one shape: trees of messages.

Everything in such a file is a stranger's: what is not as it should be is refused with its place.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from domain.clean_text import clean, clean_name
from domain.json_text import read_json
from domain.owner import digest
from service.importing.facts import facts_of
from service.importing.shapes import Chat, FileRefused, Imported, Kind, Message
from service.importing.values import inner, is_dict, moment_of, texts_of

ROLES = {
    **{"user": "user", "human": "user", "HumanMessageChunk": "user"},
    **{"assistant": "assistant", "ai": "assistant", "AIMessageChunk": "assistant"},
}
"""What exports call the two who talk; everybody else (system, tools) is left out."""

WRAPS = ("results", "memories", "conversations")
"""What holds the records of an answer."""


def read_file(kind: Kind, file: Path, now: datetime) -> Imported:
    """Return what a file holds.

    Raises:
        FileRefused: If it is not such a file.
        OSError: If it cannot be read.
    """
    records = _records(file)
    if kind == "facts":
        return facts_of(_listed(records), now)
    readers: dict[str, Callable[[Iterable[tuple[str, Any]], datetime], Iterator[Chat]]] = {
        "chatgpt": _chatgpt,
        "claude": _claude,
        "messages": _messages,
    }
    chats = [chat for chat in readers[kind](_listed(records), now) if chat.messages]
    return Imported(chats=sorted(chats, key=lambda chat: min(m.at for m in chat.messages.values())))


def _records(file: Path) -> Any:
    """Return a file's JSON; its lines where each holds a value of its own."""
    content = file.read_bytes()
    try:
        # As Windows' shell writes what a command says.
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"{file.name} is no text in UTF-8: an archive is to be unpacked first."
        ) from error
    try:
        return read_json(text)
    except ValueError as error:
        number = getattr(error, "lineno", 1)
    values = []
    for at, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append(read_json(line))
            except ValueError as error:
                # Where no line is a value of its own, the file is one that breaks off further down.
                number = at if values else number
                raise FileRefused(f"Line {number} of {file.name} is not JSON.") from error
    return values


def _listed(records: Any) -> Iterator[tuple[str, Any]]:
    """Yield the records of a file with their places, out of what wraps them: one page, or each."""
    pages = records if isinstance(records, list) else [records]
    if not isinstance(records, list | dict):
        raise FileRefused("The file holds no list of records.")
    number = 0
    for page in pages:
        wraps = [page[name] for name in WRAPS if name in page] if is_dict(page) else []
        if wraps and not isinstance(wraps[0], list):
            raise FileRefused("The file holds no list of records.")
        for record in wraps[0] if wraps else [page]:
            number += 1
            yield f"record {number}", record


def _chatgpt(records: Iterable[tuple[str, Any]], now: datetime) -> Iterator[Chat]:
    """Yield ChatGPT's conversations: each a mapping of nodes with parents."""
    for place, record in records:
        nodes = _part(record, "mapping", dict, place)
        parents = {id: node.get("parent") for id, node in nodes.items() if is_dict(node)}
        begun = moment_of(record.get("create_time"), now)
        messages: dict[str, Message] = {}
        for id in _from_the_root(parents):
            message = nodes[id].get("message")
            role = ROLES.get(str(inner(message, "author", "role")))
            text = texts_of(inner(message, "content", "parts")) if _shown(message) else ""
            if role and text.strip():
                parent = _kept(parents, parents[id], messages)
                at = moment_of(message.get("create_time"), messages[parent].at if parent else begun)
                messages[id] = Message(id, parent, role, text, at)
        last = _kept(parents, record.get("current_node"), messages)
        id = record.get("conversation_id") or record.get("id")
        yield _chat("chatgpt", id, record.get("create_time"), messages, last)


def _shown(message: Any) -> bool:
    """Whether a message of ChatGPT's is said to its user, not to a tool and not hidden."""
    hidden = inner(message, "metadata", "is_visually_hidden_from_conversation")
    return inner(message, "recipient") in (None, "all") and hidden is not True


def _from_the_root(parents: Mapping[str, Any]) -> list[str]:
    """Return the ids of messages, each after its parent; those of circles are left out."""
    children: dict[str | None, list[str]] = {}
    for id, parent in parents.items():
        in_file = isinstance(parent, str) and parent in parents
        children.setdefault(parent if in_file else None, []).append(id)
    ordered = list(children.get(None, ()))
    for id in ordered:
        ordered.extend(children.get(id, ()))
    return ordered


def _kept(parents: Mapping[str, Any], id: Any, kept: Mapping[str, Message]) -> str | None:
    """Return the nearest message that is kept, from one upwards."""
    seen: set[str] = set()
    while isinstance(id, str) and id not in seen:
        if id in kept:
            return id
        seen.add(id)
        id = parents.get(id)
    return None


def _claude(records: Iterable[tuple[str, Any]], now: datetime) -> Iterator[Chat]:
    """Yield Claude's conversations: lists of messages, with parents in newer exports."""
    for place, record in records:
        listed = _part(record, "chat_messages", list, place)
        items: dict[str, Any] = {}
        id = ""
        for number, item in enumerate(listed):
            if is_dict(item):
                id = str(item.get("uuid") or digest(f"{id}\n{item.get('text')}"))
                items[id if id not in items else f"{id} {number}"] = item
        before = dict(pairwise(reversed(items)))
        parents = {
            id: item.get("parent_message_uuid", before.get(id)) for id, item in items.items()
        }
        if not any(parents.values()):
            parents = {id: before.get(id) for id in items}
        begun = moment_of(record.get("created_at"), now)
        messages: dict[str, Message] = {}
        for id in _from_the_root(parents):
            item = items[id]
            role = ROLES.get(str(item.get("sender")))
            # The text beside the parts says of each call of a tool that it cannot be shown.
            text = texts_of(item.get("content")) or item.get("text")
            text = clean(text) if isinstance(text, str) else ""
            if role and text.strip():
                parent = _kept(parents, parents[id], messages)
                at = moment_of(item.get("created_at"), messages[parent].at if parent else begun)
                messages[id] = Message(id, parent, role, text, at)
        last = _kept(parents, record.get("current_leaf_message_uuid"), messages)
        yield _chat("claude", record.get("uuid"), record.get("created_at"), messages, last)


def _chat(kind: str, id: Any, when: Any, messages: Mapping[str, Message], last: str | None) -> Chat:
    """Return a chat; one without an id is known by when and how it begins.

    Others may begin so too, with messages of the same ids: its own are known by all that was said
    up to them.
    """
    if id:
        return Chat(f"{kind}:{id}", messages, last)
    names: dict[str | None, str] = {}
    named: dict[str, Message] = {}
    for message in messages.values():
        before = names.get(message.parent)
        name = digest(f"{before}\n{message.role}\n{message.text}")
        names[message.id] = name
        named[name] = replace(message, id=name, parent=before)
    first = next(iter(named), "")
    return Chat(f"{kind}:{digest(f'{when} {first}')}", named, names.get(last))


def _messages(records: Iterable[tuple[str, Any]], now: datetime) -> Iterator[Chat]:
    """Yield chats of OpenAI's or LangChain's messages.

    A line is one message, or a chat with `messages`. Messages that name a `thread` (or
    `session_id`) belong to it; the others are one chat.
    """
    by_name: dict[str, list[tuple[str, Any]]] = {}
    for place, record in records:
        record = _inside(record)
        if isinstance(record, dict) and isinstance(record.get("messages"), list):
            messages: dict[str, Message] = {}
            for item in record["messages"]:
                _append(messages, item, place, now)
            first = "\n".join(message.text for message in messages.values())
            id = f"messages:{record.get('id') or digest(first)}"
            yield Chat(id, messages, by_place=True)
        else:
            name = record.get("thread") or record.get("session_id") if is_dict(record) else None
            by_name.setdefault(str(name or ""), []).append((place, record))
    for name, listed in by_name.items():
        messages = {}
        for place, item in reversed(listed) if _newest_first(listed) else listed:
            _append(messages, item, place, now)
        first = next((message.text for message in messages.values()), "")
        yield Chat(f"messages:{name or digest(first)}", messages, by_place=True)


def _inside(record: Any) -> Any:
    """Return a record that a text holds, as the lines of a Redis list are written by tools."""
    try:
        return read_json(record) if isinstance(record, str) else record
    except ValueError:
        return record


def _append(messages: dict[str, Message], item: Any, place: str, now: datetime) -> None:
    if not is_dict(item):
        raise FileRefused(f"There is no message in {place}.")
    data, role = _data(item), _role(item)
    content = data.get("content")
    text = clean(content) if isinstance(content, str) else texts_of(content)
    if role is None or not text.strip():
        return
    before = next(reversed(messages.values()), None)
    name = data.get("name") if role == "user" else None
    # Of all that was said before: another chat that begins alike, or goes on, is not passed over.
    id = digest(f"{before.id if before else ''}\n{role}\n{text}")
    messages[id] = Message(
        id=id,
        parent=before.id if before else None,
        role=role,
        text=text,
        at=moment_of(_when(item), before.at if before else now),
        name=clean_name(name) or None if isinstance(name, str) else None,
    )


def _data(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what holds the content of a message: in LangChain's two forms not the message."""
    held = (item.get(name) for name in ("data", "kwargs"))
    return next((each for each in held if isinstance(each, dict)), item)


def _role(item: Any) -> str | None:
    if not is_dict(item):
        return None
    names = (item.get("role"), item.get("type"), _data(item).get("type"))
    return next((ROLES[name] for name in names if isinstance(name, str) and name in ROLES), None)


def _newest_first(listed: Sequence[tuple[str, Any]]) -> bool:
    """Return whether LangChain's lines stand as Redis lists them: from the last reply back."""
    undated = all(
        is_dict(item) and _data(item) is not item and not _when(item) for _, item in listed
    )
    return undated and [_role(listed[at][1]) for at in (0, -1)] == ["assistant", "user"]


def _when(item: Mapping[str, Any]) -> Any:
    return next((item[n] for n in ("timestamp", "created_at", "at") if n in item), None)


def _part(record: Any, name: str, kind: type, place: str) -> Any:
    value = record.get(name) if isinstance(record, dict) else None
    if value is None and is_dict(record) and name in record:
        return kind()  # Deleted: only its frame is left.
    if not isinstance(value, kind):
        raise FileRefused(f'There is no conversation in {place}: it has no "{name}".')
    return value
