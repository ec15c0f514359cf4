from __future__ import annotations

from typing import Any

import pytest

from infra.images import MODEL_DIR
from ingest.arguments import parse_arguments
from tests.infra.synthesis import synthesised
from tests.infra.template_values import TemplateValues

pytestmark = pytest.mark.infra

Json = dict[str, Any]


@pytest.fixture(scope="module")
def template() -> Json:
    return synthesised()


def of_type(template: Json, kind: str) -> list[Json]:
    return [one["Properties"] for one in template["Resources"].values() if one["Type"] == kind]


def resources_of(template: Json, environment_type: str) -> Json:
    """Compute resources of the one environment of a type: ``SPOT`` or ``FARGATE``."""
    (found,) = (
        one["ComputeResources"]
        for one in of_type(template, "AWS::Batch::ComputeEnvironment")
        if one["ComputeResources"]["Type"] == environment_type
    )
    resources: Json = found
    return resources


def definition(template: Json, capability: str) -> Json:
    """The one job definition of a capability: ``EC2`` or ``FARGATE``."""
    (found,) = (
        one
        for one in of_type(template, "AWS::Batch::JobDefinition")
        if one["PlatformCapabilities"] == [capability]
    )
    return found


def requirements(job: Json) -> dict[str, str]:
    wanted = job["ContainerProperties"]["ResourceRequirements"]
    return {one["Type"]: one["Value"] for one in wanted}


# --- the machines ---


def test_machines_with_a_gpu_are_spot_of_three_families_and_none_while_idle(template):
    resources = resources_of(template, "SPOT")

    assert resources["InstanceTypes"] == ["g4dn", "g5", "g6"]
    assert (resources["MinvCpus"], resources["MaxvCpus"]) == (0, 16)
    assert resources["AllocationStrategy"] == "SPOT_PRICE_CAPACITY_OPTIMIZED"


def test_their_system_is_amazon_linux_2023_with_nvidias_driver_and_kept_new(template):
    resources = resources_of(template, "SPOT")

    assert resources["Ec2Configuration"] == [{"ImageType": "ECS_AL2023_NVIDIA"}]
    assert resources["UpdateToLatestImageVersion"] is True


