"""What the user later said otherwise is shown with what they said before."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.owner import Owner
from domain.recall.packing import render
from domain.records import Said, Turn
from tests.support.house import Open

SAID = datetime(2026, 3, 2, 10, tzinfo=UTC)
OWNER = Owner("alex")
FILLER = "The neighbour told me about the weather, the garden and the new bridge over the river. "


@pytest.fixture
def backend() -> dict[str, str]:
    """Embedded stores, no model."""
    return {"memory_model": "offline"}


async def recalled(open_house: Open, said: list[str], query: str, budget: int) -> str:
    """Say one message a week, and return what a question recalls."""
    async with open_house() as house:
        journal = house.parts.stores.journal
        for week, text in enumerate(said):
            at = SAID + timedelta(weeks=week)
            messages = (
                Said(id=f"u{week}", role="user", text=text, at=at),
                Said(id=f"a{week}", role="assistant", text="I see.", at=at),
            )
            parent = f"turn{week - 1}" if week else None
            turn = Turn(id=f"turn{week}", parent=parent, thread="t", at=at, messages=messages)
            view = await journal.add_turns(OWNER, None, [turn], "t", turn.id)
        now = SAID + timedelta(weeks=20)
        found = await house.parts.stores.recall.recall(OWNER, view, query, budget=budget, now=now)
        return render(found.items)


@pytest.mark.parametrize(
    ("old", "new", "query"),
    [
        (
            "My budget for holiday gifts is $400 this year.",
            "I raised the budget for holiday gifts to $450.",
            "What is my budget for holiday gifts?",
        ),
        (
            "The deadline for the grant application is 20 April.",
            "They moved the deadline for the grant application to 25 April.",
            "When is the deadline for the grant application?",
        ),
        ("I eat fish on Fridays.", "I do not eat fish on Fridays.", "Do I eat fish on Fridays?"),
        (
            "Mein Budget für Geschenke beträgt 400 Euro.",
            "Ich habe das Budget für Geschenke auf 450 Euro erhöht.",
            "Wie hoch ist mein Budget für Geschenke?",
        ),
    ],
)
async def test_a_changed_number_date_or_denial_is_shown_after_what_it_changed(
    open_house: Open, old: str, new: str, query: str
) -> None:
    said = [old, FILLER, new, *[FILLER + str(n) for n in range(3)]]
    text = await recalled(open_house, said, query, budget=300)
    assert f"{old} (see below for what is newer)" in text
    assert f"{new} (newer than what was said on 2 March 2026)" in text
    assert text.index(old) < text.index(new)


async def test_where_only_the_older_value_would_fit_the_newer_comes_with_it(
    open_house: Open,
) -> None:
    old = "My budget for holiday gifts this year is $400, for all holiday gifts of the year."
    new = "About gifts: the holiday budget is $450 now."
    more = [f"Holiday gifts for uncle {name} this year, of course." for name in ("Ed", "Bo", "Al")]
    text = await recalled(
        open_house, [old, *more, new], "What is my budget for holiday gifts this year?", budget=95
    )
    assert old in text
    assert new in text


async def test_what_differs_in_nothing_that_is_asked_for_has_no_note(open_house: Open) -> None:
    said = ["My budget for holiday gifts is $400.", "I am 34 and like gifts.", FILLER]
    text = await recalled(open_house, said, "What is my budget for holiday gifts?", budget=300)
    assert "$400" in text
    assert "newer" not in text
