"""A long text becomes messages that Telegram takes, and loses nothing on the way."""

from hypothesis import given, settings
from hypothesis import strategies as st

from service.telegram.splitting import LIMIT, pieces

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@settings(max_examples=50)
@given(ANY, st.integers(8, 60))
def test_no_piece_is_too_long_and_no_letter_is_lost(text: str, limit: int) -> None:
    found = pieces(text, limit)
    assert all(0 < units(piece) <= limit for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@settings(max_examples=50)
@given(ANY, ANY, st.integers(8, 60))
def test_what_is_full_stays_as_it_is_while_the_text_grows(text: str, more: str, limit: int) -> None:
    before, after = pieces(text, limit), pieces(text + more, limit)
    assert before[:-1] == after[: len(before) - 1] or not text.strip()


def test_a_text_is_split_between_words_and_a_sign_stays_whole() -> None:
    assert pieces("one two three four", 10) == ["one two", "three four"]
    assert pieces("one\n\ntwo three", 10)[0] == "one\n\ntwo"
    family = "👨‍👩‍👧"
    assert set(pieces(family * 1000)) <= {family * n for n in range(1, 1000)}
    assert pieces("a" * LIMIT) == ["a" * LIMIT]
    assert [units(piece) for piece in pieces("😀" * 3000)] == [4096, 1904]
