"""Label selectors, as Kubernetes reads them (apimachinery, metav1.LabelSelector)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshroll.core.model import Object


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether it matches; an empty selector matches everything."""
    return all(
        labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()
    ) and all(_holds(expression, labels) for expression in selector.get("matchExpressions") or [])


def keys_of(selector: Object) -> Iterator[str]:
    """The labels that it looks at."""
    yield from selector.get("matchLabels") or {}
    for expression in selector.get("matchExpressions") or []:
        yield expression["key"]


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
