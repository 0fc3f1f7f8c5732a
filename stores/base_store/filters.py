"""Decisions of a `BaseStore` that need no backend: value filters and namespace conditions.

Pure functions over plain values; nothing here reads or writes a store.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langgraph.store.base import ListNamespacesOp, MatchCondition

from stores.base_store.items import Namespace


def matches(value: Mapping[str, Any], conditions: Mapping[str, Any] | None) -> bool:
    """Whether an item's value meets every condition.

    Args:
        value: the item's value.
        conditions: field name to a plain value (equality, nested dicts and lists compared
            part by part) or to a dict of operators: `$eq $ne $gt $gte $lt $lte $in $nin`.
            None or an empty dict matches everything.

    Raises:
        ValueError: for an operator that is not one of those.
    """
    return all(_meets(value.get(field), wanted) for field, wanted in (conditions or {}).items())


def check_filter(conditions: Mapping[str, Any] | None) -> None:
    """Refuse unknown operators before anything is read, whether or not an item would meet them.

    Raises:
        ValueError: naming the operator and the ones that exist.
    """
    for wanted in (conditions or {}).values():
        if isinstance(wanted, Mapping):
            if _is_operators(wanted):
                for operator, bound in wanted.items():
                    _apply(operator, None, bound)
            else:
                check_filter(wanted)


def _is_operators(wanted: Mapping[str, Any]) -> bool:
    return any(key.startswith("$") for key in wanted)


def _meets(actual: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if _is_operators(wanted):
            return all(_apply(operator, actual, bound) for operator, bound in wanted.items())
        return isinstance(actual, Mapping) and all(
            _meets(actual.get(key), part) for key, part in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(actual, list | tuple)
            and len(actual) == len(wanted)
            and all(_meets(left, right) for left, right in zip(actual, wanted, strict=True))
        )
    return bool(actual == wanted)


def _apply(operator: str, actual: Any, bound: Any) -> bool:
    match operator:
        case "$eq":
            return bool(actual == bound)
        case "$ne":
            return bool(actual != bound)
        case "$in" | "$nin":
            if not isinstance(bound, list | tuple | set | frozenset):
                raise ValueError(f"The filter operator {operator} needs a list, not {bound!r}.")
            return (actual in bound) is (operator == "$in")
        case "$gt" | "$gte" | "$lt" | "$lte":
            order = _order(actual, bound)
            if order is None:
                return False
            return (order > 0 if "g" in operator else order < 0) or (
                operator.endswith("e") and order == 0
            )
        case _:
            raise ValueError(
                f"Unknown filter operator {operator!r}: use $eq, $ne, $gt, $gte, $lt, $lte, "
                "$in or $nin."
            )


def _order(actual: Any, bound: Any) -> int | None:
    """-1, 0 or 1: as numbers where both are, else as text (ISO dates), else None."""
    left: Any
    right: Any
    try:
        left, right = float(actual), float(bound)
    except (TypeError, ValueError):
        if not (isinstance(actual, str) and isinstance(bound, str)):
            return None
        left, right = actual, bound
    except OverflowError:  # an int beyond any float: Python compares ints exactly
        left, right = actual, bound
    if left == right:
        return 0
    if left < right:
        return -1
    return 1 if left > right else None  # None: not a number compares with nothing


def namespace_matches(condition: MatchCondition, namespace: Namespace) -> bool:
    """Whether a namespace begins or ends as the condition says; `*` stands for one label.

    Raises:
        ValueError: for a match type other than `prefix` and `suffix`.
    """
    size = len(condition.path)
    if condition.match_type not in ("prefix", "suffix"):
        raise ValueError(f"Unsupported match type: {condition.match_type!r}.")
    if size > len(namespace):
        return False
    start = 0 if condition.match_type == "prefix" else len(namespace) - size
    part = namespace[start : start + size]
    return all(wanted in ("*", label) for wanted, label in zip(condition.path, part, strict=True))


def literal_prefix(conditions: Iterable[MatchCondition] | None) -> Namespace:
    """The longest beginning without `*` that every match must have: what a backend can look up."""
    longest: Namespace = ()
    for condition in conditions or ():
        if condition.match_type == "prefix":
            labels = tuple(condition.path)
            literal = labels[: labels.index("*")] if "*" in labels else labels
            longest = max(longest, literal, key=len)
    return longest


def choose_namespaces(op: ListNamespacesOp, namespaces: Iterable[Namespace]) -> list[Namespace]:
    """Filter, shorten to `max_depth`, sort, and cut to `offset` and `limit`."""
    conditions: Sequence[MatchCondition] = op.match_conditions or ()
    chosen = {
        namespace[: op.max_depth]
        for namespace in namespaces
        if all(namespace_matches(condition, namespace) for condition in conditions)
    }
    return sorted(chosen)[op.offset : op.offset + op.limit]
