from __future__ import annotations

from typing import Any

import pytest

from photo_search.settings import SETTING_NAMES
from tests.infra.synthesis import synthesised
from tests.infra.template_values import TemplateValues

pytestmark = pytest.mark.infra

Json = dict[str, Any]


@pytest.fixture(scope="module")
def template() -> Json:
    return synthesised()


@pytest.fixture(scope="module")
def resources(template: Json) -> Json:
    found: Json = template["Resources"]
    return found


@pytest.fixture(scope="module")
def writer(resources: Json) -> Json:
    return writer_of(resources)


def writer_of(resources: Json) -> Json:
    (found,) = (
        one["Properties"]
        for one in resources.values()
        if one["Type"] == "AWS::Lambda::Function"
        and one["Properties"].get("ImageConfig", {}).get("Command")
        == ["ingest.cloud.new_photos.handler"]
    )
    function: Json = found
    return function


def mapping_of(resources: Json) -> Json:
    (found,) = (
        one["Properties"]
        for one in resources.values()
        if one["Type"] == "AWS::Lambda::EventSourceMapping"
    )
    mapping: Json = found
    return mapping


def queues(resources: Json) -> tuple[Json, Json]:
    """The queue that the writer takes from, and the one for what fails again and again."""
    queue = resources[mapping_of(resources)["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
    dead = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    return queue, resources[dead]["Properties"]


def rule_of(resources: Json) -> Json:
    (found,) = (
        one["Properties"]
        for one in resources.values()
        if one["Type"] == "AWS::Events::Rule"
        and one["Properties"].get("EventPattern", {}).get("source") == ["aws.s3"]
    )
    rule: Json = found
    return rule


def test_the_photos_bucket_tells_eventbridge_of_what_comes_and_goes(resources):
    bucket = rule_of(resources)["EventPattern"]["detail"]["bucket"]["name"][0]["Ref"]

    told = resources[bucket]["Properties"]["NotificationConfiguration"]
    assert told["EventBridgeConfiguration"] == {"EventBridgeEnabled": True}
    pattern = rule_of(resources)["EventPattern"]
    assert pattern["detail-type"] == ["Object Created", "Object Deleted"]


def test_the_rule_sends_the_whole_event_to_the_queue_in_one_group(resources):
    (target,) = rule_of(resources)["Targets"]

    assert target["Arn"] == mapping_of(resources)["EventSourceArn"]
    assert target["SqsParameters"] == {"MessageGroupId": "photos"}
    # Cut down to its key, an event would pass for the repeat of an earlier one of the same photo.
    assert not {"Input", "InputPath", "InputTransformer"} & target.keys()


def test_the_queue_keeps_order_drops_second_deliveries_and_is_encrypted(resources):
    for queue in queues(resources):
        assert queue["FifoQueue"] is True
        assert queue["ContentBasedDeduplication"] is True
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_what_fails_five_times_goes_to_the_dead_letters(resources):
    queue, dead = queues(resources)

    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert "RedrivePolicy" not in dead


def test_a_batch_is_not_handed_out_again_while_the_writer_may_still_be_at_it(resources, writer):
    queue, _ = queues(resources)

    assert queue["VisibilityTimeout"] >= 6 * writer["Timeout"]
    assert writer["Timeout"] >= 60


def test_the_writer_takes_ten_at_once_and_tells_which_of_them_failed(resources):
    mapping = mapping_of(resources)

    assert mapping["BatchSize"] == 10
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # It would have Lambda wait for a full batch, which a FIFO queue does not allow.
    assert "MaximumBatchingWindowInSeconds" not in mapping


def test_there_is_one_writer_at_a_time(writer):
    assert writer["ReservedConcurrentExecutions"] == 1


def test_the_writer_is_the_ingest_image_with_lambdas_runtime_client_in_front(writer):
    assert writer["PackageType"] == "Image"
    assert writer["ImageConfig"] == {
        "EntryPoint": ["python3", "-m", "awslambdaric"],
        "Command": ["ingest.cloud.new_photos.handler"],
    }
    assert writer["Architectures"] == ["x86_64"]


def test_the_writer_has_room_for_an_image_tower_and_the_largest_embedded_index_three_times(writer):
    search_tmp_mb, copies_of_a_search, copies_of_the_writer = 512, 2, 3

    assert writer["MemorySize"] == 3538
    most_mb = copies_of_the_writer * search_tmp_mb / copies_of_a_search
    assert writer["EphemeralStorage"]["Size"] > 2 * most_mb


def test_memory_is_configurable():
    assert writer_of(synthesised("writer_memory_mb=5000")["Resources"])["MemorySize"] == 5000


@pytest.mark.parametrize("given", [(), ("index=embedded",)], ids=["domain", "embedded"])
def test_the_variables_are_names_of_settings_and_lead_to_everything(given):
    template = synthesised(*given)
    values = TemplateValues(template, region="us-east-1")

    environment = values.resolve(writer_of(template["Resources"])["Environment"]["Variables"])

    assert environment.keys() <= set(SETTING_NAMES)
    needed = {"MODEL_DIR", "INDEX_URL", "WORK_URL", "PHOTOS_URL", "THUMBS_URL"}
    assert environment.keys() - {"INDEX_AUTH"} == needed
    assert environment.get("INDEX_AUTH") == (None if given else "sigv4")


def test_the_writers_log_is_kept_for_a_while(resources, writer):
    group = resources[writer["LoggingConfig"]["LogGroup"]["Ref"]]

    assert group["Properties"]["RetentionInDays"] == 14


def test_in_a_vpc_the_writer_lies_in_private_subnets():
    resources = synthesised("vpc=true")["Resources"]

    subnets = writer_of(resources)["VpcConfig"]["SubnetIds"]
    assert len(subnets) >= 2
    assert not any(
        resources[one["Ref"]]["Properties"].get("MapPublicIpOnLaunch") for one in subnets
    )
