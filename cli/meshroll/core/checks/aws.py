"""What of EKS only AWS can tell: its account is asked where the inventory has meshroll_cluster.eks."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from meshroll.core.checks.eks import is_eks
from meshroll.core.checks.row import Case, Check
from meshroll.core.eks_facts import WEBHOOK_PORTS, Addon, EksFacts, Nodegroup, Support
from meshroll.core.facts import Hidden, Unseen, seen
from meshroll.core.model import ClusterView, Object, labels_of
from meshroll.core.scan.row import Hit, listed, one

# AWS announces the end of a version at least this long before it.
NOTICE_DAYS = 60
# The control plane is there and answers; everything else is what EKS itself calls a change or a failure.
AT_REST = "ACTIVE"
HEALTHY = frozenset({"ACTIVE", "UPDATING"})


def asked(case: Case) -> EksFacts | None:
    """What AWS says; None where the cluster is none of EKS. Raises Unseen where AWS could not be asked."""
    return case.seen.aws if case.settings.cluster.eks or is_eks(case) else None


def support(aws: EksFacts) -> Iterator[Hit]:
    ends = seen(aws.support)
    what = f"Kubernetes {aws.version} of {aws.name}"
    days_left = (forced(aws, ends) - aws.day).days
    if days_left <= 0:
        yield Hit(f"{what} has had no support since {forced(aws, ends)}: EKS upgrades it at any time.")
    elif days_left <= NOTICE_DAYS:
        yield Hit(f"{what} is upgraded by EKS itself from {forced(aws, ends)} on, in {days_left} days.")
    elif aws.day >= ends.standard_until:
        yield Hit(
            f"{what} is in extended support since {ends.standard_until}, at a higher price, "
            f"until {ends.extended_until}."
        )


def forced(aws: EksFacts, ends: Support) -> datetime.date:
    """From when on EKS upgrades by itself."""
    return ends.standard_until if aws.upgrade_policy == "STANDARD" else ends.extended_until


def health(aws: EksFacts) -> Iterator[Hit]:
    """Raises Unseen, at its end."""
    if aws.status != AT_REST:
        yield Hit(f"EKS says that {aws.name} is {aws.status}.")
    for issue in aws.issues:
        yield Hit(f"EKS says of {aws.name}: {issue}.")
    hidden = None
    parts: dict[str, tuple[Addon | Nodegroup, ...] | Hidden] = {
        "The add-on": aws.addons,
        "The node group": aws.nodegroups,
    }
    for what, part in parts.items():
        try:
            for each in seen(part):
                if each.issues or each.status not in HEALTHY:
                    told = f": {'; '.join(each.issues)}" if each.issues else ""
                    yield Hit(f"{what} {each.name} is {each.status}{told}.")
        except Unseen as unseen:
            hidden = unseen
    if hidden:
        raise hidden


def unfit_addons(aws: EksFacts) -> Iterator[Hit]:
    for addon in seen(aws.addons):
        if addon.fits is False:
            yield Hit(f"{addon.name} {addon.version} is none of the versions for Kubernetes {aws.version}.")


def on_fargate(aws: EksFacts, case: Case) -> Iterator[Hit]:
    profiles = seen(aws.fargate_profiles)
    caught: dict[tuple[str, str], list[str]] = {}
    for _, space, workload in case.taken():
        for profile in profiles:
            if profile.catches(space.name, labels_of(workload.template)):
                caught.setdefault((space.name, profile.name), []).append(workload.id)
                break
    for (namespace, profile_name), names in caught.items():
        yield Hit(
            f"The Fargate profile {profile_name} takes {listed(names)}, and no pod gets a proxy there.",
            namespace,
            one(names),
        )


def shut_webhooks(aws: EksFacts, view: ClusterView) -> Iterator[Hit]:
    """Raises Unseen where there are nodes, and no instance that is known to be one, and, at its end, where it takes to
    know on which of their interfaces pods are: with the VPC CNI's custom networking not on the first.
    """
    if not seen(aws.nodes) and any(_of_ec2(node) for node in view.nodes):
        raise Unseen(f"no running instance has the tag kubernetes.io/cluster/{aws.name}")
    shut: dict[frozenset[str], tuple[list[str], list[str]]] = {}
    for port in WEBHOOK_PORTS:
        for groups, instances in aws.closed(port).items():
            shut.setdefault(groups, ([], instances))[0].append(str(port))
    source = aws.cluster_group or listed(aws.control_plane_groups)
    for groups, (ports, instances) in sorted(shut.items(), key=lambda item: sorted(item[0])):
        commands = "; ".join(
            f"aws ec2 authorize-security-group-ingress --group-id {min(groups, default='sg-...')} "
            f"--protocol tcp --port {port} --source-group {source}"
            for port in ports
        )
        yield Hit(
            f"{listed(groups) or 'No security group'} of {listed(instances)} keeps the control plane "
            f"({listed(aws.control_plane_groups)}) from TCP {' and '.join(ports)}.",
            fix=commands,
        )
    for port in WEBHOOK_PORTS:
        for groups, instances in aws.closed_in_part(port).items():
            raise Unseen(
                f"{listed(groups) or 'no security group'} of some interfaces of {listed(instances)} keeps the control "
                f"plane from TCP {port}, and whether pods are on those is not known"
            )


def _of_ec2(node: Object) -> bool:
    """Not of Fargate, nor a hybrid node."""
    return str((node.get("spec") or {}).get("providerID") or "").startswith("aws:///") and not str(
        node["metadata"]["name"]
    ).startswith("fargate-")


def _support(case: Case) -> Iterator[Hit]:
    if aws := asked(case):
        yield from support(aws)


def _health(case: Case) -> Iterator[Hit]:
    if aws := asked(case):
        yield from health(aws)


def _unfit_addons(case: Case) -> Iterator[Hit]:
    if aws := asked(case):
        yield from unfit_addons(aws)


def _on_fargate(case: Case) -> Iterator[Hit]:
    if aws := asked(case):
        yield from on_fargate(aws, case)


def _shut_webhooks(case: Case) -> Iterator[Hit]:
    if aws := asked(case):
        yield from shut_webhooks(aws, case.view)


CHECKS = (
    Check(
        "eks-support",
        "EKS does not upgrade the cluster by itself soon, nor bill extended support",
        _support,
        severity="warn",
        needs=("aws",),
        why="EKS supports a Kubernetes version for 14 months, and for 12 more at a higher price. After that (or before "
        "these 12, where the upgrade policy is STANDARD) it upgrades the control plane on a day of its own choice, "
        "which may be the day of a rollout.",
        fix="Upgrade the cluster on a day of yours: aws eks update-cluster-version.",
    ),
    Check(
        "eks-health",
        "EKS is at rest and names no issue of cluster, add-ons or node groups",
        _health,
        severity="warn",
        needs=("aws",),
        why="While the control plane or the add-ons of DNS and networking change or fail, a gate cannot tell their "
        "failures from the mesh's.",
        fix="Wait until it is ACTIVE, or mend what EKS names.",
    ),
    Check(
        "eks-addon-version",
        "vpc-cni, kube-proxy and coredns have versions that EKS lists for this Kubernetes",
        _unfit_addons,
        severity="warn",
        needs=("aws",),
        why="Add-ons stay behind when a cluster is upgraded. Proxies resolve every name with coredns and reach the "
        "control plane by way of kube-proxy and the VPC CNI, so their faults look like the mesh's.",
        fix="aws eks update-addon, to a version of aws eks describe-addon-versions --kubernetes-version.",
    ),
    Check(
        "fargate-profile",
        "no Fargate profile takes the workloads",
        _on_fargate,
        needs=("aws",),
        acceptable=True,
        why="Fargate gives no pod NET_ADMIN and runs no DaemonSet, so neither linkerd-init nor linkerd-cni can "
        "redirect traffic there: a pod with a proxy never starts (linkerd2 #6728).",
        fix="Narrow the profile's selectors, or annotate the pod templates with linkerd.io/inject: disabled.",
    ),
    Check(
        "webhook-security-group",
        "security groups let the control plane reach Linkerd's webhooks on the nodes",
        _shut_webhooks,
        needs=("aws",),
        acceptable=True,
        why="The API server calls the injector on TCP 8443 and the policy validator on 9443 of their pods. Where nodes "
        "have security groups of their own that open less, calls time out: pods start without a proxy, or, with "
        "failurePolicy Fail, not at all (linkerd2 #9672). Rules by address are taken for open.",
        fix="Let the cluster's security group in on TCP 8443 and 9443.",
    ),
)
