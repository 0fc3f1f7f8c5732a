"""Writes what the speed benchmark found: performance.json, .md and .svg. Needs matplotlib."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from jinja2 import Environment, StrictUndefined

from evals.speed.measure import BACKGROUND, BARE, WHOLE

plt.switch_backend("svg")
matplotlib.rcParams |= {"svg.hashsalt": "mnemograph", "svg.fonttype": "none"}

BEFORE, AFTER = "#2f6f5e", "#b9c2bf"

TARGETS: Sequence[tuple[str, str, float]] = (
    ("time to the model, p50", "to_model_p50", 1.3),
    ("time to the model, p95", "to_model_p95", 1.3),
    ("overhead of a turn, p50", "overhead_p50", 1.5),
    ("processor time of a turn, p50", "cpu", 2.0),
)
"""What is aimed at: at most so many times what the bare pattern (c) takes."""


def write_report(report: dict[str, Any], target: Path) -> None:
    """Write the figures, the page that shows them, and its picture."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "performance.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    (target / "performance.md").write_text(page(report), "utf-8")
    draw(report, target / "performance.svg")


def page(report: Mapping[str, Any]) -> str:
    """Return the page: the template `report.md.jinja` with the figures."""
    source = Path(__file__).with_suffix(".md.jinja").read_text("utf-8")
    template = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)
    names = {"OURS": BACKGROUND, "BARE": BARE, "WHOLE": WHOLE, "TARGETS": TARGETS}
    return template.from_string(source).render(report, **names) + "\n"


def draw(report: Mapping[str, Any], target: Path) -> None:
    """Draw what comes before the model and after it, and the long conversation."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), width_ratios=(3, 2))
    names = list(reversed(report["a_turn"]))
    before = [report["a_turn"][name]["to_model"]["p50"] for name in names]
    whole = [report["a_turn"][name]["overhead"]["p50"] for name in names]
    left.barh(names, whole, color=AFTER)
    left.barh(names, before, color=BEFORE)
    left.set_title("milliseconds of a turn, p50: to the model, and after it", fontsize=9)
    for name, each in report["depth"].items():
        times = [mark["overhead"]["p50"] for mark in each.values()]
        right.plot(list(each), times, marker="o", label=name)
    right.set_xscale("log")
    right.set_ylim(bottom=0)
    right.set_title("milliseconds at turn", fontsize=9)
    right.legend(fontsize=7, frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})
