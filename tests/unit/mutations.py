"""One small damage to a JSON value, as a slip of an editor or of a template makes it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(["/", "~", "..", "charging", "Deployment/omni", "2026-13-99T99:99:99Z", "100%", "-1"]),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just({"name": "x"}),
)


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside ``value``, itself included."""
    found = [here]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*here, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += places(inner, (*here, index))
    return found


def mutated(data: st.DataObject, value: Any) -> Any:
    """``value`` with one place in it replaced, taken out, doubled, or given a key that nobody knows."""
    place = data.draw(st.sampled_from(places(value)))
    return _at(value, place, data)


def _at(value: Any, place: tuple[Any, ...], data: st.DataObject) -> Any:
    if not place:
        if isinstance(value, dict) and data.draw(st.booleans()):
            return {**value, data.draw(st.text(min_size=1, max_size=8)): data.draw(ODD)}
        return data.draw(ODD)
    key, rest = place[0], place[1:]
    how = data.draw(st.sampled_from(["into", "out", "twice"])) if not rest else "into"
    if isinstance(value, dict):
        if how == "out":
            return {name: inner for name, inner in value.items() if name != key}
        return {**value, key: _at(value[key], rest, data)}
    if how == "out":
        return [*value[:key], *value[key + 1 :]]
    if how == "twice":
        return [*value[: key + 1], *value[key:]]
    return [*value[:key], _at(value[key], rest, data), *value[key + 1 :]]
