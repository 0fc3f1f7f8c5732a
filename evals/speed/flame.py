"""Draws where the time of a turn goes: a flame graph, embedded and on servers.

`python -m evals.speed.flame` writes docs/flame-embedded.svg and docs/flame-served.svg. It looks at
the stacks of all threads every few milliseconds, so it needs no other program.
"""

import argparse
import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from evals.speed.bench import servers
from evals.speed.made_up import texts
from evals.speed.measure import BACKGROUND, EMBEDDED, WARM_UP, open_talkers
from evals.speed.peers import Place

SECONDS = 0.002
"""Between two looks."""
IDLE = {"select", "_worker", "wait", "run_forever", "_run"}
"""Functions in which a thread waits for work."""
WIDTH, ROW = 1200, 15
LEAST = 0.006
"""Share of all below which a box is left out."""
ROOT = Path(__file__).parents[2]

Stack = tuple[str, ...]


@contextmanager
def sampled() -> Iterator[Counter[Stack]]:
    """Look at what all other threads do, from a thread of its own."""
    stacks: Counter[Stack] = Counter()
    ended = threading.Event()

    def look() -> None:
        own = threading.get_ident()
        while not ended.is_set():
            for thread, frame in sys._current_frames().items():
                stack = _stack(frame) if thread != own else ()
                if stack:
                    stacks[stack] += 1
            time.sleep(SECONDS)

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield stacks
    finally:
        ended.set()
        looking.join()


def _stack(frame: FrameType | None) -> Stack:
    """Return the functions of a stack, outermost first; none where it waits."""
    names: list[str] = []
    if frame is None or frame.f_code.co_name in IDLE:
        return ()
    while frame is not None:
        code = frame.f_code
        path = Path(code.co_filename)
        within = path.relative_to(ROOT) if path.is_relative_to(ROOT) else None
        ours = within is not None and ".venv" not in within.parts
        names.append(f"{within if ours else path.name} {code.co_name}")
        frame = frame.f_back
    names.reverse()
    begin = next((at for at, name in enumerate(names) if name.endswith(" _run_once")), -1)
    return tuple(names[begin + 1 :])


def draw(stacks: Counter[Stack], title: str) -> str:
    """Return the flame graph as SVG: as wide as often seen, callers below, ours darker."""
    boxes: list[str] = []
    total = sum(stacks.values())
    depth = 0

    def level(some: Counter[Stack], left: float, at: int) -> None:
        nonlocal depth
        groups: dict[str, Counter[Stack]] = {}
        for stack, count in some.items():
            if len(stack) > at:
                groups.setdefault(stack[at], Counter())[stack] = count
        for name in sorted(groups):
            count = sum(groups[name].values())
            if count >= LEAST * total:
                depth = max(depth, at)
                boxes.append(_box(name, left, count / total, at))
                level(groups[name], left, at + 1)
            left += count / total

    level(stacks, 0.0, 0)
    height = (depth + 3) * ROW
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {-height} {WIDTH} {height}" '
        'font-family="monospace" font-size="10">'
    )
    title = f'<text x="4" y="{4 - height + ROW}">{escape(title)}</text>'
    return "\n".join([head, title, *boxes, "</svg>", ""])


def _box(name: str, left: float, share: float, at: int) -> str:
    ours = "/" in name
    x, width, y = left * WIDTH, share * WIDTH, -(at + 1) * ROW
    letters = int(width / 6.2)
    shown = name.rpartition("/")[2][:letters] if letters > 3 else ""
    fill = "#8fc1b0" if ours else "#e0ddd3"
    return (
        f'<g><title>{escape(name)} {100 * share:.1f} %</title><rect x="{x:.1f}" y="{y}" '
        f'width="{width:.1f}" height="{ROW - 1}" fill="{fill}"/>'
        f'<text x="{x + 2:.1f}" y="{y + 11}">{escape(shown)}</text></g>'
    )


async def profile(place: Place, folder: Path, name: str, turns: int) -> Counter[Stack]:
    """Return what was seen while one way of talking talked; memory work beside is left out."""
    seen: Counter[Stack] = Counter()
    async with open_talkers(place, folder, [name]) as talkers:
        for number, text in enumerate(texts(turns + WARM_UP)):
            with sampled() as stacks:
                await talkers[name].turn("flame", text)
            await talkers[name].rest()
            if number >= WARM_UP:
                seen += stacks
    return seen


def main() -> None:
    """Profile both, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--target", type=Path, default=Path("docs"), help="where they are drawn")
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="mnemograph-flame-") as temporary:
        folder = Path(temporary)
        with servers(folder) as place:
            for name, file in ((EMBEDDED, "flame-embedded"), (BACKGROUND, "flame-served")):
                seen = asyncio.run(profile(place, folder, name, asked.turns))
                title = f"{name}: {asked.turns} turns, as wide as often seen; ours is green"
                (asked.target / f"{file}.svg").write_text(draw(seen, title), "utf-8")


if __name__ == "__main__":
    main()
