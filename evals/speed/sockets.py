"""What a turn sends to the servers and is sent, counted at the socket."""

from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from evals.speed.counting_proxy import Trips, counting_proxy
from evals.speed.made_up import texts
from evals.speed.measure import WARM_UP, Figures, open_talkers, slug
from evals.speed.peers import Place, Talker


async def at_the_socket(place: Place, folder: Path, name: str, turns: int) -> Figures:
    """Count round trips and bytes of the turns after the first few: the median turn's."""
    redis, chroma = urlsplit(place.redis_url), urlsplit(place.chroma_url)
    async with (
        counting_proxy(redis.hostname or "", redis.port or 0) as to_redis,
        counting_proxy(chroma.hostname or "", chroma.port or 0) as to_chroma,
    ):
        proxied = Place(
            f"redis://127.0.0.1:{to_redis.port}{redis.path}", f"http://127.0.0.1:{to_chroma.port}"
        )
        async with open_talkers(proxied, folder, [name]) as talkers:
            counted = [
                await _counted(talkers[name], f"{slug(name)}-socket", text, to_redis, to_chroma)
                for text in texts(turns)
            ]
    return {key: median(row[key] for row in counted[WARM_UP:]) for key in counted[0]}


async def _counted(talker: Talker, owner: str, text: str, redis: Trips, chroma: Trips) -> Figures:
    before = [(t.count, t.sent, t.received) for t in (redis, chroma)]
    await talker.turn(owner, text)
    counted: Figures = {}
    for name, trips, (count, sent, received) in zip(
        ("redis", "chroma"), (redis, chroma), before, strict=True
    ):
        counted[f"{name}_trips"] = trips.count - count
        counted[f"{name}_bytes"] = trips.sent - sent + trips.received - received
    await talker.rest()
    return counted
