from __future__ import annotations

import json

import pytest

from infra.bundle import DEMO_BUNDLE
from photo_search.settings import SETTING_NAMES
from tests.infra.variants import VARIANTS

pytestmark = pytest.mark.infra


@pytest.mark.parametrize("name", VARIANTS)
def test_its_variables_are_settings(variant, name):
    variables = variant(name).search_function()["Environment"]["Variables"]

    assert set(variables) <= set(SETTING_NAMES)
    assert {"MODEL_DIR", "INDEX_URL", "PHOTOS_URL", "THUMBS_URL", "PRELOAD"} <= set(variables)
    assert len(json.dumps(variables)) < 4096  # Lambda takes 4 KB


def test_it_signs_for_a_domain_and_reads_an_embedded_index_from_s3(variant):
    domain = variant("dev").search_function()["Environment"]["Variables"]
    embedded = variant("embedded").search_function()["Environment"]["Variables"]

    assert domain["INDEX_AUTH"] == "sigv4"
    assert domain["INDEX_URL"]["Fn::Join"][1][0] == "https://"
    assert domain["INDEX_URL"]["Fn::Join"][1][2] == "/photos"
    assert "INDEX_AUTH" not in embedded
    assert embedded["INDEX_URL"]["Fn::Join"][1][0] == "s3://"
    assert embedded["INDEX_URL"]["Fn::Join"][1][2] == "/photos.db"


def test_an_open_api_downloads_no_pictures(variant):
    allowed = {
        name: variant(name).search_function()["Environment"]["Variables"]["ALLOW_IMAGE_URL"]
        for name in ("dev", "key", "none")
    }

    assert allowed == {"dev": "true", "key": "true", "none": "false"}


def test_it_is_one_vcpu_bounded_in_time_and_number_and_traced(variant):
    function = variant("dev").search_function()

    assert function["MemorySize"] == 1769
    assert function["Timeout"] == 29
    assert function["ReservedConcurrentExecutions"] == 10
    assert variant("production").search_function()["ReservedConcurrentExecutions"] == 100
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["Architectures"] == ["x86_64"]
    assert function["PackageType"] == "Image"


def test_its_log_is_forgotten_after_a_while(variant):
    for name, days in (("dev", 14), ("production", 90)):
        groups = variant(name).of_type("AWS::Logs::LogGroup")
        logical_id = variant(name).search_function()["LoggingConfig"]["LogGroup"]["Ref"]

        assert groups[logical_id]["RetentionInDays"] == days
        assert all("RetentionInDays" in group for group in groups.values())


def test_the_api_asks_an_alias_of_a_published_version(variant):
    dev = variant("dev")
    (alias_id,) = dev.of_type("AWS::Lambda::Alias")
    version = dev.one("AWS::Lambda::Alias")["FunctionVersion"]["Fn::GetAtt"][0]

    assert dev.one("AWS::Lambda::Alias")["Name"] == "live"
    assert dev.template["Resources"][version]["Type"] == "AWS::Lambda::Version"
    integration = dev.one("AWS::ApiGatewayV2::Integration")
    assert integration["IntegrationUri"] == {"Ref": alias_id}
    assert integration["PayloadFormatVersion"] == "2.0"


def test_snapshots_and_kept_copies_are_there_when_they_are_asked_for(variant):
    assert "SnapStart" not in variant("dev").search_function()
    assert variant("cpu").search_function()["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert "ProvisionedConcurrencyConfig" not in variant("dev").one("AWS::Lambda::Alias")


def test_sam_finds_the_image(variant):
    (metadata,) = (
        resource["Metadata"]
        for resource in variant("dev").template["Resources"].values()
        if resource.get("Metadata", {}).get("aws:asset:dockerfile-path") == "lambda_src/Dockerfile"
    )

    assert metadata["aws:asset:property"] == "Code.ImageUri"
    assert metadata["aws:asset:docker-build-args"]["BUNDLE"] in (DEMO_BUNDLE, "build/bundle")
    context = variant("dev").directory / metadata["aws:asset:path"]
    assert (context / "lambda_src/lambda_entry.py").is_file()
    assert (context / "lambda_src/Dockerfile").is_file()
    assert not (context / "tests").exists()
    assert not (context / "ingest").exists()


def test_only_the_api_may_call_it_and_there_is_no_way_round(variant):
    for name in VARIANTS:
        template = variant(name)
        (alias_id,) = template.of_type("AWS::Lambda::Alias")
        (api_id,) = template.of_type("AWS::ApiGatewayV2::Api")
        to_search = [
            permission
            for permission in template.of_type("AWS::Lambda::Permission").values()
            if permission["FunctionName"] == {"Ref": alias_id}
        ]

        assert len(to_search) == 5
        for permission in to_search:
            assert permission["Principal"] == "apigateway.amazonaws.com"
            assert {"Ref": api_id} in permission["SourceArn"]["Fn::Join"][1]
        assert template.of_type("AWS::Lambda::Url") == {}
        functions = template.of_type("AWS::Lambda::Function")
        named = [
            permission["FunctionName"]
            for permission in template.of_type("AWS::Lambda::Permission").values()
        ]
        search_ids = [key for key, one in functions.items() if one == template.search_function()]
        assert {"Fn::GetAtt": [search_ids[0], "Arn"]} not in named
        assert {"Ref": search_ids[0]} not in named


def test_in_a_vpc_it_lies_in_private_subnets(variant):
    assert "VpcConfig" not in variant("dev").search_function()
    subnets = variant("vpc").search_function()["VpcConfig"]["SubnetIds"]
    names = [subnet["Ref"] for subnet in subnets]

    assert len(names) == 2
    public = {
        key: subnet["MapPublicIpOnLaunch"]
        for key, subnet in variant("vpc").of_type("AWS::EC2::Subnet").items()
    }
    assert not any(public[name] for name in names)
