"""What is in use, why, and whether it answers: one row a check, for people and programs.

Looks only: nothing is made or repaired. What it says of stores is in `doctor_stores` and
`doctor_redis`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

import httpx
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langsmith import tracing_context
from langsmith.utils import get_api_url, tracing_is_enabled

from models.chat import Part, chat_model_name, open_chat_model, open_named
from models.embeddings.open import BUILT_IN, open_embeddings
from models.errors import ModelError, ModelSettingsError, StillLoading
from models.offline.chat import OFFLINE
from models.open import character_models
from models.provider.calls import as_model_errors
from models.provider.loading import once_loaded
from models.provider.ollama import find_ollama, read_window
from service.ops.misnamed import misnamed
from settings import Settings, variable

ALL_SECONDS = 20.0
"""How long all checks together may take; they run at once. A busy machine takes ten to load the
embeddings, which is no fault."""
MODEL_SECONDS = 5.0
"""How long a model may take for a few words."""
LOADING_SECONDS = 2.0
"""How long it may say that it is loading; both together end before `ALL_SECONDS`."""
ANSWER_TOKENS = 16
"""Room for the one word that a model is asked for; a slow one must not go on."""

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One row: what was looked at, how it is, and one sentence about it."""

    name: str
    state: State
    text: str


Work = Callable[[Settings], Awaitable[list[Check]]]


async def examine(settings: Settings, *more: tuple[str, Work]) -> tuple[list[Check], bool]:
    """Return all rows in a fixed order, and whether some check had to be left behind.

    A check that does not end in time is a failure; the thread it may wait in is not waited for.
    """
    works: list[tuple[str, Work]] = [
        ("settings", check_settings),
        ("chat model", check_chat_model),
        ("memory model", check_memory_model),
        ("characters' models", check_character_models),
        ("embeddings", check_embeddings),
        *more,
        ("ollama", check_ollama),
        ("tracing", check_tracing),
    ]
    tasks = [asyncio.ensure_future(work(settings)) for _, work in works]
    await asyncio.wait(tasks, timeout=ALL_SECONDS)
    rows: list[Check] = []
    for (name, _), task in zip(works, tasks, strict=True):
        if task.done():
            rows += task.result()
        else:
            task.cancel()
            late = f"No answer within {ALL_SECONDS:g} seconds: it hangs, or is far too slow."
            rows.append(Check(name, "fail", late))
    return rows, any(task.cancelling() for task in tasks)


def because(settings: Settings, field: str) -> str:
    """Return which variable decided, as a remark in brackets."""
    decided = "is set" if field in settings.model_fields_set else "is not set"
    return f"({variable(field)} {decided})"


async def check_settings(settings: Settings) -> list[Check]:
    """Name variables that look like settings and are none: most likely misspelt."""
    if odd := await asyncio.to_thread(misnamed):
        return [Check("settings", "warn", " ".join(odd))]
    given = sorted(map(variable, settings.model_fields_set))
    text = f"Set: {', '.join(given)}." if given else "Nothing is set: embedded stores, offline."
    return [Check("settings", "ok", text)]


async def check_chat_model(settings: Settings) -> list[Check]:
    """Ask the chat model for a word."""
    return [await _check_model(settings, "chat")]


async def check_memory_model(settings: Settings) -> list[Check]:
    """Ask the memory model for a word, where it is another one than the chat model."""
    if settings.memory_model in (None, "", settings.chat_model):
        text = f"The chat model {because(settings, 'memory_model')}."
        return [Check("memory model", "ok", text)]
    return [await _check_model(settings, "memory")]


async def check_character_models(settings: Settings) -> list[Check]:
    """Ask each model that characters name, and that is not the chat model, for a word."""
    checks = [
        _check_named(settings, f"model {name}", name, f"({place})", partial(_of, name, place))
        for name, place in character_models(settings).items()
        if name not in (OFFLINE, settings.chat_model)
    ]
    return await asyncio.gather(*checks)


def _of(name: str, place: str, settings: Settings) -> BaseChatModel:
    return open_named(settings, name, place)


def _why_model(settings: Settings, part: Part) -> str:
    if part == "memory":
        return because(settings, "memory_model")
    for field in ("chat_model", "openai_base_url", "openai_api_key"):
        if getattr(settings, field):
            return because(settings, field)
    return because(settings, "openai_api_key")


async def _check_model(settings: Settings, part: Part) -> Check:
    row = f"{part} model"
    try:
        name = chat_model_name(settings, part)
    except ModelSettingsError as error:
        return Check(row, "fail", str(error))
    if name == OFFLINE:
        text = (
            "offline: quotes what was said, no language model (nothing else is configured): "
            "set OPENAI_API_KEY, or OPENAI_BASE_URL and MNEMO_CHAT_MODEL."
        )
        return Check(row, "ok", text)
    opening = partial(open_chat_model, part=part)
    return await _check_named(settings, row, name, _why_model(settings, part), opening)


