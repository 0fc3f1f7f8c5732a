"""Draws `docs/recall.svg` from reports of `mnemo eval locomo DIR --json`.

`python -m evals.plot_recall REPORT.json [--target docs/recall.svg]`. Needs matplotlib.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt

plt.switch_backend("svg")
matplotlib.rcParams["svg.hashsalt"] = "mnemograph"

OURS, OTHERS = "#2f6f5e", "#b9c2bf"


def draw(report: dict[str, Any], target: Path) -> None:
    """Draw evidence recall and answer support of every method, and the product by category."""
    results = list(reversed(report["results"]))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), width_ratios=(3, 2))
    for row, measured in enumerate(results):
        ours = measured is results[-1]
        overall = measured["overall"]
        _bar(left, row + 0.19, overall["evidence_recall"], OURS if ours else OTHERS, 1.0)
        _bar(left, row - 0.19, overall["answer_support"], OURS if ours else OTHERS, 0.55)
    left.set_yticks(range(len(results)), [measured["method"] for measured in results])
    left.set_title("evidence recall (above), answer support (below)", fontsize=10)
    categories = list(reversed(results[-1]["by_category"].items()))
    for row, (_, measured) in enumerate(categories):
        _bar(right, row, measured["evidence_recall"], OURS, 1.0)
    names = report["names"]
    labels = [f"{names.get(name, name)} ({m['questions']})" for name, m in categories]
    right.set_yticks(range(len(categories)), labels)
    right.set_title("evidence recall by category", fontsize=10)
    for axes in (left, right):
        axes.set_xlim(0, 1.08)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"{report['title']}, {report['conversations']} conversations, "
        f"{report['budget']} tokens, {report['embeddings']}",
        fontsize=11,
    )
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})


def _bar(axes: Any, place: float, value: float, color: str, alpha: float) -> None:
    height = 0.36 if alpha < 1 or place % 1 else 0.6
    axes.barh(place, value, height=height, color=color, alpha=alpha)
    axes.text(value + 0.01, place, f"{value:.2f}", va="center", fontsize=8)


def main() -> None:
    """Read a report and draw it."""
    parser = argparse.ArgumentParser(description="Draw a LoCoMo report.")
    parser.add_argument("report", type=Path)
    parser.add_argument("--target", type=Path, default=Path("docs/recall.svg"))
    given = parser.parse_args()
    given.target.parent.mkdir(parents=True, exist_ok=True)
    draw(json.loads(given.report.read_text(encoding="utf-8")), given.target)


if __name__ == "__main__":
    main()
