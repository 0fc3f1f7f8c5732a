"""Copying one Chroma's rows from the layout in force to another, and letting that one serve.

The copy grows beside the original. What to copy is found by comparing, so an interrupted copy
goes on where it stopped, and sees what was written or deleted since. Every call here blocks.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from stores.chroma.client import ChromaLink
from stores.chroma.layout import Layout, record, recorded
from stores.chroma.repair import (
    Embed,
    embedded_again,
    rebuild,
    rows_on_disk,
    tidy,
    wipe,
    with_vectors,
)
from stores.chroma.rows import Row, is_item, record_of, shard_of_row
from stores.chroma.shards import Found, ShardDamaged, Shards


def prepare(link: ChromaLink, wanted: Layout, embed: Embed) -> "Move | None":
    """Note durably where a move goes, or None where the wanted layout is in force already.

    Raises:
        ShardDamaged: if a server's index is damaged; where embedded it is mended.
    """
    current, pending = recorded(link)
    if current is None or replace(wanted, epoch=current.epoch) == current:
        current = current or wanted
        record(link, current)
        _drop_others(link, {current.epoch})
        return None
    resumed = pending is not None and replace(wanted, epoch=pending.epoch) == pending
    epoch = pending.epoch if pending else current.epoch
    target = replace(wanted, epoch=epoch if resumed else epoch + 1)
    record(link, current, target)
    _drop_others(link, {current.epoch, target.epoch})
    return Move(Shards(link, current), Shards(link, target, in_force=False), embed, resumed)


def _drop_others(link: ChromaLink, epochs: set[int]) -> None:
    for name in Shards(link, Layout(1, "", 1), in_force=False).named():
        if name.epoch not in epochs:
            link.drop(str(name))


class Move:
    """A copy from the layout in force to another."""

    def __init__(self, source: Shards, target: Shards, embed: Embed, resumed: bool) -> None:
        """Use `prepare`."""
        self._source = source
        self._target = target
        self._embed = embed
        self._resumed = resumed
        old, new = source.layout, target.layout
        same = (old.embedding_name, old.dimensions) == (new.embedding_name, new.dimensions)
        self._again = not same
        self._unreadable = self._mend()

    def _mend(self) -> set[int]:
        """Rebuild damaged shards, or name those whose vectors are not needed any more."""
        unreadable: set[int] = set()
        for shard in self._source.existing():
            try:
                self._source.probe(shard)
            except ShardDamaged:
                if self._source.link.path is None:
                    raise
                if self._again:
                    unreadable.add(shard)
                else:
                    rebuild(self._source, shard, self._embed)
        for shard, name in self._target.serving().items():
            try:
                self._target.probe(shard)
            except ShardDamaged:  # of an interrupted copy, and soon copied again
                self._target.link.drop(name)
                self._target.forget(shard)
        return unreadable

    def count(self) -> int:
        """Number of items to copy."""
        return sum(
            is_item(metadata)
            for shard in self._source.existing()
            for page in self._pages(shard)
            for _, metadata in page
        )

    def steps(self) -> Iterator[int]:
        """Copy page by page, giving the number of items in each.

        Raises:
            StoreMismatch: if the model gives vectors of another length than the layout says.
        """
        for shard in self._source.existing():
            for page in self._pages(shard):
                for rows in self._rows(shard, self._missing(page)):
                    self._write(rows)
                yield sum(is_item(metadata) for _, metadata in page)
        if self._resumed:
            self._drop_gone()

    def finish(self) -> None:
        """Let the copy serve, in one atomic write, then drop the original."""
        link, layout = self._target.link, self._target.layout
        record(link, layout)
        serving = Shards(link, layout)
        tidy(serving)
        wipe(serving)

    def _pages(self, shard: int) -> Iterable[list[Found]]:
        path, collection = self._source.link.path, self._source.collection(shard)
        if shard in self._unreadable and path is not None and collection is not None:
            return rows_on_disk(path, collection.id)
        return self._source.pages(shard)

    def _rows(self, shard: int, page: list[Found]) -> Iterable[list[Row]]:
        if not page:
            return ()
        if self._again:
            return embedded_again([page], self._embed, self._target.layout.dimensions)
        return with_vectors(self._source, shard, [page])

    def _missing(self, page: list[Found]) -> list[Found]:
        """The rows that the target lacks or has as they were earlier."""
        there: dict[str, str] = {}
        for shard, rows in _by_shard(page, self._target.layout.shards).items():
            found = self._target.get(shard, [row for row, _ in rows])
            there |= {row: metadata["updated_at"] for row, metadata in found}
        return [found for found in page if there.get(found[0]) != found[1]["updated_at"]]

    def _write(self, rows: list[Row]) -> None:
        by_shard: dict[int, list[Row]] = defaultdict(list)
        for row in rows:
            by_shard[shard_of_row(row.metadata, self._target.layout.shards)].append(row)
        for shard, part in by_shard.items():
            self._target.upsert(shard, part)

    def _drop_gone(self) -> None:
        """Delete from the target what the source has no more, or has another version of."""
        for shard in self._target.existing():
            pages = list(self._target.pages(shard))  # all first: deleting would shift the pages
            for page in pages:
                current = self._versions(page)
                gone = [
                    row
                    for row, metadata in page
                    if current.get(record_of(row)[0]) != metadata["updated_at"]
                ]
                if gone:
                    self._target.delete(shard, gone)

    def _versions(self, page: list[Found]) -> dict[str, str]:
        """When the source last updated the items that rows of the target belong to."""
        versions: dict[str, str] = {}
        for shard, rows in _by_shard(page, self._source.layout.shards).items():
            if shard in self._unreadable:
                found = [row for part in self._pages(shard) for row in part]
            else:
                found = self._source.get(shard, sorted({record_of(row)[0] for row, _ in rows}))
            versions |= {row: metadata["updated_at"] for row, metadata in found}
        return versions


def _by_shard(page: list[Found], shards: int) -> dict[int, list[Found]]:
    parts: dict[int, list[Found]] = defaultdict(list)
    for row, metadata in page:
        parts[shard_of_row(metadata, shards)].append((row, metadata))
    return parts
