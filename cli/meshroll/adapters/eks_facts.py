"""Reads what AWS knows of a cluster of EKS, all parts side by side; nothing is ever written."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any, TypeVar

import yaml

from meshroll.adapters import eks as access
from meshroll.adapters.aws import Aws
from meshroll.core import eks_facts as core
from meshroll.core.eks_facts import EksFacts, Support
from meshroll.core.errors import Refused
from meshroll.core.facts import Hidden
from meshroll.core.settings import Eks

Part = TypeVar("Part")
Json = Mapping[str, Any]
# As many as EC2 gives at once.
INSTANCES_MAX = 1000


def known_supports() -> dict[str, Support]:
    """By version, as this meshroll knows them."""
    text = files("meshroll").joinpath("data/eks_versions.yml").read_text(encoding="utf-8")
    return core.supports(yaml.safe_load(text))


def see(eks: Eks, aws: Aws, day: datetime.date) -> EksFacts:
    """What AWS says, on ``day``. Raises Refused where it does not describe the cluster; other parts may be Hidden."""
    session = aws.session()
    described = access.described(aws, session, eks.name)
    look = _Look(aws, eks.name, aws.client(session, "eks"), aws.client(session, "ec2"))
    version = str(described["version"])
    network = described.get("resourcesVpcConfig") or {}
    with ThreadPoolExecutor() as pool:
        support = pool.submit(_unless_refused, partial(look.support, version))
        addons = pool.submit(_unless_refused, partial(look.addons, version))
        profiles = pool.submit(_unless_refused, look.fargate_profiles)
        nodegroups = pool.submit(_unless_refused, look.nodegroups)
        nodes = _unless_refused(look.nodes)
        groups = (
            set()
            if isinstance(nodes, Hidden)
            else {group for each in nodes.values() for group in set().union(*each)}
        )
        return EksFacts(
            name=eks.name,
            day=day,
            version=version,
            status=str(described["status"]),
            upgrade_policy=(described.get("upgradePolicy") or {}).get("supportType"),
            cluster_group=network.get("clusterSecurityGroupId"),
            additional_groups=tuple(network.get("securityGroupIds") or ()),
            issues=_issues(described),
            nodes=nodes,
            rules=_unless_refused(partial(look.rules, groups)),
            support=core.supported(version, support.result(), known_supports()),
            addons=addons.result(),
            fargate_profiles=profiles.result(),
            nodegroups=nodegroups.result(),
        )


@dataclass(frozen=True)
class _Look:
    """Clients of one cluster. Each part raises Refused."""

    aws: Aws
    cluster: str
    eks: Any
    ec2: Any

    def support(self, version: str) -> Support | None:
        ask = partial(self.eks.describe_cluster_versions, clusterVersions=[version])
        for found in self.aws.listed("eks:DescribeClusterVersions", None, ask, "clusterVersions"):
            standard, extended = found.get("endOfStandardSupportDate"), found.get("endOfExtendedSupportDate")
            if found["clusterVersion"] == version and standard and extended:
                return Support(_day(standard), _day(extended))
        return None

    def addons(self, version: str) -> tuple[core.Addon, ...]:
        def addon(found: Json) -> core.Addon:
            name, own = found["addonName"], found["addonVersion"]
            versions = _unless_refused(partial(self.addon_versions, name, version))
            fits = None if isinstance(versions, Hidden) or not versions else own in versions
            return core.Addon(name, own, found["status"], _issues(found), fits)

        return tuple(
            map(
                addon,
                self._each(
                    "Addon", self.eks.list_addons, "addons", self.eks.describe_addon, "addonName", core.ADDONS
                ),
            )
        )

    def addon_versions(self, name: str, version: str) -> frozenset[str]:
        ask = partial(self.eks.describe_addon_versions, addonName=name, kubernetesVersion=version)
        listed = self.aws.listed("eks:DescribeAddonVersions", None, ask, "addons")
        return frozenset(each["addonVersion"] for addon in listed for each in addon["addonVersions"])

    def fargate_profiles(self) -> tuple[core.FargateProfile, ...]:
        ask, names = self.eks.list_fargate_profiles, "fargateProfileNames"
        profiles = self._each(
            "FargateProfile", ask, names, self.eks.describe_fargate_profile, "fargateProfileName"
        )
        return tuple(
            core.FargateProfile(
                found["fargateProfileName"],
                tuple(
                    core.Selector(selector.get("namespace", ""), selector.get("labels") or {})
                    for selector in found.get("selectors") or ()
                ),
            )
            for found in profiles
        )

    def nodegroups(self) -> tuple[core.Nodegroup, ...]:
        groups = self._each(
            "Nodegroup", self.eks.list_nodegroups, "nodegroups", self.eks.describe_nodegroup, "nodegroupName"
        )
        return tuple(
            core.Nodegroup(found["nodegroupName"], found["status"], _issues(found)) for found in groups
        )

    def nodes(self) -> dict[str, tuple[frozenset[str], ...]]:
        filters = [
            {"Name": "tag-key", "Values": [f"kubernetes.io/cluster/{self.cluster}"]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
        ask = partial(self.ec2.describe_instances, Filters=filters, MaxResults=INSTANCES_MAX)
        reservations = self.aws.listed("ec2:DescribeInstances", None, ask, "Reservations")
        return {
            instance["InstanceId"]: tuple(
                frozenset(group["GroupId"] for group in interface.get("Groups") or ())
                for interface in instance.get("NetworkInterfaces") or ()
            )
            for reservation in reservations
            for instance in reservation["Instances"]
        }

    def rules(self, groups: Collection[str]) -> dict[str, tuple[core.Ingress, ...]]:
        if not groups:
            return {}
        ask = partial(
            self.ec2.describe_security_groups, Filters=[{"Name": "group-id", "Values": sorted(groups)}]
        )
        listed = self.aws.listed("ec2:DescribeSecurityGroups", None, ask, "SecurityGroups")
        return {group["GroupId"]: tuple(map(core.ingress, group["IpPermissions"])) for group in listed}

    def _each(
        self,
        what: str,
        names: Callable[..., Any],
        key: str,
        describe: Callable[..., Any],
        argument: str,
        only: Collection[str] = (),
    ) -> list[Json]:
        """All of a kind (``what`` as IAM has it, "Addon"), described; what goes away meanwhile is left out."""
        own = {"clusterName": self.cluster}
        listed = self.aws.listed(f"eks:List{what}s", None, names, key, **own)

        def look(name: str) -> Json | None:
            ask = partial(describe, **own, **{argument: name})
            answered = self.aws.call_or_none(f"eks:Describe{what}", self.cluster, ask)
            return answered[what[0].lower() + what[1:]] if answered else None

        with ThreadPoolExecutor() as pool:
            return [found for found in pool.map(look, [n for n in listed if not only or n in only]) if found]


def _unless_refused(read: Callable[[], Part]) -> Part | Hidden:
    try:
        return read()
    except Refused as error:
        return Hidden(error.problems[0].message.rstrip("."))


def _issues(found: Json) -> tuple[str, ...]:
    """What EKS says is wrong with a cluster, an add-on or a node group."""
    issues = (found.get("health") or {}).get("issues") or ()
    return tuple(f"{issue.get('code', '')}: {issue.get('message', '')}".strip(": ") for issue in issues)


def _day(moment: datetime.datetime) -> datetime.date:
    return moment.astimezone(datetime.UTC).date()
