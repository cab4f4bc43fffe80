"""The way to the cluster that the inventory names: by a kubeconfig's context, or on EKS by AWS credentials."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

from meshroll.adapters.aws import Aws
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.kube.limits import Limits
from meshroll.core.eks_facts import EksFacts
from meshroll.core.errors import Refused
from meshroll.core.facts import Hidden
from meshroll.core.retry import Patience
from meshroll.core.settings import Api, Cluster, Eks


def connect(
    cluster: Cluster, api: Api, run_id: str, log: Callable[[str], None], patience_seconds: float
) -> Kube:
    """A client of the cluster that asks no more than ``api`` allows.

    Raises UsageError for a kubeconfig that cannot be used, Refused for what AWS refuses.
    """
    if cluster.eks is None:
        return Kube.connect(cluster.kubeconfig, cluster.context, log, patience_seconds, Limits(api))
    from meshroll.adapters import eks

    aws = _aws(cluster.eks, run_id, log, patience_seconds)
    return Kube.over(eks.connection(cluster.eks, aws), log, patience_seconds, Limits(api))


def for_child(
    cluster: Cluster, run_id: str, log: Callable[[str], None], patience_seconds: float, folder: Path
) -> Cluster:
    """The cluster as programs reach it, which read nothing but kubeconfigs: a file's own path, and a context in it.

    For a cluster of EKS a file is written into ``folder``, good for 15 minutes. Raises Refused for what AWS refuses.
    """
    if cluster.eks is None:
        file = Path(cluster.kubeconfig).expanduser() if cluster.kubeconfig else None
        return Cluster(kubeconfig=str(file) if file else None, context=cluster.context)
    from meshroll.adapters import eks

    aws = _aws(cluster.eks, run_id, log, patience_seconds)
    return Cluster(kubeconfig=str(eks.kubeconfig_file(cluster.eks, aws, folder)), context=cluster.eks.name)


def asked_of_aws(
    cluster: Cluster, run_id: str, log: Callable[[str], None], patience_seconds: float, day: datetime.date
) -> EksFacts | Hidden:
    """What AWS says of the cluster on ``day``. Where it does not even describe it, all is hidden."""
    if cluster.eks is None:
        return Hidden("AWS is asked where the inventory has meshroll_cluster.eks")
    from meshroll.adapters import eks_facts

    try:
        return eks_facts.see(cluster.eks, _aws(cluster.eks, run_id, log, patience_seconds), day)
    except Refused as error:
        return Hidden(str(error).rstrip("."))


def _aws(eks: Eks, run_id: str, log: Callable[[str], None], patience_seconds: float) -> Aws:
    return Aws(eks.region, eks.role_arn, run_id, log, Patience(patience_seconds))
