"""Files of benchmarks, read by the names of their fields: what is wrong with one is a sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from domain.json_text import read_json

T = TypeVar("T")


class NotBenchmark(ValueError):
    """A file or folder does not hold what a benchmark publishes; the text is one sentence."""


def files_in(place: Path, of: str) -> list[Path]:
    """Return the JSON files of a folder, or the one file that is given.

    Raises:
        NotBenchmark: If there is none.
    """
    if not place.exists():
        raise NotBenchmark(f"{place} does not exist: give the JSON files of {of}.")
    files = sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not files:
        raise NotBenchmark(f"{place} holds no JSON file: give the JSON files of {of}.")
    return files


def read_file(file: Path, what: str, read: Callable[[Any], T]) -> T:
    """Return what a benchmark's file holds.

    Raises:
        NotBenchmark: If it is something else, with what is missing or wrong.
    """
    try:
        return read(read_json(file.read_bytes()))
    except KeyError as error:
        wrong = f'it has no "{error.args[0]}" where one belongs'
    except (TypeError, AttributeError) as error:
        wrong = f"something in it has another form than it should ({error})"
    except ValueError as error:
        wrong = str(error)
    except OSError as error:
        wrong = str(error.strerror)
    raise NotBenchmark(f"{file} is not {what}: {wrong}.")
