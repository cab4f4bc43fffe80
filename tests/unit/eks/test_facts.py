"""What AWS says of a cluster: clusters, node groups, Fargate and EC2 by moto, what moto has not by a script."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from unit.eks.conftest import REGION, Answer, Asking, Scripted, ec2_refused, refused

from meshroll.adapters import cluster_access, eks_facts
from meshroll.adapters.aws import Aws
from meshroll.core.eks_facts import Addon, EksFacts, FargateProfile, Ingress, Selector, Support
from meshroll.core.errors import Refused
from meshroll.core.facts import Hidden, Unseen
from meshroll.core.settings import Cluster, Eks

ROOT = Path(__file__).parents[3]
PROD = Eks(name="prod", region=REGION)
DAY = datetime.date(2026, 3, 1)
ARN = "arn:aws:iam::123456789012:role/eks"
Json = dict[str, Any]


def see(asking: Asking) -> EksFacts:
    return eks_facts.see(PROD, asking.aws(), DAY)


@pytest.fixture
def ec2(moto: str) -> Any:
    return boto3.client("ec2", REGION)


@pytest.fixture
def subnet(ec2: Any) -> str:
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made: str = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    return made


def group(ec2: Any, subnet: str, name: str, *permissions: Json) -> str:
    (found,) = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    made: str = ec2.create_security_group(GroupName=name, Description=name, VpcId=found["VpcId"])["GroupId"]
    if permissions:
        ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=list(permissions))
    return made


def cluster(subnet: str, *groups: str) -> None:
    boto3.client("eks", REGION).create_cluster(
        name="prod",
        version="1.33",
        roleArn=ARN,
        resourcesVpcConfig={"subnetIds": [subnet], "securityGroupIds": list(groups)},
        kubernetesNetworkConfig={"serviceIpv4Cidr": "172.20.0.0/16"},
    )


def node(ec2: Any, subnet: str, *groups: str, of: str = "prod") -> str:
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    (made,) = ec2.run_instances(
        ImageId=image,
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        SecurityGroupIds=list(groups),
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": f"kubernetes.io/cluster/{of}", "Value": "owned"}],
            }
        ],
    )["Instances"]
    identifier: str = made["InstanceId"]
    return identifier


def of_group(port: int, source: str) -> Json:
    return {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "UserIdGroupPairs": [{"GroupId": source}],
    }


def test_a_cluster_is_described_with_its_network_and_its_groups(
    ec2: Any, subnet: str, asking: Asking
) -> None:
    control = group(ec2, subnet, "control")
    cluster(subnet, control)
    facts = see(asking)
    assert (facts.name, facts.version, facts.status, facts.day) == ("prod", "1.33", "ACTIVE", DAY)
    assert facts.control_plane_groups == {control}


def test_ports_that_the_nodes_groups_keep_shut_for_the_control_plane_are_found(
    ec2: Any, subnet: str, asking: Asking
) -> None:
    control = group(ec2, subnet, "control")
    cluster(subnet, control)
    half = group(ec2, subnet, "half", of_group(8443, control))
    other = group(ec2, subnet, "other", of_group(9443, group(ec2, subnet, "stranger")))
    shut = node(ec2, subnet, half, other)
    open_one = node(ec2, subnet, half, group(ec2, subnet, "rest", of_group(9443, control)))
    node(ec2, subnet, other, of="another-cluster")
    ended = node(ec2, subnet, other)
    ec2.terminate_instances(InstanceIds=[ended])
    facts = see(asking)
    assert not isinstance(facts.nodes, Hidden)
    assert set(facts.nodes) == {shut, open_one}
    assert facts.closed(8443) == {}
    assert facts.closed(9443) == {frozenset({half, other}): [shut]}


def test_fargate_profiles_come_with_their_selectors_and_node_groups_with_their_status(
    ec2: Any, subnet: str, asking: Asking
) -> None:
    cluster(subnet)
    client = boto3.client("eks", REGION)
    client.create_fargate_profile(
        fargateProfileName="batch",
        clusterName="prod",
        podExecutionRoleArn=ARN,
        subnets=[subnet],
        selectors=[{"namespace": "batch-*"}, {"namespace": "charging", "labels": {"on": "fargate"}}],
    )
    client.create_nodegroup(
        clusterName="prod",
        nodegroupName="main",
        subnets=[subnet],
        nodeRole=ARN,
    )
    facts = see(asking)
    assert facts.fargate_profiles == (
        FargateProfile("batch", (Selector("batch-*"), Selector("charging", {"on": "fargate"}))),
    )
    assert not isinstance(facts.nodegroups, Hidden)
    (found,) = facts.nodegroups
    assert (found.name, found.status) == ("main", "ACTIVE")


def test_a_deleted_cluster_has_no_facts(moto: str, asking: Asking) -> None:
    with pytest.raises(Refused) as raised:
        see(asking)
    assert raised.value.problems[0].code == "eks-cluster-unknown"


def test_a_look_goes_on_without_an_aws_that_cannot_be_asked(moto: str, asking: Asking) -> None:
    def ask(cluster: Cluster) -> EksFacts | Hidden:
        return cluster_access.asked_of_aws(cluster, "run", asking.said.append, 1.0, DAY)

    by_context = ask(Cluster(context="prod"))
    assert by_context == Hidden("AWS is asked where the inventory has meshroll_cluster.eks")
    gone = ask(Cluster(eks=PROD))
    assert isinstance(gone, Hidden)
    assert gone.reason.startswith("There is no EKS cluster prod in eu-central-1")


# -- what moto has not ------------------------------------------------------------------------------------------------

DESCRIBED = {
    "name": "prod",
    "version": "1.33",
    "status": "UPDATING",
    "endpoint": "https://prod.example",
    "upgradePolicy": {"supportType": "STANDARD"},
    "health": {"issues": [{"code": "Ec2SubnetNotFound", "message": "subnet-1 is gone"}]},
    "resourcesVpcConfig": {"clusterSecurityGroupId": "sg-1"},
}
NOTHING = {
    "/clusters/prod": {"cluster": DESCRIBED},
    "/cluster-versions": {"clusterVersions": []},
    "/clusters/prod/addons": {"addons": []},
    "/clusters/prod/fargate-profiles": {"fargateProfileNames": []},
    "/clusters/prod/node-groups": {"nodegroups": []},
}


def scripting(**more: Json | Answer) -> Callable[[str], Answer]:
    """EKS that answers by path, and an EC2 without instances."""
    known = {**NOTHING, **more}

    def script(asked: str) -> Answer:
        path, _, rest = asked.partition("?")
        if path.startswith("/ "):
            return Answer(200, "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>")
        answer = known[f"{path}?{rest}" if f"{path}?{rest}" in known else path]
        return answer if isinstance(answer, Answer) else Answer(200, answer)

    return script


def test_addons_come_with_what_is_wrong_with_them_and_whether_they_fit(
    scripted: Scripted, asking: Asking
) -> None:
    def addon(name: str, version: str, *issues: Json) -> Json:
        return {
            "addon": {
                "addonName": name,
                "addonVersion": version,
                "status": "DEGRADED" if issues else "ACTIVE",
                "health": {"issues": list(issues)},
            }
        }

    listed = {"addons": [{"addonVersions": [{"addonVersion": "v1.20.4-eksbuild.2"}]}]}
    scripted.script = scripting(
        **{
            "/clusters/prod/addons": {"addons": ["aws-ebs-csi-driver", "vpc-cni", "gone"], "nextToken": "2"},
            "/clusters/prod/addons?nextToken=2": {"addons": ["coredns", "kube-proxy"]},
            "/clusters/prod/addons/vpc-cni": addon("vpc-cni", "v1.20.4-eksbuild.2"),
            "/clusters/prod/addons/kube-proxy": addon("kube-proxy", "v1.31.2-eksbuild.3"),
            "/clusters/prod/addons/coredns": addon(
                "coredns", "v1.11.4", {"code": "InsufficientNumberOfReplicas", "message": "no nodes"}
            ),
            "/addons/supported-versions": listed,
        }
    )
    facts = see(asking)
    assert facts.addons == (
        Addon("vpc-cni", "v1.20.4-eksbuild.2", "ACTIVE", (), True),
        Addon("coredns", "v1.11.4", "DEGRADED", ("InsufficientNumberOfReplicas: no nodes",), False),
        Addon("kube-proxy", "v1.31.2-eksbuild.3", "ACTIVE", (), False),
    )
    asked = next(each for each in scripted.asked if each.startswith("/addons/supported-versions"))
    assert "kubernetesVersion=1.33" in asked
    assert facts.issues == ("Ec2SubnetNotFound: subnet-1 is gone",)
    assert (facts.upgrade_policy, facts.status) == ("STANDARD", "UPDATING")
    assert facts.control_plane_groups == {"sg-1"}


def test_a_version_is_supported_until_the_day_that_aws_says(scripted: Scripted, asking: Asking) -> None:
    told = {
        "clusterVersion": "1.33",
        "endOfStandardSupportDate": "2026-07-28T17:00:00-07:00",
        "endOfExtendedSupportDate": "2027-07-28T17:00:00-07:00",
    }
    scripted.script = scripting(**{"/cluster-versions": {"clusterVersions": [told]}})
    assert see(asking).support == Support(datetime.date(2026, 7, 29), datetime.date(2027, 7, 29))
    scripted.script = scripting()
    assert see(asking).support == eks_facts.known_supports()["1.33"]


def test_what_the_account_may_not_read_is_hidden_and_the_rest_is_there(
    scripted: Scripted, asking: Asking
) -> None:
    no = refused("AccessDeniedException", "User arn:x may not", 403)
    scripted.script = scripting(
        **{"/clusters/prod/addons": no, "/cluster-versions": no, "/clusters/prod/fargate-profiles": no}
    )
    facts = see(asking)
    assert facts.addons == Hidden("AWS denies eks:ListAddons in eu-central-1: User arn:x may not")
    assert facts.support == eks_facts.known_supports()["1.33"]
    assert isinstance(facts.fargate_profiles, Hidden)
    assert (facts.nodegroups, facts.nodes, facts.rules) == ((), {}, {})


def test_versions_of_addons_that_may_not_be_listed_are_not_taken_for_unfit(
    scripted: Scripted, asking: Asking
) -> None:
    scripted.script = scripting(
        **{
            "/clusters/prod/addons": {"addons": ["vpc-cni"]},
            "/clusters/prod/addons/vpc-cni": {
                "addon": {"addonName": "vpc-cni", "addonVersion": "v1", "status": "ACTIVE"}
            },
            "/addons/supported-versions": refused("AccessDeniedException", "no", 403),
        }
    )
    assert see(asking).addons == (Addon("vpc-cni", "v1", "ACTIVE", (), None),)


def test_an_account_that_may_not_look_at_ec2_hides_nodes_alone(scripted: Scripted, asking: Asking) -> None:
    denied = ec2_refused("UnauthorizedOperation", "You may not.")
    eks = scripting()
    scripted.script = lambda asked: denied if "DescribeInstances" in asked else eks(asked)
    facts = see(asking)
    assert facts.nodes == Hidden("AWS denies ec2:DescribeInstances in eu-central-1: You may not")
    assert (facts.rules, facts.fargate_profiles) == ({}, ())
    with pytest.raises(Unseen, match="ec2:DescribeInstances"):
        facts.closed(8443)


def test_what_aws_is_asked_is_what_the_page_grants_and_nothing_more(
    scripted: Scripted, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    instances = (
        "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>"
        "<networkInterfaceSet><item><groupSet><item><groupId>sg-2</groupId></item></groupSet></item>"
        "</networkInterfaceSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>"
    )
    groups = "<DescribeSecurityGroupsResponse><securityGroupInfo/></DescribeSecurityGroupsResponse>"
    eks = scripting(
        **{
            "/clusters/prod/addons": {"addons": ["coredns"]},
            "/clusters/prod/addons/coredns": {
                "addon": {"addonName": "coredns", "addonVersion": "v1", "status": "ACTIVE"}
            },
            "/addons/supported-versions": {"addons": []},
            "/clusters/prod/fargate-profiles": {"fargateProfileNames": ["f"]},
            "/clusters/prod/fargate-profiles/f": {"fargateProfile": {"fargateProfileName": "f"}},
            "/clusters/prod/node-groups": {"nodegroups": ["n"]},
            "/clusters/prod/node-groups/n": {"nodegroup": {"nodegroupName": "n", "status": "ACTIVE"}},
        }
    )
    scripted.script = lambda path: (
        Answer(200, instances)
        if "DescribeInstances" in path
        else Answer(200, groups)
        if "DescribeSecurityGroups" in path
        else eks(path)
    )
    asked: set[str] = set()
    answered = Aws._answered

    def recorded(aws: Aws, action: str, cluster: str | None, ask: Callable[[], Any]) -> Any:
        asked.add(action)
        return answered(aws, action, cluster, ask)

    monkeypatch.setattr(Aws, "_answered", recorded)
    see(asking)
    granted = set(re.findall(r'"((?:eks|ec2):\w+)"', (ROOT / "docs/how-to/eks.md").read_text()))
    assert {action for action in asked if ":" in action} == granted - {"eks:ListClusters"}


def test_the_versions_that_this_meshroll_knows_follow_each_other() -> None:
    known = list(eks_facts.known_supports().values())
    assert known == sorted(known, key=lambda each: each.standard_until)
    assert all(each.standard_until < each.extended_until for each in known)


def test_rules_by_all_protocols_and_by_address_are_read(ec2: Any, subnet: str, asking: Asking) -> None:
    cluster(subnet)
    anywhere = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    wide = group(ec2, subnet, "wide", anywhere)
    node(ec2, subnet, wide)
    facts = see(asking)
    assert facts.rules == {wide: (Ingress("-1", 0, 65535, frozenset(), True),)}
    assert facts.closed(8443) == {}
