"""Amazon EKS with AWS credentials: tokens that are renewed, endpoints, and a kubeconfig for programs; no aws CLI."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from meshroll.adapters.aws import Aws, Renewed
from meshroll.adapters.kube.connection import Connection
from meshroll.core import eks as core
from meshroll.core.eks_inventory import Found, picked
from meshroll.core.errors import Refused
from meshroll.core.retry import Patience
from meshroll.core.settings import Eks

# AWS lets an account ask for some descriptions a second only.
LOOKS = 8
PATIENCE = Patience(60.0)


def token(aws: Aws, session: Any, cluster: str) -> str:
    """A bearer token for ``cluster``. Signed here: nothing is sent, and credentials that ended are not noticed."""
    from botocore.signers import RequestSigner

    credentials = aws.credentials(session)

    def signed() -> str:
        # EKS takes the hosts of STS only, so an endpoint of one's own (AWS_ENDPOINT_URL) is not signed for.
        client = aws.client(session, "sts", ignore_configured_endpoint_urls=True)
        signer = RequestSigner(
            client.meta.service_model.service_id, aws.region, "sts", "v4", credentials, session.events
        )
        request = {
            "method": "GET",
            "url": f"{client.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {core.CLUSTER_HEADER: cluster},
            "context": {},
        }
        url: str = signer.generate_presigned_url(
            request, operation_name="", expires_in=core.URL_SECONDS, region_name=aws.region
        )
        return core.token(url)

    return aws.call("a token", cluster, signed)


def described(aws: Aws, session: Any, cluster: str) -> Mapping[str, Any]:
    """What eks:DescribeCluster says of ``cluster``. Raises Refused, eks-cluster-unknown among others."""
    client = aws.call("a client", cluster, lambda: aws.client(session, "eks"))
    answered = aws.call("eks:DescribeCluster", cluster, lambda: client.describe_cluster(name=cluster))
    found: Mapping[str, Any] = answered["cluster"]
    return found


def clusters(aws: Aws) -> list[Found]:
    """All clusters of the region, by name; one that is deleted meanwhile is left out. Raises Refused."""
    session = aws.session()
    client = aws.call("a client", None, lambda: aws.client(session, "eks"))
    names = aws.listed("eks:ListClusters", None, client.list_clusters, "clusters")

    def look(name: str) -> Found | None:
        answered = aws.call_or_none("eks:DescribeCluster", name, lambda: client.describe_cluster(name=name))
        return Found.of(answered["cluster"], aws.region, aws.role_arn) if answered else None

    with ThreadPoolExecutor(LOOKS) as pool:
        return [found for found in pool.map(look, sorted(names)) if found]


def connection(eks: Eks, aws: Aws) -> Connection:
    """To the cluster's API server. Raises Refused: see ``Aws`` and core.eks.refusal."""
    return Connection(lambda: _configuration(eks, aws))


def kubeconfig_file(eks: Eks, aws: Aws, folder: Path) -> Path:
    """A kubeconfig (mode 0600) in ``folder``, a run's own, with a token for 15 minutes. Raises as above."""
    session = aws.session()
    found = _described(eks, aws, session)
    path = folder / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(core.kubeconfig(eks, found, token(aws, session, eks.name))))
    return path


def find(
    regions: Sequence[str],
    role_arns: Sequence[str],
    tags: Mapping[str, Any],
    log: Callable[[str], None],
    statuses: Collection[str] = core.ANSWERING,
) -> list[Found]:
    """The clusters of ``statuses`` that carry ``tags``, of every region and account; of the own where no role is named.

    Raises Refused: half of an inventory would be taken for all of it.
    """
    found: list[Found] = []
    roles: Sequence[str | None] = role_arns or [None]
    for role_arn in roles:
        for region in regions:
            aws = Aws(region, role_arn, "inventory", log, PATIENCE)
            found += clusters(aws)
    kept, told = picked(found, tags, statuses)
    for line in told:
        log(line)
    return kept


def _configuration(eks: Eks, aws: Aws) -> Any:
    from meshroll.adapters.kube.credentials import Configuration, config

    session = aws.session()
    found = _described(eks, aws, session)
    sessions = [session]

    def make(patience: Patience | None) -> str:
        # The credentials of a role end after an hour, and others may have been renewed since.
        renewing = replace(aws, patience=patience or aws.patience)
        return token(renewing, sessions.pop() if sessions else renewing.session(), eks.name)

    bearer = Renewed(make, core.RENEW_AFTER_SECONDS, core.TOKEN_SECONDS, aws.seconds)
    configuration = Configuration()
    config.load_kube_config_from_dict(
        core.kubeconfig(eks, found, bearer.current()),
        client_configuration=configuration,
        persist_config=False,
    )

    def renewed(told: Any) -> None:
        told.api_key["BearerToken"] = f"Bearer {bearer.current()}"

    configuration.refresh_api_key_hook = renewed
    return configuration


def _described(eks: Eks, aws: Aws, session: Any) -> Mapping[str, Any]:
    found = described(aws, session, eks.name)
    if wrong := core.refusal(eks, found):
        raise Refused(wrong)
    return found
