"""How the command line speaks: text made safe for a terminal, JSON, and errors as one sentence.

Imports what is heavy only when it is used, so that `mnemo --help` stays quick. No commands here.
"""

import asyncio
import atexit
import gc
import json
import logging
import shutil
import sys
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

from service.plain_text import plain

if TYPE_CHECKING:
    from pydantic import ValidationError
    from rich.console import Console

    from nodes.state import Parts
    from settings import Settings
    from stores.open import Stores

T = TypeVar("T")

INTERRUPTED = 130
"""What a shell sees of a program that Ctrl-C ended."""
_told: set[str] = set()
"""What this process has said of misnamed settings."""


def console(stderr: bool = False) -> "Console":
    """Return a console that prints text as it is: no markup, no highlighting, no emoji codes."""
    from rich.console import Console, ConsoleDimensions

    shown = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if shown.is_dumb_terminal:  # Its width is known all the same, and Rich takes it for 80.
        shown.size = ConsoleDimensions(*shutil.get_terminal_size())
    return shown


def print_json(value: Any, pretty: bool = True) -> None:
    """Print one JSON value on stdout, whole and at once."""
    text = json.dumps(value, ensure_ascii=False, indent=2 if pretty else None)
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fail(sentence: str, code: int = 1) -> NoReturn:
    """Say on stderr, in one sentence, what went wrong and end the program."""
    print(plain(sentence), file=sys.stderr, flush=True)
    raise typer.Exit(code)


@cache
def hasten() -> None:
    """Start and end sooner: what a program imports is no garbage, so do not look through it.

    A fifth of the time to import, and half a second at the end, went into collections that freed
    nothing.
    """
    gc.set_threshold(50_000, 10, 10)  # objects; Python's own first number is 700 to 2,000
    atexit.register(gc.freeze)


def quiet(verbose: bool) -> None:
    """Keep libraries' warnings and log lines to themselves, unless they are asked for."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            errors = "replace" if stream is sys.stdin else "backslashreplace"
            reconfigure(encoding="utf-8", errors=errors)
    if verbose:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)
        return
    logging.getLogger().addHandler(logging.NullHandler())
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def settings(kind: "type[Settings] | None" = None) -> "Settings":
    """Return the settings; one sentence and the end of the program where they cannot be used.

    What else `.env` holds (keys of other providers, LangSmith's variables) becomes part of the
    environment, as it does under `langgraph dev`.
    """
    from dotenv import load_dotenv
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from service.ops.misnamed import misnamed
    from settings import Settings

    try:
        load_dotenv(Path(".env"))
        for sentence in misnamed():
            if sentence not in _told:  # A command may ask for its settings twice.
                print(sentence, file=sys.stderr)
                _told.add(sentence)
        return (kind or Settings)()
    except ValidationError as error:
        fail(_unusable(error))
    except SettingsError as error:
        fail(f"A setting cannot be read ({error}): structured values are written as JSON.")
    except UnicodeDecodeError:
        fail("The file .env is no text in UTF-8: save it so (Windows' shell writes UTF-16).")


def _unusable(error: "ValidationError") -> str:
    """Return which variables cannot be used, and why."""
    from settings import variable

    sentences = []
    for problem in error.errors():
        if not problem["loc"]:
            sentences.append(problem["msg"].removeprefix("Value error, "))
            continue
        first, *rest = map(str, problem["loc"])
        own = first if first.isupper() else variable(first)
        name = "__".join([own, *(part.upper() for part in rest)])
        sentences.append(f"{name} cannot be used: {problem['msg'][0].lower()}{problem['msg'][1:]}.")
    return " ".join(sentences)


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a command's coroutine; an error its user can act on is one sentence and exit code 1."""
    from models.errors import ModelError, ModelSettingsError
    from stores.errors import CheckpointGone, GenerationMoved, StoreMismatch, StoreUnavailable

    expected = (
        ModelError,
        ModelSettingsError,
        CheckpointGone,
        StoreMismatch,
        StoreUnavailable,
        GenerationMoved,
    )
    try:
        return asyncio.run(work())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except expected as error:
        fail(str(error))


def with_stores(work: "Callable[[Stores, Settings], Awaitable[T]]", *, reads: bool = False) -> T:
    """Run a command's work on the stores that the settings name, as `run` does.

    For what needs neither graph nor models: it starts in half the time. What only `reads` works
    beside another process that has the data dir open.
    """
    chosen = settings()

    async def opened(place: "Settings") -> T:
        from stores.open import open_stores

        async with open_stores(place) as stores:
            return await work(stores, chosen)

    return run(lambda: _on_copy(opened, chosen) if reads else opened(chosen))


def with_parts(work: "Callable[[Parts], Awaitable[T]]", *, reads: bool = False) -> T:
    """Run a command's work on the parts that the settings name, as `with_stores` does."""
    chosen = settings()

    async def opened(place: "Settings") -> T:
        from graph.parts import open_parts

        async with open_parts(place) as parts:
            return await work(parts)

    return run(lambda: _on_copy(opened, chosen) if reads else opened(chosen))


async def _on_copy(work: "Callable[[Settings], Awaitable[T]]", chosen: "Settings") -> T:
    from stores.maintenance.snapshot import snapshot

    async with snapshot(chosen) as copy:
        return await work(copy)
