"""docs/configuration.md says what the settings are."""

from pathlib import Path

from service.ops.configuration_page import PAGE, page
from settings import Settings

ROOT = Path(__file__).parents[2]


def test_the_page_of_settings_is_up_to_date() -> None:
    written = (ROOT / PAGE).read_text("utf-8")
    assert written == page(), "run: python -m service.ops.configuration_page"


def test_every_setting_is_on_it_with_a_meaning() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) >= len(Settings.model_fields)
    assert [row for row in rows if row.endswith("|  |")] == []
