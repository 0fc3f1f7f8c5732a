"""Writes docs/configuration.md from the settings: `python -m service.ops.configuration_page`."""

import inspect
import json
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from settings import Settings, variable

PAGE = Path("docs/configuration.md")
HEAD = """# Every setting

Set a variable in the environment, or as a line in `.env`. With none set, all runs on this machine
without a network. Durations are written as ISO 8601 has them: `PT30M` is 30 minutes, `P90D` is 90
days. `mnemo doctor` tells what is in use, and names variables that are no settings.

`.env`, `characters.toml` and the data dir `.mnemo` are those of the folder in which `mnemo` is
started: start it in the same folder each time, or set `MNEMO_DATA_DIR` and
`MNEMO_CHARACTERS_FILE` to whole paths.

*This page is made from `settings.py`; after a change there, run*

```sh
python -m service.ops.configuration_page
```
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for title, names in _groups():
        parts += [f"## {title}\n", "| variable | default | meaning |\n|---|---|---|"]
        parts += [row for name in names for row in _rows(name, Settings.model_fields[name])]
        parts.append("")
    return "\n".join(parts)


def _groups() -> Iterator[tuple[str, list[str]]]:
    """Yield the groups that comments make of the fields, in their order."""
    title, names = "", list[str]()
    for line in inspect.getsource(Settings).splitlines():
        comment, field = re.match(r"    # (\w.*)$", line), re.match(r"    (\w+): ", line)
        if comment:
            if names:
                yield title, names
            title, names = comment[1], []
        elif field and field[1] in Settings.model_fields:
            names.append(field[1])
    yield title, names


def _rows(name: str, field: FieldInfo) -> Iterator[str]:
    default = field.get_default(call_default_factory=True)
    if not isinstance(default, BaseModel):
        yield _row(variable(name), default, field)
        return
    for part, inner in type(default).model_fields.items():
        yield _row(f"{variable(name)}__{part.upper()}", getattr(default, part), inner)


def _row(shown_as: str, default: Any, field: FieldInfo) -> str:
    value = TypeAdapter(Any).dump_python(default, mode="json")
    text = value if isinstance(value, str) else json.dumps(value)
    shown = "" if value in (None, "", [], {}) else f"`{text}`"
    meaning = " ".join((field.description or "").split()).replace("|", "\\|")
    return f"| `{shown_as}` | {shown} | {meaning} |"


def main() -> None:
    """Write the page."""
    ArgumentParser(description=f"Write {PAGE} from the settings.").parse_args()
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
