"""The lines that a person typed at the prompt, kept for its arrow keys; part of what was said."""

from pathlib import Path

from domain.owner import Owner


def history_file(data_dir: Path, owner: Owner) -> Path:
    """Return the file of an owner's lines, which is made if missing, for its user alone."""
    path = data_dir / "history" / owner.key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return path


def forget_history(data_dir: Path, owner: Owner) -> None:
    """Delete an owner's lines."""
    (data_dir / "history" / owner.key).unlink(missing_ok=True)
