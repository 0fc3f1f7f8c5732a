"""What `checkpoints` asks of the library's two tables. Texts only, never a connection."""

MARK = "mnemo"
"""The key of the metadata that says what pruning made of a checkpoint; no reader is shown it."""
SOURCE = (
    f"coalesce(json_extract(CAST(metadata AS TEXT), '$.{MARK}'),"
    " json_extract(CAST(metadata AS TEXT), '$.source'))"
)
STEP = "json_extract(CAST(metadata AS TEXT), '$.step')"
RUN = "json_extract(CAST(metadata AS TEXT), '$.run_id')"
SAVED = f"""
SELECT checkpoint_ns, checkpoint_id, coalesce(parent_checkpoint_id, ''),
    coalesce({SOURCE}, ''), coalesce({STEP}, 0)
FROM checkpoints WHERE thread_id = ? AND typeof(checkpoint_id) = 'text'
"""

# Metadata lie behind the body of their checkpoint, so reading them row by row reads everything.
SCHEMA = f"""
PRAGMA secure_delete = ON;
DROP INDEX IF EXISTS checkpoints_by_turn;
CREATE INDEX IF NOT EXISTS checkpoints_by_step
    ON checkpoints (thread_id, checkpoint_ns, checkpoint_id, {SOURCE}, {STEP});
CREATE INDEX IF NOT EXISTS checkpoints_by_run ON checkpoints ({RUN});
CREATE TABLE IF NOT EXISTS newest (
    thread_id TEXT, checkpoint_ns TEXT, checkpoint_id TEXT, PRIMARY KEY (thread_id, checkpoint_ns)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun_runs (
    thread_id TEXT, owner TEXT, PRIMARY KEY (thread_id, owner)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS note_newest AFTER INSERT ON checkpoints BEGIN
    INSERT OR REPLACE INTO newest VALUES (new.thread_id, new.checkpoint_ns, max(
        new.checkpoint_id, coalesce((SELECT checkpoint_id FROM newest
        WHERE thread_id = new.thread_id AND checkpoint_ns = new.checkpoint_ns), '')));
END;
"""
NEWEST = """
SELECT
    (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = :thread AND checkpoint_ns = :ns),
    (SELECT checkpoint_id FROM newest WHERE thread_id = :thread AND checkpoint_ns = :ns)
"""
"""The newest checkpoint that is there, and the newest that was written."""

BEGIN_RUN = "INSERT OR IGNORE INTO begun_runs (thread_id, owner) VALUES (?, ?)"
"""The owner who begins a run on a thread: a reset then finds it, listed in the journal or not."""
DROP_BEGUN = "DELETE FROM begun_runs WHERE owner = ? AND thread_id = ?"
BEGUN_BY = "SELECT thread_id FROM begun_runs WHERE owner = ?"
BEGAN = "SELECT DISTINCT owner FROM begun_runs WHERE owner LIKE ? || '-%'"
COPY_BEGUN = """
INSERT OR IGNORE INTO begun_runs (thread_id, owner)
SELECT :target, owner FROM begun_runs WHERE thread_id = :source
"""

COPY_CHECKPOINTS = """
INSERT OR REPLACE INTO checkpoints
SELECT :target, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
    CASE WHEN json_type(CAST(metadata AS TEXT), '$.thread_id') IS NULL THEN metadata
    ELSE CAST(json_set(CAST(metadata AS TEXT), '$.thread_id', :target) AS BLOB) END
FROM checkpoints WHERE thread_id = :source
"""
COPY_WRITES = """
INSERT OR REPLACE INTO writes
    (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
SELECT :target, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value
FROM writes WHERE thread_id = :source
"""
DROP_WRITES_OF_RUN = f"""
DELETE FROM writes WHERE (thread_id, checkpoint_ns, checkpoint_id) IN (
    SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints WHERE {RUN} = ?)
"""
FORGET_NEWEST_OF_RUN = f"""
DELETE FROM newest WHERE (thread_id, checkpoint_ns) IN (
    SELECT thread_id, checkpoint_ns FROM checkpoints WHERE {RUN} = ?)
"""
DROP_ORPHANS = """
DELETE FROM writes WHERE thread_id = ? AND checkpoint_id < ? AND NOT EXISTS (
    SELECT 1 FROM checkpoints AS held WHERE held.thread_id = writes.thread_id
    AND held.checkpoint_ns = writes.checkpoint_ns AND held.checkpoint_id = writes.checkpoint_id)
"""