async def _check_named(
    settings: Settings, row: str, name: str, why: str, opening: Callable[[Settings], BaseChatModel]
) -> Check:
    """Open a model and ask it for a word."""
    brisk = settings.model_copy(update={"model_timeout": MODEL_SECONDS, "model_retries": 0})
    try:
        waited = await _ask(await asyncio.to_thread(opening, brisk))
    except StillLoading:
        text = f"{name}: its server is still loading it; ask again in a minute."
        return Check(row, "warn", text)
    except (ModelError, ModelSettingsError) as error:
        return Check(row, "fail", str(error))
    loaded = f", once loaded after {waited:.0f} s" if waited else ""
    return Check(row, "ok", f"{name} answers{loaded} {why}.")


async def _ask(model: BaseChatModel) -> float:
    """Have a model answer something; return how many seconds it was waited until it was loaded.

    Raises:
        ModelError: If it does not.
    """
    client = getattr(model, "http_async_client", None)
    try:
        # Not traced: sending the trace of this question would hold up the end of the program.
        with tracing_context(enabled=False):
            _, waited = await once_loaded(partial(_say_yes, model), LOADING_SECONDS)
            return waited
    except TimeoutError as error:
        raise ModelError(
            f"The model did not answer within {MODEL_SECONDS:g} seconds: check that its server "
            "runs and is not still loading the model."
        ) from error
    finally:
        if client is not None:
            await client.aclose()


async def _say_yes(model: BaseChatModel) -> None:
    short = model.bind(max_tokens=ANSWER_TOKENS)
    async with asyncio.timeout(MODEL_SECONDS):
        with as_model_errors():
            await short.ainvoke([HumanMessage("Answer with the one word: yes")])


async def check_embeddings(settings: Settings) -> list[Check]:
    """Have the embedding model embed something."""
    name, model_name = "embeddings", settings.embeddings
    brisk = settings.model_copy(update={"model_timeout": MODEL_SECONDS, "model_retries": 0})
    try:
        async with aclosing(await open_embeddings(brisk)) as model:
            await model.embeddings.aembed_query("one word")
    except (ModelError, ModelSettingsError) as error:
        return [Check(name, "fail", str(error))]
    built_in = "built in, " if model_name in BUILT_IN else ""
    text = f"{model_name} ({built_in}{model.dimensions} dimensions) works"
    return [Check(name, "ok", f"{text} {because(settings, 'embeddings')}.")]


async def check_ollama(settings: Settings) -> list[Check]:
    """Look for an Ollama on this machine."""
    line = await find_ollama(timeout=1.0)
    if line is None:
        text = "None on this machine; not needed (https://ollama.com is one way to a local model)."
    elif settings.offline:
        text = f"Found; to use it: {line}"
    else:
        text = "Found on this machine."
    return [Check("ollama", "ok", text), *await _ollama_context(settings)]


async def _ollama_context(settings: Settings) -> list[Check]:
    """Compare what an Ollama in use reads with what prompts may have: it cuts in silence."""
    if settings.openai_base_url is None or not settings.chat_model:
        return []
    window = await read_window(settings.openai_base_url, settings.chat_model)
    asked = max(tier.context_budget for tier in settings.all_tiers.values())
    asked = min(asked, settings.context_window or asked)
    if window is None or window >= asked:
        return []
    text = (
        f"{settings.chat_model} reads {window} tokens of a prompt there, and the rest is cut in "
        f"silence; prompts may have {asked}: start it with OLLAMA_CONTEXT_LENGTH={asked}, or set "
        f"MNEMO_CONTEXT_WINDOW={window}."
    )
    return [Check("ollama context", "warn", text)]


async def check_tracing(settings: Settings) -> list[Check]:
    """Tell whether LangSmith traces runs, and whether it can be reached."""
    if not tracing_is_enabled():
        text = "LangSmith is off (LANGSMITH_TRACING is not set): nothing leaves this machine by it."
        return [Check("tracing", "ok", text)]
    url = get_api_url(None)
    try:
        async with httpx.AsyncClient(timeout=3.0) as client:
            await client.get(f"{url}/info")
    except httpx.HTTPError:
        text = (
            f"LangSmith is on (LANGSMITH_TRACING), but {urlsplit(url).netloc} does not answer: "
            "every program then takes some 13 seconds longer to end."
        )
        return [Check("tracing", "warn", text)]
    text = (
        f"LangSmith is on (LANGSMITH_TRACING): runs and their texts go to {urlsplit(url).netloc}."
    )
    return [Check("tracing", "ok", text)]
