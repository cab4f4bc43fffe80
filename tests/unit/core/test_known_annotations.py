"""What Linkerd reads of annotations, and which key somebody meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.factories import EDGE

from meshroll.core.go_values import boolean, duration_seconds
from meshroll.core.known_annotations import CONFIGURES, is_known, meant
from meshroll.core.releases import Edge

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


@given(st.lists(st.tuples(st.integers(0, 9999), st.sampled_from(sorted(UNITS))), min_size=1, max_size=4))
def test_a_duration_is_the_sum_of_its_parts(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    seconds = sum(number * UNITS[unit] for number, unit in parts)
    assert duration_seconds(text) == pytest.approx(seconds)
    assert duration_seconds(f"-{text}") == pytest.approx(-seconds)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for values in CONFIGURES.values():
        assert values.takes(text) in (True, False)


@given(st.one_of(st.text(), st.builds("config.linkerd.io/{}".format, st.text())))
def test_what_is_meant_by_any_unknown_key_is_a_known_one_or_nothing(key: str) -> None:
    assert is_known(key) or meant(key, Edge(26, 6, 3)) in (None, "linkerd.io/inject", *CONFIGURES)


@pytest.mark.parametrize("text", ["90", "", "s", "1 s", "1d", "1,5s", ".s"])
def test_what_go_takes_for_no_duration_is_none(text: str) -> None:
    assert duration_seconds(text) is None


def test_go_reads_few_words_as_true_or_false() -> None:
    assert [boolean(text) for text in ("true", "1", "F", "enabled", "yes", "")] == [True, True, False] + [
        None
    ] * 3


@pytest.mark.parametrize(
    ("key", "takes", "refuses"),
    [
        ("config.linkerd.io/proxy-await", "enabled", "true"),
        ("config.linkerd.io/proxy-enable-native-sidecar", "T", "enabled"),
        ("config.alpha.linkerd.io/proxy-wait-before-exit-seconds", "10", "10s"),
        ("config.linkerd.io/shutdown-grace-period", "1m30s", "90"),
        ("config.linkerd.io/proxy-cpu-request", "100m", "100 m"),
        ("config.linkerd.io/proxy-memory-limit", "1.5Gi", "250MB"),
        ("config.linkerd.io/proxy-cpu-ratio-limit", "0.5", "50%"),
        ("config.linkerd.io/admin-port", "4191", "admin"),
        ("config.linkerd.io/proxy-additional-env", '[{"name": "A", "value": "1"}]', "A=1"),
    ],
)
def test_a_value_is_read_as_the_injector_reads_it(key: str, takes: str, refuses: str) -> None:
    assert CONFIGURES[key].takes(takes)
    assert not CONFIGURES[key].takes(refuses)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("config.alpha.linkerd.io/proxy-native-sidecar", "config.linkerd.io/proxy-enable-native-sidecar"),
        (
            "config.linkerd.io/proxy-wait-before-exit-seconds",
            "config.alpha.linkerd.io/proxy-wait-before-exit-seconds",
        ),
        ("linkerd.io/opaque-ports", "config.linkerd.io/opaque-ports"),
        ("linkerd.io/injected", "linkerd.io/inject"),
        ("config.linkerd.io/zzzz", None),
    ],
)
def test_the_key_that_was_meant_is_found(key: str, near: str | None) -> None:
    assert not is_known(key)
    assert meant(key, EDGE) == near


def test_an_older_release_is_not_told_of_a_key_that_it_does_not_read() -> None:
    near = meant("config.linkerd.io/native-sidecar", Edge(25, 12, 3))
    assert near == "config.alpha.linkerd.io/proxy-enable-native-sidecar"
