"""A process that writes to an embedded store until it is killed, saying what was acknowledged.

Run as `python -m tests.support.stores.chroma_writer FOLDER SEED`. Nothing here is a test.
"""

import asyncio
import json
import random
import sys
from pathlib import Path

from langgraph.store.base import PutOp

from tests.support.servers.chroma_server import opener


async def write(folder: Path, seed: int) -> None:
    """Put and delete at random; a line before each batch (`try`) and one after it (`done`)."""
    chance = random.Random(seed)
    async with opener(path=folder, shards=2)() as store:
        while True:
            batch = {}
            for _ in range(chance.choice([1, 4, 20])):
                place = f"{chance.randrange(3)}/{chance.randrange(60)}"
                gone = chance.random() < 0.2
                batch[place] = None if gone else f"word{chance.randrange(10**9)}"
            print(json.dumps({"try": batch}), flush=True)
            await store.abatch(
                [
                    PutOp(
                        (f"user{place.split('/')[0]}", "notes"),
                        place.split("/")[1],
                        None if text is None else {"text": text},
                        index=["text"],
                    )
                    for place, text in batch.items()
                ]
            )
            print(json.dumps({"done": batch}), flush=True)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2])))
