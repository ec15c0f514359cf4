"""Alarms: what is watched, who is told, and the dashboard with a graph for each alarm.

``docs/operations.md`` says for each alarm what to do.
"""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.config import DeploymentConfig

_GRAPHS_IN_A_ROW = 3
_GRAPH_WIDTH = 24 // _GRAPHS_IN_A_ROW  # a dashboard is 24 units wide
_STATUS_HEIGHT = 3


class Alarms(Construct):
    """The topic that tells of alarms; ``watch`` adds one of them."""

    def __init__(self, scope: Construct, construct_id: str, *, config: DeploymentConfig) -> None:
        """Make the topic, or take the one that was named."""
        super().__init__(scope, construct_id)
        self._name = config.name
        self._alarms: list[cloudwatch.Alarm] = []
        self._graphs: list[cloudwatch.IWidget] = []
        self.topic = self._topic(config)

    def watch(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        meaning: str,
        *,
        periods: int = 1,
        below: bool = False,
    ) -> None:
        """Add an alarm and its graph.

        Args:
            name: Of the alarm, after the deployment's.
            metric: What is watched, with its period.
            threshold: From where on it is too much; in the metric's unit.
            meaning: What it means, for whoever is told.
            periods: How many periods in a row it takes.
            below: Whether less than the threshold is what alarms.
        """
        comparison = cloudwatch.ComparisonOperator
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._name}-{name}",
            alarm_description=meaning,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=(
                comparison.LESS_THAN_THRESHOLD
                if below
                else comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            ),
            # No requests and no jobs are no trouble.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        action = actions.SnsAction(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        self._alarms.append(alarm)
        self.show(name, [metric], annotations=[alarm.to_annotation()])

    def show(
        self,
        title: str,
        metrics: Sequence[cloudwatch.IMetric],
        *,
        annotations: Sequence[cloudwatch.HorizontalAnnotation] = (),
    ) -> None:
        """Add a graph to the dashboard."""
        self._graphs.append(
            cloudwatch.GraphWidget(
                title=title,
                left=[*metrics],
                left_annotations=[*annotations],
                width=_GRAPH_WIDTH,
            )
        )

    def make_dashboard(self) -> cloudwatch.Dashboard:
        """Make the dashboard of all that is watched by now."""
        dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=self._name)
        dashboard.add_widgets(
            cloudwatch.AlarmStatusWidget(alarms=[*self._alarms], width=24, height=_STATUS_HEIGHT)
        )
        for start in range(0, len(self._graphs), _GRAPHS_IN_A_ROW):
            dashboard.add_widgets(*self._graphs[start : start + _GRAPHS_IN_A_ROW])
        return dashboard

    def _topic(self, config: DeploymentConfig) -> sns.ITopic:
        if config.alarm_topic_arn:
            return sns.Topic.from_topic_arn(self, "Topic", config.alarm_topic_arn)
        topic = sns.Topic(self, "Topic", display_name=config.name, enforce_ssl=True)
        # The topic's policy takes the place of the one that lets the account's own alarms in.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsAndBudgets",
                principals=[
                    iam.ServicePrincipal("cloudwatch.amazonaws.com"),
                    iam.ServicePrincipal("budgets.amazonaws.com"),
                ],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )
        if config.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(config.alarm_email))
        return topic
