from __future__ import annotations

import json

import pytest

from infra.photo_index import ENGINE_VERSION
from local.opensearch_server.releases import DEFAULT_VERSION
from tests.infra.variants import VARIANTS, Json, Variant

pytestmark = pytest.mark.infra

KIND = "AWS::OpenSearchService::Domain"
WITH_DOMAIN = [name for name in VARIANTS if name != "embedded"]


@pytest.mark.parametrize("name", WITH_DOMAIN)
def test_it_is_encrypted_at_rest_between_nodes_and_on_the_way(variant, name):
    domain = variant(name).one(KIND)

    assert domain["EncryptionAtRestOptions"]["Enabled"] is True
    assert domain["NodeToNodeEncryptionOptions"]["Enabled"] is True
    assert domain["DomainEndpointOptions"] == {
        "EnforceHTTPS": True,
        "TLSSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10",
    }


def test_its_version_is_the_one_that_the_tests_run(variant):
    assert variant("dev").one(KIND)["EngineVersion"] == f"OpenSearch_{ENGINE_VERSION}"
    assert DEFAULT_VERSION.startswith(f"{ENGINE_VERSION}.")


def test_dev_is_one_node_in_one_zone(variant):
    cluster = variant("dev").one(KIND)["ClusterConfig"]

    assert cluster["InstanceType"] == "t3.small.search"
    assert cluster["InstanceCount"] == 1
    assert cluster["DedicatedMasterEnabled"] is False
    assert cluster["ZoneAwarenessEnabled"] is False


def test_production_is_three_nodes_in_three_zones_with_managers(variant):
    cluster = variant("production").one(KIND)["ClusterConfig"]

    assert cluster["InstanceCount"] == 3
    assert cluster["ZoneAwarenessEnabled"] is True
    assert cluster["ZoneAwarenessConfig"] == {"AvailabilityZoneCount": 3}
    assert cluster["DedicatedMasterEnabled"] is True
    assert cluster["DedicatedMasterCount"] == 3
    assert cluster["MultiAZWithStandbyEnabled"] is False


def test_production_outlives_its_stack_and_dev_does_not(variant):
    def policies(kind: str, name: str) -> set[str]:
        return {
            resource[when]
            for resource in variant(name).template["Resources"].values()
            if resource["Type"] == kind and "page/" not in json.dumps(resource)
            for when in ("DeletionPolicy", "UpdateReplacePolicy")
        }

    for kind in (KIND, "AWS::S3::Bucket", "AWS::Cognito::UserPool"):
        assert policies(kind, "production") == {"Retain"}
        assert policies(kind, "dev") == {"Delete"}


def test_its_logs_are_published_and_the_service_may_write_them(variant):
    dev = variant("dev")
    published = dev.one(KIND)["LogPublishingOptions"]

    assert {kind for kind, options in published.items() if options["Enabled"]} == {
        "ES_APPLICATION_LOGS",
        "INDEX_SLOW_LOGS",
        "SEARCH_SLOW_LOGS",
    }
    policy = json.dumps(dev.one("AWS::Logs::ResourcePolicy")["PolicyDocument"])
    assert "es.amazonaws.com" in policy
    for options in published.values():
        assert options["CloudWatchLogsLogGroupArn"]["Fn::GetAtt"][0] in policy
    (domain,) = (r for r in dev.template["Resources"].values() if r["Type"] == KIND)
    (policy_id,) = dev.of_type("AWS::Logs::ResourcePolicy")
    assert policy_id in domain["DependsOn"]


def statements(variant: Variant) -> list[Json]:
    found: list[Json] = variant.one(KIND)["AccessPolicies"]["Statement"]
    return found


@pytest.mark.parametrize("name", WITH_DOMAIN)
def test_nobody_is_let_in_by_a_star(variant, name):
    for statement in statements(variant(name)):
        assert statement["Principal"]["AWS"] not in ("*", ["*"])
        if statement["Effect"] == "Allow":
            assert "*" not in json.dumps(statement["Action"])


def test_principals_of_the_configuration_are_let_in_as_what_they_are(variant):
    named: dict[str, set[str]] = {"ops": set(), "loader": set()}
    for statement in statements(variant("production")):
        for name, actions in named.items():
            if statement["Effect"] == "Allow" and f":role/{name}" in json.dumps(statement):
                actions |= {statement["Action"]}

    assert named["ops"] == {f"es:ESHttp{verb}" for verb in ("Get", "Post", "Put", "Delete")}
    assert named["loader"] == {f"es:ESHttp{verb}" for verb in ("Get", "Post", "Put")}
    assert ":role/ops" not in json.dumps(statements(variant("dev")))


def test_the_body_of_a_bulk_request_cannot_name_another_index(variant):
    options = variant("dev").one(KIND)["AdvancedOptions"]

    assert options["rest.action.multi.allow_explicit_index"] == "false"


def test_in_a_vpc_it_lies_in_private_subnets_and_lets_its_own_in_alone(variant):
    vpc = variant("vpc")
    options = vpc.one(KIND)["VPCOptions"]
    (group,) = options["SecurityGroupIds"]
    let_in = [
        rule
        for rule in vpc.of_type("AWS::EC2::SecurityGroupIngress").values()
        if rule["GroupId"] == group
    ]

    assert len(options["SubnetIds"]) == 1
    assert "VPCOptions" not in variant("dev").one(KIND)
    assert len(let_in) == 3  # searches, the writer, the job
    assert all(rule["FromPort"] == rule["ToPort"] == 443 for rule in let_in)
    assert all("SourceSecurityGroupId" in rule for rule in let_in)


def test_an_embedded_index_has_no_domain_and_a_bucket_of_its_own(variant):
    assert variant("embedded").of_type(KIND) == {}
    more = len(variant("embedded").of_type("AWS::S3::Bucket")) - len(
        variant("dev").of_type("AWS::S3::Bucket")
    )
    assert more == 1
