"""What AWS says of a cluster of EKS beside what the API server shows, and what follows from it alone.

A part that the account may not read is Hidden, and whoever asks for it hears Unseen.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from meshroll.core.facts import NOT_ASKED, Hidden, seen

# Those that every cluster of EKS has, by AWS' own list or by hand.
ADDONS = ("vpc-cni", "kube-proxy", "coredns")
# Where the pods of Linkerd's injector, sp-validator and policy-validator listen for the API server.
WEBHOOK_PORTS = (8443, 9443)


@dataclass(frozen=True)
class Support:
    """Of one Kubernetes version, as days of UTC.

    On ``standard_until`` the costs of extended support begin, from ``extended_until`` on AWS upgrades by itself.
    """

    standard_until: datetime.date
    extended_until: datetime.date


@dataclass(frozen=True)
class Addon:
    """One that AWS keeps. ``fits``: AWS lists its version for the cluster's Kubernetes; None where that is not told."""

    name: str
    version: str
    status: str
    issues: tuple[str, ...] = ()
    fits: bool | None = None


@dataclass(frozen=True)
class Selector:
    """Of a Fargate profile; ``*`` and ``?`` stand for any characters, in labels' values too."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def catches(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether pods of ``labels`` in ``namespace`` are put on Fargate."""
        return fnmatchcase(namespace, self.namespace) and all(
            any(fnmatchcase(name, key) and fnmatchcase(value, wanted) for name, value in labels.items())
            for key, wanted in self.labels.items()
        )


@dataclass(frozen=True)
class FargateProfile:
    name: str
    selectors: tuple[Selector, ...]

    def catches(self, namespace: str, labels: Mapping[str, str]) -> bool:
        return any(selector.catches(namespace, labels) for selector in self.selectors)


@dataclass(frozen=True)
class Nodegroup:
    """A managed one."""

    name: str
    status: str
    issues: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ingress:
    """One rule of a security group: from members of ``groups``, or from elsewhere by address (``by_address``).

    ``protocol`` "-1" is all of them, and then there are no ports.
    """

    protocol: str
    from_port: int
    to_port: int
    groups: frozenset[str] = frozenset()
    by_address: bool = False

    def lets_in(self, groups: Iterable[str], port: int) -> bool:
        """Whether TCP ``port`` is open for ``groups``. Addresses are taken for theirs: who has which is not read."""
        fits = self.protocol == "-1" or (self.protocol == "tcp" and self.from_port <= port <= self.to_port)
        return fits and (self.by_address or not self.groups.isdisjoint(groups))


@dataclass(frozen=True)
class EksFacts:
    """One cluster, on ``day`` (UTC).

    version             "1.33"
    upgrade_policy      STANDARD (AWS upgrades at the end of standard support) or EXTENDED; None where it is not told
    cluster_group       the security group that EKS made; the control plane's interfaces are in it
    additional_groups   those that they are in beside it
    support             of ``version``
    nodes               the sets of security groups of each node's network interfaces, by instance
    rules               what comes in, by security group: those of the nodes
    """

    name: str
    day: datetime.date
    version: str
    status: str
    upgrade_policy: str | None
    cluster_group: str | None
    additional_groups: tuple[str, ...] = ()
    issues: tuple[str, ...] = ()
    support: Support | Hidden = NOT_ASKED
    addons: tuple[Addon, ...] | Hidden = ()
    fargate_profiles: tuple[FargateProfile, ...] | Hidden = ()
    nodegroups: tuple[Nodegroup, ...] | Hidden = ()
    nodes: Mapping[str, tuple[frozenset[str], ...]] | Hidden = field(default_factory=dict)
    rules: Mapping[str, tuple[Ingress, ...]] | Hidden = field(default_factory=dict)

    @property
    def control_plane_groups(self) -> frozenset[str]:
        own = {self.cluster_group} if self.cluster_group else set()
        return frozenset(own | set(self.additional_groups))

    def closed(self, port: int) -> dict[frozenset[str], list[str]]:
        """Instances whose security groups keep the control plane from TCP ``port`` of their pods, by those groups.

        An instance counts where none of its interfaces lets it in. Raises Unseen.
        """
        found: dict[frozenset[str], list[str]] = {}
        for instance, interfaces in seen(self.nodes).items():
            if not any(self._lets_in(interface, port) for interface in interfaces):
                found.setdefault(frozenset().union(*interfaces), []).append(instance)
        return found

    def closed_in_part(self, port: int) -> dict[frozenset[str], list[str]]:
        """Instances of which some interfaces, with these groups, keep it out, and others do not. Raises Unseen."""
        found: dict[frozenset[str], list[str]] = {}
        for instance, interfaces in seen(self.nodes).items():
            shut = {interface for interface in interfaces if not self._lets_in(interface, port)}
            for groups in shut if shut != set(interfaces) else ():
                found.setdefault(groups, []).append(instance)
        return found

    def _lets_in(self, interface: frozenset[str], port: int) -> bool:
        rules, groups = seen(self.rules), self.control_plane_groups
        return any(rule.lets_in(groups, port) for group in interface for rule in rules.get(group, ()))


def supported(version: str, told: Support | Hidden | None, known: Mapping[str, Support]) -> Support | Hidden:
    """By what AWS has ``told`` (None: nothing), else by what is ``known``, by version."""
    found = told if isinstance(told, Support) else known.get(version)
    why = told.reason if isinstance(told, Hidden) else "AWS does not list it"
    return found or Hidden(f"until when EKS supports Kubernetes {version} is not known ({why})")


def ingress(permission: Mapping[str, Any]) -> Ingress:
    """Of what EC2 calls an IpPermission of a security group."""
    addresses = ("IpRanges", "Ipv6Ranges", "PrefixListIds")
    return Ingress(
        protocol=str(permission.get("IpProtocol", "-1")),
        from_port=int(permission.get("FromPort", 0)),
        to_port=int(permission.get("ToPort", 65535)),
        groups=frozenset(
            pair["GroupId"] for pair in permission.get("UserIdGroupPairs") or [] if pair.get("GroupId")
        ),
        by_address=any(permission.get(key) for key in addresses),
    )


def supports(data: Mapping[str, Any]) -> dict[str, Support]:
    """By version, of data/eks_versions.yml."""
    return {
        version: Support(dates["standard_until"], dates["extended_until"])
        for version, dates in data["versions"].items()
    }
