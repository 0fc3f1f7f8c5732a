"""The summaries at hand: what is used stays, whatever is read beside it."""

from domain.owner import Owner
from stores.summaries import Branch, LocalCache

ALEX = Owner("alex")


async def test_the_branch_in_use_stays_when_others_fill_the_cache() -> None:
    cache = LocalCache(size=2)
    for top in ("used", "old"):
        await cache.put(ALEX, None, Branch(top=top, notes=()))
    assert await cache.get(ALEX, None, "used") is not None
    await cache.put(ALEX, None, Branch(top="new", notes=()))
    assert await cache.get(ALEX, None, "used") is not None
    assert await cache.get(ALEX, None, "old") is None
