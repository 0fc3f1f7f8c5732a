"""The page and its parts: HTML that a browser asks for piece by piece.

Nothing of a user is in the page itself; each part asks whose memory it is, as every route does.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Query, UploadFile
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from domain.exported import ImportRefused
from domain.facts.facts import Standing
from domain.facts.lasting_wishes import LASTING
from domain.json_text import read_json
from domain.owner import Owner
from domain.records import Recalled, Turn
from domain.text.moments import here
from service import memory_changes, memory_view
from service.http.access import Asking, OwnMemory, OwnUser, Served
from service.http.page.timeline import MOST_SHOWN, timeline
from service.http.page.words import LAYERS, bar_of, reasons_in_words
from service.http.paging import page_before
from service.http.problems import NOTHING
from service.memory_view import remembered
from service.plain_text import plain
from service.reasons import REASONS, reasons_of
from service.serving import Serving
from stores.maintenance.export import import_user
from stores.recall.selection import NEWER_BELOW

router = APIRouter(include_in_schema=False)

PART = "/inspector/{user_id}/{character_id}"
TURNS = 20
"""Turns that come at once as one scrolls up."""
PAUSE = timedelta(minutes=30)
"""How long nothing is said before the time is shown again."""
FOUND_TOKENS = 800
"""Tokens of what a search shows: about as much as a prompt recalls (`MNEMO_MEMORY_SHARE`)."""
NOT_WORDED = "No line has these words. What comes closest:"
THREADS = 50
"""Conversations that one may choose from, the newest."""
STATIC = Path(str(files("service.http.page"))) / "static"
ASSETS = {path.name: path for path in STATIC.iterdir()}
SAFE = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""No script but ours runs, whatever is remembered."""


def _shown(value: Any) -> Any:
    """Return what a template shows for a value: text without what would steer its reader's eye."""
    markup = hasattr(value, "__html__")
    return plain(value) if isinstance(value, str) and not markup else value


