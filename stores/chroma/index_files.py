"""The files of Chroma's vector indexes: one folder a segment, beside Chroma's SQLite file."""

import re
import shutil
import struct
from collections.abc import Container, Iterator
from pathlib import Path

_SEGMENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COUNT_AT = 20
"""Where hnswlib's header says how many elements there are, and the bytes of one: behind an int
and two sizes."""
_LENGTH_BYTES = 4
"""One length in `length.bin`: a float."""


def segment_folders(path: Path) -> Iterator[Path]:
    """Yield the folder of each vector index in a data folder."""
    for folder in path.iterdir():
        if _SEGMENT.fullmatch(folder.name) and folder.is_dir():
            yield folder


def remove_unused(path: Path, in_use: Container[str]) -> None:
    """Remove the index folders of segments that no collection uses any more."""
    for folder in segment_folders(path):
        if folder.name not in in_use:
            shutil.rmtree(folder, ignore_errors=True)


def blank_spare_room(path: Path) -> None:
    """Write zeros where an index has room for vectors and lengths that it does not have yet.

    hnswlib saves that room as it lies in memory, and there any text that the process handled may
    have stood before, deleted ones included. Nothing reads it: it is set with its element.
    """
    for folder in segment_folders(path):
        try:
            with (folder / "header.bin").open("rb") as header:
                header.seek(_COUNT_AT)
                count, vector_bytes = struct.unpack("<2Q", header.read(16))
            _blank_from(folder / "length.bin", count * _LENGTH_BYTES)
            _blank_from(folder / "data_level0.bin", count * vector_bytes)
        except (FileNotFoundError, struct.error):
            continue  # never saved yet, or torn: then Chroma makes it anew


def _blank_from(path: Path, begin: int) -> None:
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        file.seek(min(begin, end))
        file.write(bytes(end - file.tell()))
