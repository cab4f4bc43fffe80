"""Sees that identity has a new issuer; restarts it where it has missed it; puts the old one back where that fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meshroll.adapters.chain import read_certificates
from meshroll.adapters.kube.client import Kube, Object
from meshroll.adapters.renewal import replace_secret
from meshroll.core.errors import Failed, MeshrollError, Problem, RollbackFailed
from meshroll.core.identity import ISSUER_SECRET, layout_of, secret_value
from meshroll.core.issuer_update import (
    DEPLOYMENT,
    RESTARTED_AT,
    Proof,
    proof,
    proved,
    put_back,
    restarted_since,
)
from meshroll.core.model import Pod, Workload
from meshroll.core.moments import rfc3339

# Kubelet brings a changed Secret into its mounts within a minute or so.
LOOKED_FOR = timedelta(minutes=2)
POLL_SECONDS = 1.0
COMPONENT = "linkerd.io/control-plane-component=identity"


@dataclass(frozen=True)
class Update:
    """A pair that was written at ``since`` (the API server's clock) and is to be seen in identity.

    ``between`` is called often and may raise (a lost lock, a wish to stop): what is there then goes on from there.
    """

    kube: Kube
    namespace: str
    since: datetime
    timeout_seconds: float
    say: Callable[[str], None]
    between: Callable[[], None]
    looked_for: timedelta = LOOKED_FOR


def see_through(update: Update) -> Proof:
    """Until identity is proved to have the pair; the Secret then holds that one alone.

    Raises Failed where it does not take it and the old issuer is back, RollbackFailed where that is not so.
    """
    try:
        found = _prove(update)
    except Failed as error:
        raise _taken_back(update, error) from error
    secret = _secret(update)
    replace_secret(update.kube, update.namespace, proved(secret, layout_of(secret)))
    return found


def _prove(update: Update) -> Proof:
    kube, since = update.kube, update.since
    found = _wait(update, lambda: kube.server_now() - since > update.looked_for)
    if found.state == "waiting" and not restarted_since(_deployment(update), since):
        update.say(
            f"{found.message} within {update.looked_for.total_seconds():.0f} s (linkerd2 #15109): restarting it."
        )
        at = rfc3339(kube.server_now())
        template = {"metadata": {"annotations": {RESTARTED_AT: at}}}
        kube.merge_patch(_path(update, DEPLOYMENT), {"spec": {"template": template}})
    if found.state == "waiting":
        until = time.monotonic() + update.timeout_seconds
        found = _wait(update, lambda: time.monotonic() > until)
    if found.state == "proved":
        return found
    hint = "docs/how-to/certificates.md#identity-does-not-take-it has what to look at."
    if found.state == "skipped":
        raise Failed(
            Problem("issuer-skipped", f"Identity does not take the new issuer: {found.message}", hint)
        )
    raise Failed(
        Problem(
            "issuer-not-taken-up", f"Identity was restarted for its new issuer, and {found.message}.", hint
        )
    )


def _wait(update: Update, over: Callable[[], bool]) -> Proof:
    """The last look: ``waiting`` once it is ``over``."""
    said = ""
    while True:
        update.between()
        found = _look(update)
        if found.state != "waiting" or over():
            return found
        if found.message != said:
            said = found.message
            update.say(f"{said} yet.")
        time.sleep(POLL_SECONDS)


def _look(update: Update) -> Proof:
    home = f"/api/v1/namespaces/{update.namespace}"
    pods, _ = update.kube.list_all(f"{home}/pods", labelSelector=COMPONENT)
    events, _ = update.kube.list_all(f"{home}/events", fieldSelector=f"involvedObject.name={DEPLOYMENT}")
    return proof(_deployment(update), map(Pod, pods), events, update.since)


def _taken_back(update: Update, error: Failed) -> MeshrollError:
    """``error``, with what became of the old issuer."""
    problem = error.problems[0]
    secret = _secret(update)
    back = put_back(secret, layout_of(secret))
    if back is None or _over(back, update.kube.server_now()):
        why = "the one before is over" if back else f"Secret {ISSUER_SECRET} does not hold the one before"
        return RollbackFailed(replace(problem, hint=f"The new one stays, because {why}. {problem.hint}"))
    try:
        replace_secret(update.kube, update.namespace, back)
        _wait_rolled(update)
    except MeshrollError as second:
        return RollbackFailed([problem, *second.problems])
    return Failed(replace(problem, hint=f"The issuer before it is back, and valid. {problem.hint}"))


def _wait_rolled(update: Update) -> None:
    """Pods that could not start with the new pair do with the old one."""
    until = time.monotonic() + update.timeout_seconds
    while not _deployment(update).rolled:
        update.between()
        if time.monotonic() > until:
            raise Failed(
                Problem(
                    "identity-not-up",
                    f"{DEPLOYMENT} is not up with the issuer before either.",
                    f"`kubectl -n {update.namespace} get pods,events` shows more.",
                    object=f"Deployment/{DEPLOYMENT}",
                )
            )
        time.sleep(POLL_SECONDS)


def _over(secret: Object, now: datetime) -> bool:
    issuer, *_ = read_certificates(secret_value(secret, layout_of(secret).certificate) or "")
    return now > issuer.not_after


def _secret(update: Update) -> Object:
    found = update.kube.get(f"/api/v1/namespaces/{update.namespace}/secrets/{ISSUER_SECRET}")
    return found or _gone(f"Secret/{ISSUER_SECRET}")


def _deployment(update: Update) -> Workload:
    return Workload(update.kube.get(_path(update, DEPLOYMENT)) or _gone(f"Deployment/{DEPLOYMENT}"))


def _gone(name: str) -> Object:
    raise Failed(
        Problem("identity-missing", f"{name} was deleted meanwhile.", "Run the command again.", object=name)
    )


def _path(update: Update, name: str) -> str:
    return f"/apis/apps/v1/namespaces/{update.namespace}/deployments/{name}"
