"""A turn asks Redis twice before the model and twice after it, however long the conversation."""

from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from evals.speed.counting_proxy import counting_proxy
from tests.support.house import Open, answer
from tests.support.servers.openai_server import Body


@pytest.fixture
def backend() -> dict[str, str]:
    """Chroma in the data dir; Redis as the test opens it."""
    return {}


async def test_a_plain_turn_makes_two_round_trips_before_the_model_and_two_after(
    open_house: Open, redis_url: str
) -> None:
    at = urlsplit(redis_url)
    async with counting_proxy(at.hostname or "", at.port or 0) as trips:
        url = f"redis://127.0.0.1:{trips.port}{at.path}"
        async with open_house(redis_url=url, fold_turns=6, extract_turns=1000) as house:
            before_model: list[int] = []

            def noted(body: Body) -> object:
                if body.get("stream"):
                    before_model.append(trips.count)
                return answer(body)

            house.server.default = noted
            turns: list[tuple[int, int, int]] = []
            for number in range(1, 15):
                begun = trips.count
                result = await house.say(f"Let us speak of mark{number} now", durability="exit")
                folds = len(await house.episodes())  # One more trip, to the journal.
                asked = before_model[-1]
                assert result["degraded"] == []
                turns.append((asked - begun, trips.count - 1 - asked, folds))
            quiet = [
                (before, after)
                for (_, _, earlier), (before, after, folds) in pairwise(turns)
                if folds == earlier
            ]
            assert len(quiet) >= 6 and folds >= 2
            assert set(quiet) == {(2, 2)}
