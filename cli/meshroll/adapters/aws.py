"""AWS with whatever credentials its own settings name: sessions, roles, how long it is asked, and what is renewed.

boto3 is imported when it is needed: whoever uses nothing of AWS needs none.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from meshroll.adapters import clock
from meshroll.core import aws as core
from meshroll.core.errors import Problem, Refused
from meshroll.core.retry import Patience

Answer = TypeVar("Answer")
Value = TypeVar("Value")

CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 20.0
# What is about to end is waited for by every request, those that keep the lock included.
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

        Raises Refused: boto3-missing, or one of core.aws.problem.
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

    def credentials(self, session: Any) -> Any:
        """The session's, which may renew themselves. Raises Refused aws-credentials-missing among others."""

        def found() -> Any:
            from botocore.exceptions import NoCredentialsError

            credentials = session.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            return credentials

        return self.call("credentials", None, found)

    def _session(self, **credentials: str) -> Any:
        boto3 = boto3_module()
        import botocore.session

        own = botocore.session.get_session()
        # EKS does not take the one for all regions, whatever the user's AWS configuration says.
        own.set_config_variable("sts_regional_endpoints", "regional")
        # It would ask the terminal, which a run in the background waits for in vain.
        own.get_component("credential_provider").get_provider("assume-role")._prompter = _no_prompt
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
        answered = self._answered(asked, cluster, ask)
        if isinstance(answered, core.Said):
            # Not chained: what AWS says may repeat the request, with its session token.
            raise Refused(core.problem(answered))
        return answered

    def call_or_none(self, asked: str, cluster: str, ask: Callable[[], Answer]) -> Answer | None:
        """As ``call``, and None where it is gone: what was listed may be deleted before it is described."""
        answered = self._answered(asked, cluster, ask)
        if not isinstance(answered, core.Said):
            return answered
        if answered.is_of_what_is_gone:
            return None
        raise Refused(core.problem(answered))

    def _answered(self, asked: str, cluster: str | None, ask: Callable[[], Answer]) -> Answer | core.Said:
        boto3_module()
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        begun, tries = self.seconds(), 0
        while True:
            tries += 1
            try:
                return ask()
            except ClientError as error:
                told = error.response.get("Error", {})
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                refused = _refused(asked, error.operation_name)
                said = self._said(
                    told.get("Code", ""), told.get("Message", ""), int(status), refused, cluster
                )
            except (BotoCoreError, ResponseParserError) as error:
                said = self._said(type(error).__name__, str(error), 0, asked, cluster)
            except RuntimeError as error:
                # What botocore raises where renewed credentials are over already.
                said = self._said("ExpiredToken", str(error), 0, asked, cluster)
            except (OSError, ValueError, EOFError) as error:
                # A credential_process that is not there or answers no JSON, a web identity's file, a prompt for MFA.
                said = self._said("CredentialRetrievalError", str(error), 0, asked, cluster)
            wait_seconds = self.patience.wait_seconds(tries, self.seconds() - begun, random.random())
            if not said.passes or wait_seconds is None:
                return said
            self.log(f"{asked}: {said.code}; again in {wait_seconds:.1f} s")
            self.sleep(wait_seconds)

    def listed(
        self, asked: str, cluster: str | None, page: Callable[..., Any], key: str, **wanted: str
    ) -> list[Any]:
        """What stands under ``key`` in all pages of an answer."""
        found: list[Any] = []
        more: dict[str, str] = {}
        while True:
            answered = self.call(asked, cluster, partial(page, **wanted, **more))
            found += answered[key]
            # EC2 writes it with a capital.
            more = {key: answered[key] for key in ("nextToken", "NextToken") if answered.get(key)}
            if not more:
                return found

    def _said(self, code: str, message: str, status: int, asked: str, cluster: str | None) -> core.Said:
        known = self.region in _known_regions()
        return core.Said(code, message, status, asked, self.region, self.role_arn, cluster, known)


@dataclass
class Renewed(Generic[Value]):
    """What AWS gives for a while, made anew before it ends. ``make`` is given how long it may try.

    While the old one still counts, an AWS that does not answer is asked again a minute later, and nobody hears of it.
    Not safe for many threads.
    """

    make: Callable[[Patience | None], Value]
    renew_after_seconds: float
    counts_seconds: float
    seconds: Callable[[], float] = clock.seconds

    def __post_init__(self) -> None:
        self._made_at = self._asked_at = self.seconds()
        self._value = self.make(None)

    def current(self) -> Value:
        """Raises Refused where the old one is over and no new one can be made."""
        now = self.seconds()
        if now - self._made_at < self.renew_after_seconds:
            return self._value
        counts = now - self._made_at < self.counts_seconds
        if counts and now - self._asked_at < EARLY_PAUSE_SECONDS:
            return self._value
        self._asked_at = now
        try:
            self._value, self._made_at = self.make(EARLY_PATIENCE if counts else None), now
        except Refused:
            if not counts:
                raise
        return self._value


def _refused(asked: str, operation: str) -> str:
    """In IAM's words: not always what was asked for, because credentials may have to be got first."""
    if asked.endswith(f":{operation}"):
        return asked
    return f"sts:{operation}" if operation.startswith("AssumeRole") else operation


def _no_prompt(prompt: str) -> str:
    raise ValueError(f"nobody can be asked for it here: {prompt.strip(': ')}")


def boto3_module() -> Any:
    try:
        import boto3
    except ImportError as error:
        raise Refused(
            Problem(
                "boto3-missing",
                "The inventory names something of AWS, which is reached with boto3, and that is not installed.",
                "pip install 'boto3>=1.40', into the environment that meshroll runs in.",
            )
        ) from error
    return boto3


def _known_regions() -> frozenset[str]:
    """The regions, of every partition, that this boto3 has heard of."""
    from botocore.loaders import create_loader

    partitions = create_loader().load_data("endpoints")["partitions"]
    return frozenset(region for partition in partitions for region in partition["regions"])
