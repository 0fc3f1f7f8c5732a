"""What fits into a prompt, and what gives way when not all does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.prompt_budget import Allocation, Shares, Sizes, allocate

SHARES = Shares(limit=1000, reply_reserve=200, summary=120, entities=40, buffer=400, memories=70)
SIZES = Sizes(
    persona=50,
    message=50,
    earlier=[50, 50],
    earlier_frame=20,
    buffer=[60] * 5,
    entities=[10] * 4,
    memories=70,
    frame=10,
)


def test_the_oldest_of_the_buffer_gives_way_first_and_the_rest_keep_their_shares() -> None:
    assert allocate(SIZES, SHARES) == Allocation(earlier=2, buffer=5, entities=4, memories=True)
    longer = allocate(replace(SIZES, buffer=[60] * 50), SHARES)
    assert longer == Allocation(earlier=2, buffer=7, entities=4, memories=True)
    one_too_long = allocate(replace(SIZES, buffer=[500, *[60] * 6]), SHARES)
    assert one_too_long == Allocation(earlier=2, buffer=6, entities=4, memories=True)


def test_below_its_floor_the_buffer_takes_the_room_of_memories_then_of_entities() -> None:
    long = replace(SIZES, earlier=[], buffer=[630])
    assert allocate(long, SHARES) == Allocation(earlier=0, buffer=1, entities=4, memories=False)
    longer = replace(long, buffer=[680])
    assert allocate(longer, SHARES) == Allocation(earlier=0, buffer=1, entities=0, memories=False)


def test_a_prompt_that_persona_and_message_fill_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="shorten the persona or raise"):
        allocate(replace(SIZES, persona=800), SHARES)


@given(
    st.lists(st.integers(1, 400), max_size=12),
    st.lists(st.integers(1, 60), max_size=8),
    st.lists(st.integers(1, 60), max_size=6),
    st.integers(0, 200),
)
def test_nothing_passes_the_limit_or_its_share(
    buffer: list[int], earlier: list[int], entities: list[int], memories: int
) -> None:
    sizes = replace(SIZES, buffer=buffer, earlier=earlier, entities=entities, memories=memories)
    fits = allocate(sizes, SHARES)
    summary = sum(earlier[len(earlier) - fits.earlier :]) + 20 * bool(fits.earlier)
    recalled = memories * fits.memories
    known = sum(entities[: fits.entities])
    shown = sum(buffer[len(buffer) - fits.buffer :])
    assert summary <= SHARES.summary and known <= SHARES.entities
    assert 50 + 50 + 10 + summary + shown + known + recalled + 200 <= SHARES.limit


def test_recall_takes_what_the_buffer_leaves_of_its_share_and_never_less_than_its_own() -> None:
    assert SHARES.recall(persona=50, message=50, buffer=400) == 70
    assert SHARES.recall(persona=50, message=50, buffer=300) == 170
    assert SHARES.recall(persona=50, message=50, buffer=2000) == 70
    assert SHARES.recall(persona=50, message=50, buffer=0) == 540 // 2
