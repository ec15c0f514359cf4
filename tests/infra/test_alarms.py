from __future__ import annotations

import json

import pytest

from handler import METRICS_NAMESPACE, SERVICE
from infra import watches
from tests.infra.variants import VARIANTS, Json, Variant

pytestmark = pytest.mark.infra

SEARCH = {"errors", "crashes", "throttles", "latency-p95", "cold-starts"}
DOMAIN = {
    f"domain-{what}"
    for what in ("red", "yellow", "free-storage", "writes-blocked", "memory", "knn-circuit-breaker")
}
INGEST = {"ingest-failures", "new-photos-age", "new-photos-dead-letters"}


def alarms(variant: Variant) -> dict[str, Json]:
    prefix = "photo-search-"
    return {
        alarm["AlarmName"].removeprefix(prefix): alarm
        for alarm in variant.of_type("AWS::CloudWatch::Alarm").values()
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_each_part_is_watched_and_somebody_is_told(variant, name):
    watched = alarms(variant(name))
    (topic_id,) = variant(name).of_type("AWS::SNS::Topic")

    assert set(watched) == SEARCH | INGEST | (set() if name == "embedded" else DOMAIN)
    for alarm in watched.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic_id}]
        assert len(alarm["AlarmDescription"]) > 20


def test_the_metrics_of_the_handler_are_called_what_it_calls_them():
    assert watches.METRICS_NAMESPACE == METRICS_NAMESPACE
    assert watches.METRICS_SERVICE == SERVICE


def test_every_alarm_has_a_graph(variant):
    dashboard = json.dumps(variant("dev").one("AWS::CloudWatch::Dashboard")["DashboardBody"])

    for name in alarms(variant("dev")):
        assert f'\\"title\\":\\"{name}\\"' in dashboard or name in dashboard


def test_the_dashboard_tells_encoding_and_searching_apart(variant):
    dashboard = json.dumps(variant("dev").one("AWS::CloudWatch::Dashboard")["DashboardBody"])

    for name in ("EncodeTime", "SearchTime", "TotalTime"):
        assert '\\",\\"'.join((METRICS_NAMESPACE, name, "service", SERVICE)) in dashboard


def test_free_storage_alarms_at_a_quarter_of_the_volume(variant):
    dev = alarms(variant("dev"))["domain-free-storage"]
    production = alarms(variant("production"))["domain-free-storage"]

    assert (dev["Threshold"], production["Threshold"]) == (2560, 25600)  # MB of 10 and 100 GB
    assert dev["ComparisonOperator"] == "LessThanThreshold"


def test_latency_is_that_of_one_search_in_twenty(variant):
    alarm = alarms(variant("dev"))["latency-p95"]

    assert alarm["ExtendedStatistic"] == "p95"
    assert alarm["Threshold"] == 3000


def test_failed_jobs_of_our_queues_are_told_and_counted(variant):
    dev = variant("dev")
    (rule_id, rule) = next(
        (key, rule)
        for key, rule in dev.of_type("AWS::Events::Rule").items()
        if rule["EventPattern"]["source"] == ["aws.batch"]
    )
    alarm = alarms(dev)["ingest-failures"]

    assert rule["EventPattern"]["detail"]["status"] == ["FAILED"]
    assert len(rule["EventPattern"]["detail"]["jobQueue"]) == 2
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": rule_id}}]
    cpu_alone = next(
        rule["EventPattern"]["detail"]["jobQueue"]
        for rule in variant("cpu").of_type("AWS::Events::Rule").values()
        if rule["EventPattern"]["source"] == ["aws.batch"]
    )
    assert len(cpu_alone) == 1


def test_the_topic_takes_messages_of_this_account_over_tls_alone(variant):
    policy = variant("dev").one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    by_principal = {json.dumps(one["Principal"]): one for one in policy}
    alarms_and_budgets = by_principal[
        json.dumps({"Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]})
    ]

    assert alarms_and_budgets["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
    denials = [one for one in policy if one["Effect"] == "Deny"]
    assert [one["Condition"] for one in denials] == [{"Bool": {"aws:SecureTransport": "false"}}]


def test_an_address_is_told_where_one_is_given(variant):
    assert variant("dev").of_type("AWS::SNS::Subscription") == {}
    subscription = variant("production").one("AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "team@example.com")


def test_a_budget_tells_before_it_is_spent(variant):
    assert variant("dev").of_type("AWS::Budgets::Budget") == {}
    budget = variant("production").one("AWS::Budgets::Budget")
    (topic_id,) = variant("production").of_type("AWS::SNS::Topic")
    notifications = budget["NotificationsWithSubscribers"]

    assert budget["Budget"]["BudgetLimit"] == {"Amount": 900, "Unit": "USD"}
    assert budget["Budget"]["TimeUnit"] == "MONTHLY"
    told = {
        (one["Notification"]["NotificationType"], one["Notification"]["Threshold"])
        for one in notifications
    }
    assert told == {("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)}
    assert all(one["Subscribers"][0]["Address"] == {"Ref": topic_id} for one in notifications)
