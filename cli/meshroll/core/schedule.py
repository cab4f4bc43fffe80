"""What a job that runs `meshroll upgrade --scheduled` has to know of the inventory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from meshroll.core.errors import Problem, UsageError
from meshroll.core.model import Object
from meshroll.core.places import is_address
from meshroll.core.roles import roles
from meshroll.core.settings import WEEKDAYS, Settings, Weekday

# Where no window says when: while few people call, and before those who mend things come to work.
NIGHT = "03:00"
COMMAND = "upgrade"


class Start(msgspec.Struct, frozen=True, order=True):
    """A time of day at which the job looks whether an upgrade is due, in ``timezone`` (IANA). No days: every day."""

    timezone: str
    clock: str
    days: tuple[Weekday, ...] = ()


class Job(msgspec.Struct, frozen=True):
    """Of one cluster. ``reached``: by the account of the job's pod, by a kubeconfig, or by AWS credentials.

    ``files`` are the paths of secrets and settings that the inventory names, as it names them; ``roles`` what the
    pod's account has to be granted, where it is that account.
    """

    cluster: str
    starts: Sequence[Start]
    reached: Literal["pod", "kubeconfig", "aws"]
    files: Sequence[str]
    roles: Sequence[Object] = ()


def job_of(settings: Settings, cluster: str, subject: Object) -> Job:
    """``subject`` is the account of the job's pod, as a binding names it. Raises UsageError for a relative path, which
    means nothing where the job runs.
    """
    files = sorted(set(_files(settings)))
    if relative := [file for file in files if not file.startswith(("/", "~/"))]:
        raise UsageError(
            Problem(
                "schedule-path-relative",
                f"The inventory names {', '.join(relative)}, which is relative to where meshroll is started.",
                "Write it from / or ~/ on.",
                cluster=cluster,
            )
        )
    own = settings.cluster
    reached: Literal["pod", "kubeconfig", "aws"] = (
        "aws" if own.eks else "kubeconfig" if own.kubeconfig or own.context else "pod"
    )
    granted = roles(COMMAND, settings, subject) if reached == "pod" else ()
    return Job(cluster, tuple(_starts(settings)), reached, files, granted)


def starts_of(jobs: Sequence[Job]) -> list[Start]:
    """Every time at which some cluster may begin; which of them does then is decided by the run itself."""
    return sorted({start for job in jobs for start in job.starts})


def files_of(jobs: Sequence[Job]) -> list[str]:
    return sorted({file for job in jobs for file in job.files})


def _starts(settings: Settings) -> Iterator[Start]:
    own = settings.upgrade
    for window in own.windows:
        yield Start(own.timezone, window.starts, tuple(day for day in WEEKDAYS if day in window.days))
    if not own.windows:
        yield Start(own.timezone, NIGHT)


def _files(settings: Settings) -> Iterator[str]:
    """The trust anchor's key is not among them: it belongs into a safe, and not into a job."""
    prometheus, issuer = settings.prometheus, settings.certificates.issuer
    named = [
        settings.cluster.kubeconfig or ("~/.kube/config" if settings.cluster.context else None),
        prometheus.basic_auth.password_file if prometheus.basic_auth else None,
        prometheus.bearer_token_file,
        prometheus.ca_file,
        settings.catalogue,
        settings.gateway_api.file,
        *((issuer.certificate_file, issuer.key_file, issuer.anchors_file) if issuer else ()),
        *(place for each in settings.notifications for place in (each.url_file, each.template)),
    ]
    yield from (each for each in named if each and not is_address(each))
