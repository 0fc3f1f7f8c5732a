"""Says on a traced run what a person may want to find it by: whose it is, what it cost."""

from collections.abc import Mapping
from typing import Any

from langsmith.run_helpers import get_current_run_tree

from nodes.state import ChatState


def label_run(state: ChatState, update: Mapping[str, Any]) -> None:
    """Write labels into the metadata of the step that runs, where LangSmith traces it.

    `user` and `character` are digests: no name leaves by them. A step that packs a prompt carries
    its tokens by layer (`tokens_buffer`, ...) and the ids of what it recalled.
    """
    run = get_current_run_tree()
    origin = update.get("origin") or state.get("origin")
    if run is None or origin is None:
        return
    labels: dict[str, Any] = {
        "user": origin.owner.user_key,
        "character": origin.owner.character_key,
        "thread": origin.thread,
        "turn": update.get("head") or origin.head,
    }
    labels |= {f"tokens_{layer}": count for layer, count in update.get("budget", {}).items()}
    if "recalled" in update:
        labels["recalled"] = [item["id"] for item in update["recalled"]]
    run.add_metadata(labels)