def test_a_container_cannot_reach_its_machines_credentials_and_disks_are_encrypted(template):
    ((machine, properties),) = (
        (logical_id, one["Properties"])
        for logical_id, one in template["Resources"].items()
        if one["Type"] == "AWS::EC2::LaunchTemplate"
    )

    data = properties["LaunchTemplateData"]
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    (disk,) = data["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True
    used = resources_of(template, "SPOT")["LaunchTemplate"]
    assert used["LaunchTemplateId"] == {"Ref": machine}


def test_no_way_leads_in_and_only_https_leads_out(template):
    ((group_id, group),) = (
        (logical_id, one["Properties"])
        for logical_id, one in template["Resources"].items()
        if one["Type"] == "AWS::EC2::SecurityGroup"
        and "ingest job" in one["Properties"]["GroupDescription"]
    )

    assert "SecurityGroupIngress" not in group
    assert [(one["FromPort"], one["ToPort"]) for one in group["SecurityGroupEgress"]] == [
        (443, 443)
    ]
    for kind in ("SPOT", "FARGATE"):
        used = resources_of(template, kind)["SecurityGroupIds"]
        assert used == [{"Fn::GetAtt": [group_id, "GroupId"]}]
    assert not any(
        group_id in str(one) for one in of_type(template, "AWS::EC2::SecurityGroupIngress")
    )


def test_there_is_no_gateway_that_costs_by_the_hour_and_s3_is_reached_by_one_that_does_not(
    template,
):
    (endpoint,) = of_type(template, "AWS::EC2::VPCEndpoint")

    assert of_type(template, "AWS::EC2::NatGateway") == []
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert "s3" in str(endpoint["ServiceName"])


def test_both_kinds_run_in_public_subnets_with_addresses_of_their_own(template):
    public = {
        logical_id
        for logical_id, one in template["Resources"].items()
        if one["Type"] == "AWS::EC2::Subnet" and one["Properties"].get("MapPublicIpOnLaunch")
    }
    for kind in ("SPOT", "FARGATE"):
        assert {one["Ref"] for one in resources_of(template, kind)["Subnets"]} == public
    network = definition(template, "FARGATE")["ContainerProperties"]["NetworkConfiguration"]
    assert network == {"AssignPublicIp": "ENABLED"}


# --- the queues ---


def test_a_job_that_can_never_run_is_cancelled_soon_and_one_without_capacity_after_hours(template):
    queues = of_type(template, "AWS::Batch::JobQueue")

    assert len(queues) == 2
    for queue in queues:
        limits = {one["Reason"]: one for one in queue["JobStateTimeLimitActions"]}
        assert {(one["State"], one["Action"]) for one in limits.values()} == {
            ("RUNNABLE", "CANCEL")
        }
        seconds = {reason: one["MaxTimeSeconds"] for reason, one in limits.items()}
        assert seconds == {
            "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": 600,
            "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": 600,
            "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": 21_600,
        }


# --- the jobs ---


def test_a_job_takes_one_gpu_and_fits_the_smallest_machine_of_each_family(template):
    wanted = requirements(definition(template, "EC2"))

    assert wanted["GPU"] == "1"
    assert int(wanted["VCPU"]) <= 4
    assert int(wanted["MEMORY"]) <= 15 * 1024


def test_the_variant_without_a_gpu_asks_for_what_fargate_has(template):
    job = definition(template, "FARGATE")

    # 4 vCPUs come with 8 to 30 GiB: "Fargate task size" in ECS's guide.
    assert requirements(job) == {"VCPU": "4", "MEMORY": "8192"}
    platform = job["ContainerProperties"]["RuntimePlatform"]
    assert platform["CpuArchitecture"] == "X86_64"


@pytest.mark.parametrize("capability", ["EC2", "FARGATE"])
def test_a_reclaimed_machine_and_exit_code_75_are_tried_again_and_nothing_else_is(
    template, capability
):
    job = definition(template, capability)

    assert job["RetryStrategy"] == {
        "Attempts": 5,
        "EvaluateOnExit": [
            {"Action": "RETRY", "OnStatusReason": "Host EC2*"},
            {"Action": "RETRY", "OnExitCode": "75"},
            {"Action": "EXIT", "OnReason": "*"},
        ],
    }
    assert job["Timeout"] == {"AttemptDurationSeconds": 12 * 60 * 60}


@pytest.mark.parametrize("capability", ["EC2", "FARGATE"])
def test_a_job_is_told_where_everything_lies(template, capability):
    values = TemplateValues(template, region="us-east-1")
    container = definition(template, capability)["ContainerProperties"]

    environment = {one["Name"]: values.resolve(one["Value"]) for one in container["Environment"]}
    command = values.resolve(container["Command"])
    assert command == [
        *("ingest", "bucket", environment["PHOTOS_URL"]),
        *("--work", environment["WORK_URL"], "--thumbs", environment["THUMBS_URL"]),
    ]
    assert environment["MODEL_DIR"] == MODEL_DIR
    assert environment["INDEX_URL"].endswith(".us-east-1.es.amazonaws.com/photos")
    assert environment["INDEX_AUTH"] == "sigv4"


@pytest.mark.parametrize("more", [[], ["--part", "auto", "--parts", "4"]], ids=["whole", "part"])
def test_the_command_line_takes_the_jobs_command_and_what_a_submission_adds(template, more):
    values = TemplateValues(template, region="us-east-1")
    command = values.resolve(definition(template, "EC2")["ContainerProperties"]["Command"])

    arguments = parse_arguments([*command, *more])

    assert (arguments.verb, str(arguments.path)) == ("bucket", command[2])
    assert (arguments.part, arguments.parts) == (("auto", 4) if more else (None, None))


def test_logs_of_both_kinds_are_kept_for_a_while_in_one_group(template):
    options = [
        definition(template, one)["ContainerProperties"]["LogConfiguration"]["Options"]
        for one in ("EC2", "FARGATE")
    ]

    (group,) = {one["awslogs-group"]["Ref"] for one in options}
    assert {one["awslogs-stream-prefix"] for one in options} == {"gpu", "cpu"}
    assert template["Resources"][group]["Properties"]["RetentionInDays"] == 14


def test_each_kind_has_an_image_of_its_own(template):
    images = [
        definition(template, one)["ContainerProperties"]["Image"]["Fn::Sub"].rpartition(":")[2]
        for one in ("EC2", "FARGATE")
    ]

    assert images[0] != images[1]
    writers = [
        one["Code"]["ImageUri"]["Fn::Sub"].rpartition(":")[2]
        for one in of_type(template, "AWS::Lambda::Function")
        if "WORK_URL" in one.get("Environment", {}).get("Variables", {})
    ]
    assert writers == [images[1]]


def test_where_gpu_is_false_only_the_variant_without_is_there():
    template = synthesised("gpu=false")

    assert [
        one["PlatformCapabilities"] for one in of_type(template, "AWS::Batch::JobDefinition")
    ] == [["FARGATE"]]
    assert len(of_type(template, "AWS::Batch::JobQueue")) == 1
    assert of_type(template, "AWS::EC2::LaunchTemplate") == []
    assert {"CpuJobQueue", "CpuJobDefinition"} <= template["Outputs"].keys()
    assert not {"JobQueue", "JobDefinition"} & template["Outputs"].keys()


def test_with_an_embedded_index_the_job_is_told_of_a_file_in_s3_and_of_no_signing():
    template = synthesised("index=embedded")
    values = TemplateValues(template, region="us-east-1")
    container = definition(template, "FARGATE")["ContainerProperties"]
    environment = {one["Name"]: values.resolve(one["Value"]) for one in container["Environment"]}

    assert environment["INDEX_URL"].startswith("s3://")
    assert environment["INDEX_URL"].endswith("/photos.db")
    assert "INDEX_AUTH" not in environment


def test_in_a_vpc_the_domain_lets_the_job_and_the_writer_in_by_https():
    template = synthesised("vpc=true")

    told = {
        (one["Description"], one["FromPort"], one["ToPort"])
        for one in of_type(template, "AWS::EC2::SecurityGroupIngress")
    }
    assert {("the ingest job", 443, 443), ("new photos", 443, 443)} <= told
