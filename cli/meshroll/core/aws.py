"""What AWS means by its errors, and the name of the sessions that are asked of it; nothing is asked here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from meshroll.core.errors import Problem

SESSION_NAME_CHARACTERS_MAX = 64
# How long the credentials of an assumed role count, unless one asks for less.
ROLE_SECONDS = 3600.0

THROTTLING = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "RequestThrottled",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "LimitExceededException",
        "SlowDown",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"})
_EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "TokenRefreshRequired",
        "UnauthorizedSSOTokenError",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "LoginRefreshRequired",
        "LoginTokenLoadError",
    }
)
_INVALID = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "InvalidAccessKeyId",
    }
)
_MISSING = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "ProfileNotFound",
        "NoAuthTokenError",
        "ConfigParseError",
        "ConfigNotFound",
        "InvalidConfigError",
        "MetadataRetrievalError",
    }
)
_UNREACHABLE = frozenset(
    {
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ConnectionClosedError",
        "ProxyConnectionError",
        "HTTPClientError",
        "ResponseStreamingError",
        "IncompleteReadError",
        # Something on the way answers, and not AWS.
        "ResponseParserError",
        "SSLError",
    }
)


@dataclass(frozen=True)
class Said:
    """How AWS, or boto3 on the way to it, says no.

    ``code``: AWS' own error code, or the name of botocore's exception. ``status``: HTTP, 0 without an answer.
    ``asked``: "eks:DescribeCluster". ``region_known``: whether this boto3 has heard of the region.
    """

    code: str
    message: str
    status: int
    asked: str
    region: str
    role_arn: str | None = None
    cluster: str | None = None
    region_known: bool = True

    @property
    def passes(self) -> bool:
        """Whether the same call may be answered otherwise a little later."""
        away = self.code in _UNREACHABLE and self.code != "SSLError" and self.region_known
        return self.code in THROTTLING or away or self.status >= 500

    @property
    def is_of_access(self) -> bool:
        """Whether it is about who asks."""
        return self.code in _DENIED or self.is_of_credentials

    @property
    def is_of_credentials(self) -> bool:
        """Whether it is about them, and not about what they may do."""
        return self.code in _EXPIRED | _INVALID

    @property
    def is_of_what_is_gone(self) -> bool:
        """Whether EKS does not know the cluster, or a part of it."""
        of_eks = bool(self.cluster) and self.asked.startswith("eks:")
        return self.code == "ResourceNotFoundException" and of_eks

    @property
    def what(self) -> str:
        """The first line of AWS' message; further ones may repeat the request that was signed, with its token."""
        return self.message.strip().partition("\n")[0].rstrip(".")

    @property
    def whose(self) -> str:
        return f" as {self.role_arn}" if self.role_arn else ""


def error_code(header: str) -> str:
    """Of x-amzn-ErrorType, where a colon and the way to a schema may follow it."""
    return header.partition(":")[0]


def problem(said: Said) -> Problem:
    """What went wrong and what to do, by a code of its own."""
    what, whose = said.what, said.whose
    for codes, code, sentence, hint in (
        (
            THROTTLING,
            "aws-throttled",
            f"AWS turns {said.asked} in {said.region} away, because the account asks for too much: {what}.",
            "Run it again later, or with fewer clusters at once (--limit, ANSIBLE_FORKS).",
        ),
        (
            _EXPIRED,
            "aws-credentials-expired",
            f"The AWS credentials have expired ({said.asked}): {what}.",
            "Log in again (aws sso login, or new keys). Then `meshroll resume` goes on with what had begun.",
        ),
        (
            _INVALID,
            "aws-credentials-invalid",
            f"AWS does not take the credentials ({said.asked} in {said.region}): {what}.",
            "Are they the right ones, is this machine's clock right, and is the region enabled for the account?",
        ),
        (
            _MISSING,
            "aws-credentials-missing",
            f"No AWS credentials are found: {what}.",
            "Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where there is a role.",
        ),
    ):
        if said.code in codes:
            return Problem(code, sentence, hint)
    if said.code in _DENIED and said.asked.startswith("sts:AssumeRole"):
        # Without one of the inventory's it is one of the AWS profile or of the pod, which AWS' message names.
        return Problem(
            "aws-role-denied",
            f"The role{f' {said.role_arn}' if said.role_arn else ''} may not be assumed: {what}.",
            "Does the role's trust policy name who asks, and may they sts:AssumeRole?",
        )
    if said.code in _DENIED:
        return Problem(
            "aws-access-denied",
            f"AWS denies {said.asked} in {said.region}{whose}: {what}.",
            "docs/how-to/eks.md has the IAM policy that meshroll needs.",
        )
    if said.is_of_what_is_gone:
        return Problem(
            "eks-cluster-unknown",
            f"There is no EKS cluster {said.cluster} in {said.region}{whose}: {what}.",
            "Is it deleted, or in another region or account? See meshroll_cluster.eks, "
            "and refresh the cache of a dynamic inventory.",
        )
    if said.code in _UNREACHABLE and not said.region_known:
        return Problem(
            "aws-region-unknown",
            f"There is no region {said.region} that this boto3 knows, and nothing answers there: {what}.",
            "Is it spelled right (eu-central-1)? For a new region, a newer boto3 may help.",
        )
    if said.code in _UNREACHABLE or said.status >= 500:
        return Problem(
            "aws-unreachable",
            f"AWS does not answer {said.asked} in {said.region}: {what}.",
            "Is this machine allowed to reach it (proxy, VPC endpoints of eks and sts), and is the region right?",
        )
    return Problem(
        "aws-error",
        f"AWS refuses {said.asked} in {said.region}{whose}: {what or said.code} ({said.code}).",
        "See AWS' message; docs/how-to/eks.md says what meshroll asks for and why.",
    )


def session_name(run_id: str) -> str:
    """What CloudTrail shows for the assumed role: the run's own id, of characters that STS takes."""
    return re.sub(r"[^\w+=,.@-]", "-", f"meshroll-{run_id}", flags=re.ASCII)[:SESSION_NAME_CHARACTERS_MAX]
