"""Amazon EKS with AWS credentials: tokens that are renewed, endpoints, and a kubeconfig for Helm; no aws CLI.

boto3 is imported when it is needed: whoever uses contexts needs none.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from meshroll.adapters import clock
from meshroll.adapters.kube.connection import Connection
from meshroll.core import eks as core
from meshroll.core.eks_inventory import Found
from meshroll.core.errors import Problem, Refused
from meshroll.core.retry import Patience
from meshroll.core.settings import Eks

Answer = TypeVar("Answer")

CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 20.0
# AWS lets an account ask for some descriptions a second only.
LOOKS = 8
PATIENCE = Patience(60.0)
# A token that is about to end is waited for by every request, those that keep the lock included.
EARLY_PATIENCE = Patience(5.0)
EARLY_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Aws:
    """One region of one account, ``role_arn`` assumed first where it is given.

    Each call is tried again while that may help and ``patience`` lasts; then it raises Refused, with what AWS said.
    """

    region: str
    role_arn: str | None
    run_id: str
    log: Callable[[str], None]
    patience: Patience
    sleep: Callable[[float], None] = time.sleep
    seconds: Callable[[], float] = clock.seconds

    def session(self) -> Any:
        """A boto3 Session, with the role's credentials where one is assumed: they last for an hour.

        Raises Refused: boto3-missing, or one of core.eks.problem.
        """
        own = self.call("a session", None, self._session)
        if not self.role_arn:
            return own
        wanted = {"RoleArn": self.role_arn, "RoleSessionName": core.session_name(self.run_id)}
        answered = self.call("sts:AssumeRole", None, lambda: self.client(own, "sts").assume_role(**wanted))
        given = answered["Credentials"]
        return self._session(
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    def _session(self, **credentials: str) -> Any:
        boto3 = _boto3()
        import botocore.session

        own = botocore.session.get_session()
        # EKS does not take the one for all regions, whatever the user's AWS configuration says.
        own.set_config_variable("sts_regional_endpoints", "regional")
        return boto3.Session(botocore_session=own, region_name=self.region, **credentials)

    def client(self, session: Any, service: str, **more: Any) -> Any:
        """A client that tries once: how often and how long is decided in ``call``."""
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 1},
            **more,
        )
        return session.client(service, config=config)

    def call(self, asked: str, cluster: str | None, ask: Callable[[], Answer]) -> Answer:
        """What ``ask`` returns. ``asked`` is what it is in IAM's words ("eks:DescribeCluster")."""
        _boto3()
        from botocore.exceptions import BotoCoreError, ClientError

        begun, tries = self.seconds(), 0
        while True:
            tries += 1
            try:
                return ask()
            except ClientError as error:
                told = error.response.get("Error", {})
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                said = self._said(told.get("Code", ""), told.get("Message", ""), int(status), asked, cluster)
            except BotoCoreError as error:
                said = self._said(type(error).__name__, str(error), 0, asked, cluster)
            wait_seconds = self.patience.wait_seconds(tries, self.seconds() - begun, random.random())
            if not said.passes or wait_seconds is None:
                # Not chained: what AWS says may repeat the request, with its session token.
                raise Refused(core.problem(said))
            self.log(f"{asked}: {said.code}; again in {wait_seconds:.1f} s")
            self.sleep(wait_seconds)

    def token(self, session: Any, cluster: str) -> str:
        """A bearer token for ``cluster``. Signed here: nothing is sent, and credentials that ended are not noticed."""
        from botocore.signers import RequestSigner

        def signed() -> str:
            # EKS takes the hosts of STS only, so an endpoint of one's own (AWS_ENDPOINT_URL) is not signed for.
            client = self.client(session, "sts", ignore_configured_endpoint_urls=True)
            credentials = session.get_credentials()
            if credentials is None:
                from botocore.exceptions import NoCredentialsError

                raise NoCredentialsError
            signer = RequestSigner(
                client.meta.service_model.service_id, self.region, "sts", "v4", credentials, session.events
            )
            request = {
                "method": "GET",
                "url": f"{client.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
                "body": {},
                "headers": {core.CLUSTER_HEADER: cluster},
                "context": {},
            }
            url: str = signer.generate_presigned_url(
                request, operation_name="", expires_in=core.URL_SECONDS, region_name=self.region
            )
            return core.token(url)

        return self.call("a token", cluster, signed)

    def described(self, session: Any, cluster: str) -> Mapping[str, Any]:
        """What eks:DescribeCluster says of ``cluster``. Raises Refused, eks-cluster-unknown among others."""
        client = self.call("a client", cluster, lambda: self.client(session, "eks"))
        answered = self.call("eks:DescribeCluster", cluster, lambda: client.describe_cluster(name=cluster))
        found: Mapping[str, Any] = answered["cluster"]
        return found

    def clusters(self) -> list[Found]:
        """All clusters of the region, by name; one that is deleted meanwhile is left out. Raises Refused."""
        session = self.session()
        client = self.call("a client", None, lambda: self.client(session, "eks"))
        names: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = self.call("eks:ListClusters", None, lambda: client.list_clusters(**more))  # noqa: B023
            names += page["clusters"]
            if not page.get("nextToken"):
                break
            more = {"nextToken": page["nextToken"]}

        def look(name: str) -> Found | None:
            try:
                asked = lambda: client.describe_cluster(name=name)  # noqa: E731
                described = self.call("eks:DescribeCluster", name, asked)["cluster"]
            except Refused as error:
                if error.problems[0].code == "eks-cluster-unknown":
                    return None
                raise
            return Found.of(described, self.region, self.role_arn)

        with ThreadPoolExecutor(LOOKS) as pool:
            return [found for found in pool.map(look, sorted(names)) if found]

    def _said(self, code: str, message: str, status: int, asked: str, cluster: str | None) -> core.Said:
        known = self.region in _known_regions()
        return core.Said(code, message, status, asked, self.region, self.role_arn, cluster, known)


