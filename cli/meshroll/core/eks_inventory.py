"""Clusters of EKS as hosts of an inventory: their names, variables and groups."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, get_args

import msgspec

from meshroll.core.errors import Problem, UsageError

HostName = Literal["name", "name-region", "name-region-account"]
FORMS: tuple[HostName, ...] = get_args(HostName)
# Tags that AWS makes itself (aws:cloudformation:stack-id) say nothing that an operator groups by.
_OF_AWS = "aws:"


class Found(msgspec.Struct, frozen=True):
    """One cluster as eks:DescribeCluster has it; ``role_arn`` is the role that it was seen with."""

    name: str
    region: str
    account: str
    arn: str
    kubernetes_version: str
    status: str
    tags: dict[str, str]
    role_arn: str | None = None

    @classmethod
    def of(cls, described: Mapping[str, Any], region: str, role_arn: str | None) -> Found:
        arn = str(described["arn"])
        return cls(
            name=str(described["name"]),
            region=region,
            account=arn.split(":")[4],
            arn=arn,
            kubernetes_version=str(described.get("version") or ""),
            status=str(described.get("status") or ""),
            tags={str(key): str(value) for key, value in (described.get("tags") or {}).items()},
            role_arn=role_arn,
        )

    def has(self, tags: Mapping[str, Any]) -> bool:
        """Whether it carries each of ``tags``, whose values may be lists of which one is enough.

        YAML's `true` is a tag's "true".
        """
        return all(
            key in self.tags
            and self.tags[key]
            in [
                str(each).lower() if isinstance(each, bool) else str(each)
                for each in (value if isinstance(value, list) else [value])
            ]
            for key, value in tags.items()
        )


def picked(
    found: Sequence[Found], tags: Mapping[str, Any], statuses: Collection[str]
) -> tuple[list[Found], list[str]]:
    """Those that carry ``tags`` and have one of ``statuses``, and what to warn of: who is left out unexpectedly."""
    tagged = [each for each in found if each.has(tags)]
    told = []
    if found and not tagged:
        wanted = ", ".join(f"{key}: {value}" for key, value in tags.items())
        told.append(f"None of the {len(found)} clusters that were found carries the tags {wanted}.")
    if out := [each for each in tagged if each.status not in statuses]:
        named = ", ".join(f"{each.name} in {each.region} ({each.status})" for each in out)
        told.append(f"Left out for their status, which `statuses` does not have: {named}.")
    return [each for each in tagged if each.status in statuses], told


def hosts(found: Iterable[Found], form: HostName) -> dict[str, Found]:
    """Host name -> cluster. A cluster that several roles see is one host, seen with the first of them.

    A name never depends on what else there is: else a new cluster would take another's host_vars away. Raises
    UsageError where two clusters would have one name.
    """
    named: dict[str, Found] = {}
    for each in found:
        name = "-".join([each.name, each.region, each.account][: 1 + form.count("-")])
        other = named.setdefault(name, each)
        if other.arn != each.arn:
            raise UsageError(
                Problem(
                    "inventory-duplicate",
                    f"Two clusters would be the host {name}: {other.arn} and {each.arn}.",
                    "Set `hostname: name-region` or `hostname: name-region-account` in the inventory's file.",
                )
            )
    return named


def told_apart(found: Sequence[Found], at_least: HostName = "name") -> tuple[HostName, dict[str, Found]]:
    """The shortest form, from ``at_least`` on, in which no two are called alike, and the hosts by it."""
    forms = FORMS[FORMS.index(at_least) :]
    for form in forms[:-1]:
        with suppress(UsageError):
            return form, hosts(found, form)
    return forms[-1], hosts(found, forms[-1])


def variables(found: Found) -> dict[str, Any]:
    """Host variables: the way in, and beside it what is known of the cluster."""
    eks = {"name": found.name, "region": found.region, "account": found.account}
    role = {"role_arn": found.role_arn} if found.role_arn else {}
    return {
        "meshroll_cluster": {"eks": {**eks, **role}},
        "eks_account": found.account,
        "eks_arn": found.arn,
        "eks_kubernetes_version": found.kubernetes_version,
        "eks_region": found.region,
        "eks_status": found.status,
        "eks_tags": dict(found.tags),
    }


def groups(found: Found) -> Sequence[str]:
    """A group for each tag: ``tag_KEY_VALUE``, of letters, digits and underscores as Ansible wants them."""
    named = (f"tag_{key}_{value}" for key, value in found.tags.items() if not key.startswith(_OF_AWS))
    return sorted({re.sub(r"[^0-9A-Za-z_]", "_", name).rstrip("_") for name in named})
