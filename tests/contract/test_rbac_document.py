"""core.permissions has what meshroll checks for, watches and locks with; docs/reference/rbac.md is made from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract.rbac_page import PARTS, SAID, page

from meshroll.adapters.kube import facts, journal, lock, mirror
from meshroll.commands import rbac
from meshroll.core import changes, checks
from meshroll.core.certificate_dates import WEBHOOKS
from meshroll.core.facts import Kind
from meshroll.core.identity import ISSUER_SECRET, TRUST_ROOTS
from meshroll.core.permissions import (
    CERTIFICATES,
    CHANGE,
    CHECKS,
    COMMANDS,
    DRILL,
    LOOK,
    RENEW,
    SCAN,
    SPACES,
    WRITE,
    Part,
)

READING = {"get", "list", "watch"}
LOOKING = ("status", "runs", "report", "verify", "plan", "releases --for")


def allowed(part: Part, path: str, verb: str) -> bool:
    """Whether ``/apis/apps/v1/namespaces/{namespace}/deployments`` may be that in all of its objects."""
    words = path.split("/")
    wanted = (words[2] if words[1] == "apis" else "", words[-1], verb)
    return any(wanted in grant.permissions() for grant in part if not grant.names or wanted[1] == "leases")


def test_the_page_is_made_from_the_data() -> None:
    assert (Path(__file__).parents[2] / "docs/reference/rbac.md").read_text() == page(), "make docs"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_parts_of_the_page_are_all_that_a_command_needs(command: str) -> None:
    needs = set(COMMANDS[command])
    assert {grant for _, part in PARTS if set(part) <= needs for grant in part} == needs
    assert {title for title, _ in PARTS} >= SAID.keys()


def test_the_command_offers_what_the_data_has() -> None:
    assert tuple(COMMANDS) == rbac.NAMES


@pytest.mark.parametrize("path", mirror.PATHS.values())
def test_what_is_watched_may_be_listed_and_watched(path: str) -> None:
    assert all(allowed(CHANGE, path, verb) for verb in ("list", "watch"))


@pytest.mark.parametrize("kind", changes.API_PATHS)
def test_what_is_changed_may_be_read_again_after_a_conflict(kind: str) -> None:
    part = DRILL if kind == "NetworkPolicy" else (*SPACES, *CHANGE)
    assert allowed(part, changes.API_PATHS[kind], "get")


def test_journal_and_lock_may_be_written() -> None:
    for verb in ("get", "list", "create", "patch", "delete"):
        assert allowed(WRITE, journal.PATH, verb)
    for verb in ("get", "create", "update", "delete"):
        assert allowed(WRITE, lock.PATH, verb)
    (named,) = [grant.names for grant in WRITE if grant.resources == "leases" and grant.names]
    assert named == (lock.NAME,)


@pytest.mark.parametrize("command", LOOKING)
def test_who_looks_may_write_nothing_and_read_no_secret(command: str) -> None:
    for grant in COMMANDS[command]:
        assert {*grant.verbs.split()} <= READING
        assert "secrets" not in grant.resources


@pytest.mark.parametrize("command", [*LOOKING, "rollback", "resume", "lock steal", "verify --probe"])
def test_the_roles_of_a_rollout_are_enough_for_what_is_done_day_by_day(command: str) -> None:
    held = {(grant.place, each) for grant in COMMANDS["rollout"] for each in grant.permissions()}
    wanted = {(grant.place, each) for grant in COMMANDS[command] for each in grant.permissions()}
    assert (wanted <= held) == (command not in ("releases --for", "verify --probe"))


def test_certificates_are_read_by_name() -> None:
    assert {name for grant in CERTIFICATES for name in grant.names} == {*WEBHOOKS, TRUST_ROOTS}
    assert all(grant.names for grant in CERTIFICATES)


def test_who_renews_the_issuer_may_touch_its_secret_and_no_other() -> None:
    secrets = [grant for grant in RENEW if "secrets" in grant.resources]
    assert [(grant.names, grant.verbs) for grant in secrets] == [((ISSUER_SECRET,), "get update")]


@pytest.mark.parametrize(
    "path",
    [
        facts.PODS,
        facts.CONFIG_MAPS,
        *(path for kind, path in facts.EVERYWHERE.items() if kind in facts.SCANNED),
        *facts.ONLY_METADATA.values(),
        *facts.OTHER_POLICIES.values(),
    ],
)
def test_what_is_scanned_may_be_listed(path: str) -> None:
    assert allowed(SCAN, path, "list")


CHECKED = {**facts.EVERYWHERE, **facts.IN_HAND}


@pytest.mark.parametrize("need", sorted(checks.needs(checks.that_weigh("in")) & CHECKED.keys()))
def test_what_checks_need_may_be_listed(need: Kind) -> None:
    assert allowed((*SPACES, *CHECKS), CHECKED[need], "list")


@pytest.mark.parametrize("need", sorted(checks.needs(checks.that_weigh("upgrade"))))
def test_what_the_checks_of_an_upgrade_need_may_be_listed(need: Kind) -> None:
    assert allowed(COMMANDS["upgrade"], CHECKED[need], "list")


def test_the_crds_that_are_scanned_may_be_read_by_name() -> None:
    named = {
        name
        for grant in (*LOOK, *SCAN)
        for name in grant.names
        if grant.resources == "customresourcedefinitions"
    }
    assert named == {path.rpartition("/")[2] for path in facts.GATEWAY_CRDS}
