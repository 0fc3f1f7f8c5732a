"""Which rows of a thread's checkpoints go, within a transaction that somebody else began."""

import logging
import sqlite3
from collections.abc import Sequence

from stores.checkpoint_pruning import Pruned, Saved
from stores.sqlite import checkpoint_sql as sql

_log = logging.getLogger(__name__)


def saved_on(db: sqlite3.Connection, thread_id: str) -> list[Saved]:
    """Return what is known of the checkpoints of a thread without reading them."""
    return [Saved(*row) for row in db.execute(sql.SAVED, (thread_id,))]


def prune(db: sqlite3.Connection, thread_id: str, pruned: Pruned) -> None:
    """Drop what a checkpoint made needless; where that fails, the next turn prunes for both.

    Raises:
        sqlite3.Error: If SQLite gave up the whole transaction, and the checkpoint with it.
    """
    if not pruned.gone:
        return
    try:
        drop(db, thread_id, pruned.gone)
        db.execute(sql.DROP_ORPHANS, (thread_id, pruned.oldest))
    except sqlite3.DatabaseError as error:
        if not db.in_transaction:
            raise
        _log.warning("Old checkpoints of a thread are still there: %s", error)


def drop(db: sqlite3.Connection, thread_id: str, gone: Sequence[Saved]) -> None:
    """Delete checkpoints with their writes."""
    places = [(thread_id, saved.namespace, saved.id) for saved in gone]
    for table in ("checkpoints", "writes"):
        db.executemany(
            f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?",
            places,
        )