_templates = Environment(
    loader=PackageLoader("service.http.page"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
)


def _day(at: date) -> str:
    return f"{at:%-d %B %Y}"


def _quoted(text: str) -> str:
    """Return a recalled line as its reader would say it: a prompt calls them "User"."""
    line = text.removeprefix("- ").removeprefix("You: ").removeprefix("User: ")
    return line.replace(NEWER_BELOW, "something newer was said since")


_templates.filters |= {"day": _day, "quoted": _quoted}


def _html(name: str, **values: Any) -> HTMLResponse:
    return HTMLResponse(_templates.get_template(name).render(**values), headers=SAFE)


@router.get("/inspector")
async def page(served: Served) -> HTMLResponse:
    """The page, without anything of a user."""
    settings = served.parts.settings
    characters = {id: c.name or id for id, c in settings.characters.items()}
    return _html(
        "page.html",
        characters=characters or {"default": "Assistant"},
        greetings={id: c.greeting for id, c in settings.characters.items() if c.greeting},
        offline=settings.offline,
        asks_token=served.tokens is not None,
    )


@router.get("/inspector/static/{name}")
async def asset(name: str) -> FileResponse:
    """A script or style of the page."""
    if name not in ASSETS:
        raise HTTPException(404, NOTHING)
    return FileResponse(ASSETS[name], headers={"cache-control": "public, max-age=3600"})


@router.get("/inspector/whoami")
async def whoami(caller: Asking) -> JSONResponse:
    """Who a token says is calling; null where nobody is asked."""
    return JSONResponse({"user": caller.user_id if caller.has_token else None}, headers=SAFE)


async def _begin(served: Serving, owner: Owner) -> None:
    """Begin to load what the first message will need, while its writer looks at the page."""
    stores = served.parts.stores
    if served.parts.settings.tier(None, owner.character_id).remembers:
        stores.recall.begin(owner, await stores.journal.read(owner))


@router.get(f"{PART}/threads")
async def threads(served: Served, owner: OwnMemory) -> HTMLResponse:
    """The conversations of an owner, newest first, each with how it begins."""
    await _begin(served, owner)
    begun: dict[str, str] = {}
    last: dict[str, datetime] = {}
    for turn in await memory_view.transcript(served.parts.stores, owner):
        begun.setdefault(turn.thread, turn.messages[0].text)
        last[turn.thread] = turn.at
    view = await served.parts.stores.journal.read(owner)
    for thread in islice(view.threads.keys() - last.keys(), THREADS):
        for text in (await served.conversation.waiting(thread)).values():
            begun.setdefault(thread, text)
            last[thread] = served.parts.now()
    newest = sorted(last, key=lambda id: last[id], reverse=True)[:THREADS]
    return _html("threads.html", threads=[(id, begun[id], last[id]) for id in newest])


@router.get(f"{PART}/transcript")
async def transcript(
    served: Served,
    owner: OwnMemory,
    before: Annotated[str | None, Query()] = None,
    thread: Annotated[str | None, Query()] = None,
) -> HTMLResponse:
    """All that was said, or all of one conversation, the newest part first."""
    await _begin(served, owner)
    stores, conversation = served.parts.stores, served.conversation
    turns = await memory_view.transcript(stores, owner, thread)
    shown, older = page_before(turns, _order, TURNS, before)
    thread = thread or await conversation.last_thread(owner)
    theirs = before is None and thread in (await stores.journal.read(owner)).threads
    waiting = (await conversation.waiting(str(thread))).values() if theirs else ()
    return _html(
        "transcript.html",
        turns=shown,
        older=older,
        waiting=waiting,
        empty=before is None and not shown and not waiting,
        pause=PAUSE,
    )


def _order(turn: Turn) -> tuple[int, str]:
    return turn.seq, turn.id


@router.get(f"{PART}/memory")
async def memory(
    served: Served, owner: OwnMemory, thread: Annotated[str | None, Query()] = None
) -> HTMLResponse:
    """All that is remembered, and how the last prompts were packed."""
    await _begin(served, owner)
    stores, conversation = served.parts.stores, served.conversation
    shown = await remembered(stores, owner)
    thread = thread or await conversation.last_thread(owner)
    prompts = await conversation.last_prompts(owner, thread) if thread else []
    buffer = await memory_view.recent(stores, owner)
    return _html(
        "memory.html",
        empty=not (buffer or shown.episodes or shown.facts or shown.entities),
        offline=served.parts.settings.offline,
        recalled=_with_reasons(prompts[-1].recalled if prompts else ()),
        bars=[bar_of(prompt.budget) for prompt in reversed(prompts)],
        layers=LAYERS,
        buffer=buffer,
        episodes=list(reversed(shown.episodes)),
        entities=shown.entities,
        days=timeline(shown, buffer),
        most=MOST_SHOWN,
        **_facts(shown.facts),
    )


def _with_reasons(items: Iterable[Recalled]) -> list[tuple[Recalled, str]]:
    """Return what was recalled, the strongest first, each with why."""
    strongest = sorted(items, key=lambda item: item.score, reverse=True)
    return [(item, reasons_in_words(item)) for item in strongest]


def _facts(standings: Iterable[Standing]) -> dict[str, Any]:
    """Return current facts and lasting wishes, newest first, and what each replaced."""
    standings = list(standings)
    earlier: dict[str, list[Standing]] = {}
    for standing in standings:
        if standing.superseded_by:
            earlier.setdefault(standing.superseded_by, []).append(standing)
    current = [standing for standing in reversed(standings) if standing.current]
    wishes = [standing for standing in current if standing.fact.kind in LASTING]
    facts = [standing for standing in current if standing.fact.kind not in LASTING]
    return {"wishes": wishes, "facts": facts, "earlier": earlier}


@router.get(f"{PART}/search")
async def search(
    served: Served, owner: OwnMemory, q: Annotated[str, Query(max_length=2000)] = ""
) -> HTMLResponse:
    """What would be recalled for some words."""
    if not q.strip():
        return _html("recalled.html", recalled=[], nothing="")
    parts = served.parts
    now = here(parts.now(), parts.settings.timezone)
    items = await memory_view.look_up(parts.stores, owner, q, budget=FOUND_TOKENS, now=now)
    worded = any("words" in reasons_of(item, len(REASONS)) for item in items)
    nothing = "" if worded else NOT_WORDED if items else "Nothing is remembered about this."
    return _html("recalled.html", recalled=_with_reasons(items), nothing=nothing)


@router.post(f"{PART}/facts/{{id}}")
async def edit_fact(
    served: Served, owner: OwnMemory, id: str, text: Annotated[str, Form(max_length=2000)] = ""
) -> HTMLResponse:
    """Put a fact into other words, and show the facts."""
    try:
        await memory_changes.edit_fact(served.parts, owner, id, text)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return await _shown_facts(served, owner)


@router.delete(f"{PART}/facts/{{id}}")
async def delete_fact(served: Served, owner: OwnMemory, id: str) -> HTMLResponse:
    """Delete a fact, and show the others."""
    await memory_changes.delete_fact(served.parts, owner, id)
    return await _shown_facts(served, owner)


async def _shown_facts(served: Served, owner: Owner) -> HTMLResponse:
    shown = await remembered(served.parts.stores, owner)
    return _html("facts.html", **_facts(shown.facts))


@router.post("/inspector/{user_id}/import")
async def import_file(served: Served, user: OwnUser, file: UploadFile) -> Response:
    """Bring in what an export wrote; it must be of the same user."""
    lines = (await file.read()).splitlines()
    try:
        named = read_json(lines[0]).get("user_id") if lines else None
    except (ValueError, AttributeError):
        named = None
    if named != user:
        raise HTTPException(422, "The file is no export of this user's memory.")
    try:
        counts = await import_user(served.parts.stores, lines)
    except ImportRefused as error:
        raise HTTPException(422, str(error)) from error
    return JSONResponse(counts, headers=SAFE)
