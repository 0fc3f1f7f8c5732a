"""No text of a user holds a process up: patterns and text functions stay fast on hostile input."""

import dataclasses
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import pytest

import domain
import evals
import graph
import models
import nodes
import service
import stores
from domain.facts.extraction import Source
from domain.facts.support import supported
from domain.records import Said, Turn
from domain.redaction import redact
from domain.summary_check import check, details
from domain.text.dates.dates import find, named_period, resolve
from domain.text.languages import language_of
from domain.text.questions import asks
from domain.text.sentences import clauses, sentences
from domain.text.statements import denies, first_person, is_question
from domain.text.terms import terms
from models.offline.facts import extract_offline

AT = datetime(2026, 5, 8, 14, tzinfo=UTC)
LIMIT = 0.05
"""Seconds of CPU that one text of 20 kB may take."""
SIZE = 20_000
PIECEWISE = ("models.provider.written_calls._BEFORE_NAME",)
"""Patterns that are only ever given a short piece of a text."""
PIECES = (
    " ", "\n", "\t", '"', "'", "`", "0", "(", "[", "<", "a", "A", "é", "我", ".", ",", "-", "_",
    "/", ":", ";", "=", "*", ">", "|", "\u00a0", "\n ", "1 ", "1-", "1.", "a.", "Aa ", "i ",
    "my ", "not ", "http://", "> ", "\n>", "``` ", '" ', "<memory ", "</memory", "<think>",
    "password is ", "token=", "eyJ", "-----BEGIN PRIVATE KEY-----", "Bearer ", "in ", "what ",
    "I said ", '{"', "a,", "4111 ", "forget ", "。", "か", "\u0627 ",
)  # fmt: skip


FEW = (" ", "\n", '"', "1", "(", "a", "1 ", "。")


def texts(size: int, pieces: Sequence[str]) -> list[str]:
    """Texts of one piece over and over, ended by what spoils a match, and one of them all."""
    mixed = "".join(pieces) * (size // 100)
    return [(piece * size)[:size] + "\x00!" for piece in (*pieces, mixed)]


def modules() -> Iterator[str]:
    """The names of all modules of the project."""
    for package in (domain, evals, graph, models, nodes, service, stores):
        yield package.__name__
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield found.name


def patterns() -> dict[str, re.Pattern[str]]:
    """Every compiled pattern that a module of the project holds, in itself or in a table."""
    found: dict[str, re.Pattern[str]] = {}

    def look(value: object, where: str, depth: int) -> None:
        if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
            found[f"{where}: {value.pattern[:60]}"] = value
        elif depth and isinstance(value, dict):
            for key, each in value.items():
                look(each, f"{where}[{key!r:.20}]", depth - 1)
        elif depth and isinstance(value, list | tuple | set | frozenset):
            for number, each in enumerate(value):
                look(each, f"{where}[{number}]", depth - 1)
        elif depth and dataclasses.is_dataclass(value) and not isinstance(value, type):
            for key, each in vars(value).items():
                look(each, f"{where}.{key}", depth - 1)

    for name in modules():
        try:
            module = importlib.import_module(name)
        except ImportError:  # an extra that is not installed
            continue
        for label, value in vars(module).items():
            if not label.startswith("__"):
                look(value, f"{name}.{label}", 3)
    return {name: pattern for name, pattern in found.items() if not name.startswith(PIECEWISE)}


def seconds(function: Callable[[str], object], text: str, limit: float) -> float:
    """CPU seconds of this thread that a call takes: the least of up to three."""
    least = float("inf")
    for _ in range(3):
        begin = time.thread_time()
        function(text)
        least = min(least, time.thread_time() - begin)
        if least <= limit:
            break
    return least


def all_matches(pattern: re.Pattern[str]) -> Callable[[str], object]:
    """What finds everything that a pattern matches."""
    return lambda text: sum(1 for _ in pattern.finditer(text))


def slow_ones(
    functions: dict[str, Callable[[str], object]], size: int, limit: float, pieces: Sequence[str]
) -> list[str]:
    """The names of the functions that some text of a size takes too long for, with the text.

    How fast a machine is must not decide: what takes longer than the limit is slow where a fourth
    of the text takes less than a sixth of the time (it grows faster than the text), or where it
    takes four times the limit.
    """
    slow = []
    for name, function in functions.items():
        for text in texts(size, pieces):
            if (taken := seconds(function, text, limit)) <= limit:
                continue
            if taken > 4 * limit or seconds(function, text[: size // 4] + "\x00!", 0) < taken / 6:
                slow.append(f"{name} takes {taken:.3f} s for {text[:20]!r}")
                break
    return slow


def turns(text: str) -> list[Turn]:
    said = Said(id="m", role="user", text=text, at=AT)
    return [Turn(id="t", parent=None, thread="t", at=AT, messages=(said,))]


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "redact": lambda text: redact(text, personal=True),
    "terms": terms,
    "asks": asks,
    "find a date": lambda text: find(text, AT),
    "named period": lambda text: named_period(text, AT),
    "resolve a date": lambda text: resolve(text, AT),
    "check a summary": lambda text: check(turns(text), "A summary."),
    "check a hostile summary": lambda text: check(turns("I have 2 cats."), text),
    "details": lambda text: details(turns(text)),
    "sentences": sentences,
    "clauses": lambda text: list(clauses(text)),
    "language": language_of,
    "question": is_question,
    "first person": first_person,
    "denial": denies,
    "support": lambda text: supported(text[:300], [text]),
    "offline facts": lambda text: extract_offline([Source(ref="t/0", text=text, at=AT)]),
}


@pytest.mark.deep
def test_no_pattern_is_slower_than_its_text_is_long() -> None:
    """At a fifth of the size a quadratic pattern takes a twenty-fifth of the time."""
    functions = {name: all_matches(pattern) for name, pattern in patterns().items()}
    assert len(functions) > 100
    assert slow_ones(functions, SIZE // 5, LIMIT / 5, FEW) == []


@pytest.mark.deep
@pytest.mark.timeout(900)
def test_no_pattern_takes_long_for_twenty_kilobytes() -> None:
    functions = {name: all_matches(pattern) for name, pattern in patterns().items()}
    assert slow_ones(functions, SIZE, LIMIT, FEW) == []


@pytest.mark.parametrize(
    "pieces", [FEW, pytest.param(PIECES, marks=pytest.mark.deep)], ids=["few", "many"]
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_text_of_twenty_kilobytes_holds_a_function_up(name: str, pieces: Sequence[str]) -> None:
    FUNCTIONS[name]("I live in Berlin.")  # loads what is loaded once
    assert slow_ones({name: FUNCTIONS[name]}, SIZE, 2 * LIMIT, pieces) == []  # others work beside
