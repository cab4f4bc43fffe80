"""Which values an upgrade takes over, and that none is lost without a word."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from unit.core.value_cases import NEWER, OLDER, values

from meshroll.adapters.catalogue import breaking_changes
from meshroll.core.carried_values import Carried, StoredRelease, carry, unknown_values
from meshroll.core.chart_values import merged
from meshroll.core.errors import Problem
from meshroll.core.known_values import paths, value_at

CHANGES = breaking_changes()
HA = dict(OLDER.ha)
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"


def carried(stored: dict[str, Any], own: dict[str, Any] | None = None, podmonitor: bool = False) -> Carried:
    return carry(StoredRelease(3, OLDER, stored), NEWER, own or {}, podmonitor, CHANGES)


def codes(problems: tuple[Problem, ...] | list[Problem]) -> list[str]:
    return [problem.code for problem in problems]


@given(values, values)
def test_nothing_is_lost_or_changed_without_a_word(stored: dict[str, Any], own: dict[str, Any]) -> None:
    before = deepcopy((stored, own))
    result = carried(stored, own)
    assert (stored, own) == before
    told = " ".join([*result.notes, *(f"{each.message} {each.hint}" for each in result.problems)])
    given_values = merged(stored, own)
    for path in paths(given_values):
        value, name = value_at(given_values, path), ".".join(path)
        kept = value_at(result.values, path) == value
        by_default = value in (value_at(OLDER.defaults, path), value_at(OLDER.ha, path))
        above = any(".".join(path[:length]) in told for length in range(1, len(path) + 1))
        assert kept or by_default or above, name


@given(values)
def test_an_upgrade_to_the_same_chart_takes_everything_over_as_it_is(stored: dict[str, Any]) -> None:
    result = carry(StoredRelease(3, OLDER, stored), OLDER, {}, False, ())
    assert set(codes(result.problems)) <= {"values-no-number", "values-key-in-helm"}
    highly_available = all(value_at(stored, path) is not None for path in paths(OLDER.ha))
    assert result.values == merged(OLDER.ha if highly_available else {}, stored)
    assert result.notes == ()


@given(values)
def test_two_hops_carry_what_one_would(stored: dict[str, Any]) -> None:
    first = carried(stored)
    if not first.problems:
        second = carry(StoredRelease(4, NEWER, first.values), NEWER, {}, False, CHANGES)
        assert (second.values, second.notes, second.problems) == (first.values, (), ())


def test_the_inventory_is_above_what_is_carried_and_null_takes_a_value_away() -> None:
    stored = {
        "controllerLogLevel": "debug",
        "proxy": {"logLevel": "info", "cores": 2},
        "podLabels": {"a": "b"},
    }
    result = carried(stored, {"controllerLogLevel": "warn", "proxy": {"cores": None}})
    assert result.problems == ()
    assert result.values == {
        "controllerLogLevel": "warn",
        "proxy": {"logLevel": "info", "cores": None},
        "podLabels": {"a": "b"},
    }


def test_high_availability_stays_with_what_is_new_in_it_below_what_is_carried() -> None:
    result = carried({**HA, "controllerReplicas": 5})
    assert result.problems == ()
    assert result.values["enablePodAntiAffinity"] is True
    assert result.values["controllerReplicas"] == 5
    assert result.values["controller"] == {"podDisruptionBudget": {"maxUnavailable": 1}}
    note = 'destinationResources.cpu.request stays "50m"; the newer chart has "100m" for high availability.'
    assert note in result.notes
    for some in ({}, {"highAvailability": True}, {"enablePodAntiAffinity": True, "controllerReplicas": 2}):
        assert carried(some).values == some, "nobody asked for the rest of it"


def test_what_only_the_older_charts_high_availability_had_goes_with_it() -> None:
    result = carried({**HA, "policyControllerResources": {"cpu": {"request": "100m"}}})
    assert result.problems == () and "policyControllerResources" not in result.values
    (problem,) = carried({**HA, "policyControllerResources": {"cpu": {"request": "2"}}}).problems
    assert problem.code == "values-removed" and "policyController.resources" in problem.hint


def test_what_nothing_needs_to_replace_is_left_out_with_a_note() -> None:
    stored = {"proxyInit": {"image": {"name": "mirror.example/init"}, "logLevel": "debug"}}
    result = carried(stored)
    assert result.values == {"proxyInit": {"logLevel": "debug"}}
    assert result.problems == ()
    assert any(note.startswith("proxyInit.image is left out, which changes nothing") for note in result.notes)
    assert carried({}, stored).values == result.values, "the inventory's is no other"


def test_what_is_removed_is_refused_with_what_takes_its_place_unless_it_is_taken_away() -> None:
    stored = {"controlPlaneTracing": True}
    (problem,) = carried(stored).problems
    assert problem.code == "values-removed" and "has no controlPlaneTracing any more" in problem.message
    assert problem.hint == (
        "Set controller.tracing.enabled in its place, if that is what it was for; "
        "to go on without it set controlPlaneTracing to null in meshroll_control_plane.values."
    )
    (own,) = carried({}, stored).problems
    assert own.hint.endswith("; take it out of meshroll_control_plane.values.")
    away = carried(stored, {"controlPlaneTracing": None})
    assert (away.problems, away.values) == ((), {})
    assert carried({"controlPlaneTracing": False}).values == {}, "as it was by default, so nobody chose it"


def test_a_default_that_is_another_one_is_told_where_nobody_chose() -> None:
    assert carried({}).notes == ("The chart's proxy.nativeSidecar is true by default, and was false.",)
    assert carried({"proxy": {"nativeSidecar": False}}).notes == ()


@pytest.mark.parametrize(
    ("own", "meant"),
    [
        ({"controllerReplica": 2}, "controllerReplicas"),
        ({"nativeSidecar": False}, "proxy.nativeSidecar"),
        ({"proxy": {"logLevl": "info"}}, "proxy.logLevel"),
        ({"destinationResource": {"cpu": {}}}, "destinationResources"),
        ({"highAvailabilty": True}, "highAvailability"),
        ({"heartbeatShedule": "0 0 * * *"}, "heartbeatSchedule"),
        ({"quite": {"another": "thing"}}, None),
    ],
)
def test_a_name_that_no_chart_knows_is_refused_with_the_nearest(
    own: dict[str, Any], meant: str | None
) -> None:
    assert codes(unknown_values(own, NEWER)) == codes(carried({}, own).problems) == ["values-unknown"]
    (problem,) = unknown_values(own, NEWER)
    assert problem.hint.startswith(f"Is {meant} meant?" if meant else "Helm would pass over it")
    assert carried(own).problems == (), "what is running was passed over by Helm and still is"


@pytest.mark.parametrize(
    "own",
    [
        {"nodeSelector": {"disk": "ssd"}},
        {"podLabels": {"team": "a"}},
        {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}},
        {"tolerations": [{"key": "a"}]},
        {"heartbeatSchedule": "0 0 * * *"},
        {"destinationResources": {"ephemeral-storage": {"limit": "1Gi"}}},
        {"proxy": {"accessLog": "apache", "cores": 2, "securityContext": {"runAsUser": 1}}},
        {"proxy": {"capabilities": {"drop": ["ALL"]}}},
        {"proxyInjector": {"namespaceSelector": {"matchLabels": {"a": "b"}}}},
        {"global": {"anything": 1}},
    ],
)
def test_what_a_chart_passes_on_or_has_in_comments_and_templates_only_is_no_mistake(
    own: dict[str, Any],
) -> None:
    assert unknown_values(own, NEWER) == []
    assert carried({}, own).problems == carried(own).problems == ()


def test_a_key_that_helm_keeps_is_refused_and_shown_nowhere() -> None:
    stored = {"identity": {"issuer": {"tls": {"keyPEM": KEY}}}, "podAnnotations": {"a.b/c": KEY}}
    result = carried(stored)
    assert codes(result.problems) == ["values-key-in-helm"] * 2
    assert "identity.issuer.tls.keyPEM" in result.problems[0].message
    assert "c2VjcmV0" not in f"{result.problems} {result.notes} {result} {StoredRelease(1, OLDER, stored)}"
    assert codes(carried({}, stored).problems) == ["values-key"] * 2, "the inventory's own are told as before"


def test_a_version_that_is_pinned_would_keep_the_older_release() -> None:
    (problem,) = carried({"proxy": {"image": {"version": "edge-25.10.7"}}}).problems
    assert (
        problem.code == "values-version-pinned" and "Set proxy.image.version to edge-26.6.3" in problem.hint
    )
    fine = {"linkerdVersion": "edge-26.6.3", "proxy": {"image": {"version": "build-7"}}}
    assert carried({}, fine).problems == ()


def test_pod_monitors_are_on_where_the_inventory_has_them_and_nobody_says_otherwise() -> None:
    assert carried({}, podmonitor=True).values == {"podMonitor": {"enabled": True}}
    assert carried({"podMonitor": {"enabled": False}}, podmonitor=True).values == {
        "podMonitor": {"enabled": False}
    }


def test_identity_is_carried_as_it_is() -> None:
    # Where the chart makes the trust roots (cert-manager makes the issuer), taking that away would delete them.
    stored = {"identityTrustAnchorsPEM": "ANCHORS", "identity": {"issuer": {"scheme": "kubernetes.io/tls"}}}
    assert carried(stored).values == stored
