"""What a job for scheduled upgrades is told by the inventory."""

from __future__ import annotations

from typing import Any

import pytest

from meshroll.core.errors import UsageError
from meshroll.core.roles import roles
from meshroll.core.schedule import Start, files_of, job_of, starts_of
from meshroll.core.settings import parse

ACCOUNT = {"kind": "ServiceAccount", "namespace": "meshroll", "name": "meshroll-upgrade"}


def job(**variables: Any) -> Any:
    settings = parse({f"meshroll_{name}": value for name, value in variables.items()})
    return job_of(settings, "prod-eu", ACCOUNT)


def test_it_looks_at_the_start_of_each_window_in_its_timezone() -> None:
    windows = [
        {"starts": "02:00", "ends": "05:00", "days": ["thu", "tue"]},
        {"starts": "22:00", "ends": "01:00"},
    ]
    found = job(upgrade={"timezone": "Europe/Berlin", "windows": windows})
    assert starts_of([found, found]) == [
        Start("Europe/Berlin", "02:00", ("tue", "thu")),
        Start("Europe/Berlin", "22:00"),
    ]


def test_without_windows_it_looks_every_night() -> None:
    assert starts_of([job()]) == [Start("UTC", "03:00")]


@pytest.mark.parametrize(
    ("cluster", "reached"),
    [
        ({}, "pod"),
        ({"context": "prod"}, "kubeconfig"),
        ({"kubeconfig": "/k"}, "kubeconfig"),
        ({"eks": {"name": "prod", "region": "eu-west-1"}}, "aws"),
    ],
)
def test_only_the_pods_own_account_is_granted_something(cluster: dict[str, Any], reached: str) -> None:
    found = job(cluster=cluster, namespaces=[{"name": "charging"}])
    assert found.reached == reached
    granted = roles("upgrade", parse({"meshroll_namespaces": [{"name": "charging"}]}), ACCOUNT)
    assert found.roles == (granted if reached == "pod" else ())


def test_every_file_that_the_inventory_names_has_to_be_there_but_the_trust_anchors_key() -> None:
    issuer = {"certificate_file": "/i/crt", "key_file": "/i/key", "anchors_file": "/i/ca"}
    found = job(
        cluster={"context": "prod"},
        prometheus={"url": "https://p", "bearer_token_file": "~/token", "ca_file": "/p/ca"},
        catalogue="https://mirror.example/catalogue.yml",
        certificates={"anchor_key_file": "~/anchor.key", "issuer": issuer},
        gateway_api={"file": "~/gateway.yml"},
        notifications=[{"url_file": "~/slack", "template": "/t.j2"}, {"url": "https://hooks.example"}],
    )
    assert files_of([found, job()]) == sorted(
        [
            "/i/ca",
            "/i/crt",
            "/i/key",
            "/p/ca",
            "/t.j2",
            "~/.kube/config",
            "~/gateway.yml",
            "~/slack",
            "~/token",
        ]
    )


def test_a_path_that_means_something_else_where_the_job_runs_is_refused() -> None:
    with pytest.raises(UsageError, match=r"gateway\.yml"):
        job(gateway_api={"file": "gateway.yml"})
