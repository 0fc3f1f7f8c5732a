"""A part of a message that is no text is remembered by a short note, whatever form it has."""

from typing import Any

import pytest

from models.parts import text_of

PARTS: list[tuple[dict[str, Any], str]] = [
    ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, "[image]"),
    ({"type": "image_url", "image_url": "https://x.org/a/cat.png?x=1"}, "[image: cat.png]"),
    ({"type": "image", "source": {"media_type": "image/jpeg"}}, "[image: image/jpeg]"),
    ({"type": "media", "mime_type": "image/png", "data": "AA"}, "[image: image/png]"),
    ({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}, "[audio: wav]"),
    ({"type": "file", "file": {"filename": "a[1].pdf"}}, "[file: a(1).pdf]"),
    ({"type": "document", "source": {"data": "hi"}, "title": "Doc"}, "[file: Doc]"),
    ({"type": "video_url", "video_url": {"url": "https://x.org/v.mp4"}}, "[video: v.mp4]"),
    ({"type": "input_text", "text": "Hi"}, "Hi"),
]


@pytest.mark.parametrize(("part", "note"), PARTS, ids=[note for _, note in PARTS])
def test_a_part_is_noted_by_its_kind_and_name(part: dict[str, Any], note: str) -> None:
    assert text_of([part]) == note
