"""What was worked out of long texts does not pile up in memory."""

import tracemalloc

from domain.text.languages import language_of


def read_long_texts(first: int, last: int) -> None:
    for number in range(first, last):
        assert language_of(f"I noted number {number}. " + "x" * 50_000) == "en"


def test_a_hundred_more_long_texts_take_no_more_memory() -> None:
    tracemalloc.start()
    try:
        read_long_texts(0, 100)
        before = tracemalloc.get_traced_memory()[0]
        read_long_texts(100, 200)
        assert tracemalloc.get_traced_memory()[0] < before + 500_000
    finally:
        tracemalloc.stop()