@dataclass
class Token:
    """A token that is made anew before it ends. ``make`` is given how long it may try; not safe for many threads.

    While the old one still counts, an AWS that does not answer is asked again a minute later, and nobody hears of it.
    """

    make: Callable[[Patience | None], str]
    seconds: Callable[[], float] = clock.seconds

    def __post_init__(self) -> None:
        self._made_at = self._asked_at = self.seconds()
        self._value = self.make(None)

    def current(self) -> str:
        """Raises Refused where the old one is over and no new one can be made."""
        now = self.seconds()
        if now - self._made_at < core.RENEW_AFTER_SECONDS:
            return self._value
        counts = now - self._made_at < core.TOKEN_SECONDS
        if counts and now - self._asked_at < EARLY_PAUSE_SECONDS:
            return self._value
        self._asked_at = now
        try:
            self._value, self._made_at = self.make(EARLY_PATIENCE if counts else None), now
        except Refused:
            if not counts:
                raise
        return self._value


def connection(eks: Eks, aws: Aws) -> Connection:
    """To the cluster's API server. Raises Refused: see ``Aws``, and eks-cluster-not-active."""
    return Connection(lambda: _configuration(eks, aws))


def kubeconfig_file(eks: Eks, aws: Aws, folder: Path) -> Path:
    """A kubeconfig (mode 0600) in ``folder``, a run's own, for Helm, with a token for 15 minutes. Raises as above."""
    session = aws.session()
    described = _described(eks, aws, session)
    path = folder / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(core.kubeconfig(eks, described, aws.token(session, eks.name))))
    return path


def find(
    regions: Sequence[str], role_arns: Sequence[str], tags: Mapping[str, Any], log: Callable[[str], None]
) -> list[Found]:
    """The clusters that carry ``tags``, of every region and account; of the own account where no role is named.

    Raises Refused: half of an inventory would be taken for all of it.
    """
    found: list[Found] = []
    roles: Sequence[str | None] = role_arns or [None]
    for role_arn in roles:
        for region in regions:
            aws = Aws(region, role_arn, "inventory", log, PATIENCE)
            found += [each for each in aws.clusters() if each.has(tags)]
    return found


def _configuration(eks: Eks, aws: Aws) -> Any:
    from kubernetes import config
    from kubernetes.client import Configuration

    session = aws.session()
    described = _described(eks, aws, session)
    sessions = [session]

    def make(patience: Patience | None) -> str:
        # The credentials of a role end after an hour, and others may have been renewed since.
        renewing = replace(aws, patience=patience or aws.patience)
        return renewing.token(sessions.pop() if sessions else renewing.session(), eks.name)

    token = Token(make, aws.seconds)
    configuration = Configuration()
    config.load_kube_config_from_dict(
        core.kubeconfig(eks, described, token.current()),
        client_configuration=configuration,
        persist_config=False,
    )

    def renewed(told: Any) -> None:
        told.api_key["BearerToken"] = f"Bearer {token.current()}"

    configuration.refresh_api_key_hook = renewed
    return configuration


def _described(eks: Eks, aws: Aws, session: Any) -> Mapping[str, Any]:
    described = aws.described(session, eks.name)
    if wrong := core.not_answering(eks, described):
        raise Refused(wrong)
    return described


def _boto3() -> Any:
    try:
        import boto3
    except ImportError as error:
        raise Refused(
            Problem(
                "boto3-missing",
                "A cluster that is named by meshroll_cluster.eks is reached with boto3, which is not installed.",
                "pip install 'meshroll[eks]', into the environment that meshroll runs in.",
            )
        ) from error
    return boto3


def _known_regions() -> frozenset[str]:
    """The regions, of every partition, that this boto3 has heard of."""
    from botocore.loaders import create_loader

    partitions = create_loader().load_data("endpoints")["partitions"]
    return frozenset(region for partition in partitions for region in partition["regions"])
