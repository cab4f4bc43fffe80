"""Amazon EKS as far as it can be decided without asking it: tokens, kubeconfigs, and which clusters are refused.

A token is a signed request to STS GetCallerIdentity that the cluster sends on, as aws-iam-authenticator has it: its
form is ``k8s-aws-v1.`` and the URL in base64 without padding, and it counts for 15 minutes from its signing.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from meshroll.core.errors import Problem
from meshroll.core.settings import Eks

CLUSTER_HEADER = "x-k8s-aws-id"
TOKEN_PREFIX = "k8s-aws-v1."  # noqa: S105 - what every token begins with
TOKEN_SECONDS = 900.0
# A third is left for the case that AWS does not answer at once.
RENEW_AFTER_SECONDS = 600.0
# How long the URL itself counts, which EKS wants to be at most this.
URL_SECONDS = 60
# While a cluster is changed (UPDATING), its API server answers, and so it is no reason to stop a run halfway.
ANSWERING = frozenset({"ACTIVE", "UPDATING"})


def token(url: str) -> str:
    """The bearer token of a presigned URL."""
    return TOKEN_PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def refusal(eks: Eks, described: Mapping[str, Any]) -> Problem | None:
    """Why a described cluster cannot be worked on: another account's, not there yet, not any more, or broken."""
    account = str(described.get("arn")).split(":")[4:5]
    if eks.account and account != [eks.account]:
        return Problem(
            "eks-account-differs",
            f"The EKS cluster {eks.name} in {eks.region} that these AWS credentials see is not of account "
            f"{eks.account}, which the inventory names, but of {''.join(account) or 'none that is told'}.",
            "Are they the credentials that you meant (AWS_PROFILE, meshroll_cluster.eks.role_arn)?",
        )
    status = str(described.get("status"))
    if status in ANSWERING and described.get("endpoint"):
        return None
    return Problem(
        "eks-cluster-not-active",
        f"The EKS cluster {eks.name} in {eks.region} is {status}.",
        "Wait until it is ACTIVE, or take it out of the inventory.",
    )


def kubeconfig(eks: Eks, described: Mapping[str, Any], bearer: str) -> dict[str, Any]:
    """A kubeconfig of one context, named after the cluster, for whoever reads no other form."""
    name = eks.name
    authority = described["certificateAuthority"]["data"]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [
            {
                "name": name,
                "cluster": {"server": described["endpoint"], "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": name, "user": {"token": bearer}}],
    }
