"""A monthly budget of the account: the last thing to notice what nothing else did."""

from __future__ import annotations

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.alarms import Alarms
from infra.config import DeploymentConfig

_ALARM_PERCENTS = {"ACTUAL": (80, 100), "FORECASTED": (100,)}


def make_budget(scope: Construct, *, config: DeploymentConfig, alarms: Alarms) -> None:
    """Tell the alarms' topic when the month's spending nears the budget.

    It counts the whole account: spending by tag is known only where somebody has activated the tag
    for billing, and until then such a budget would stay at 0 and never alarm.

    Args:
        scope: Its owner.
        config: The budget; 0 makes none.
        alarms: Whom to tell.
    """
    if not config.monthly_budget_usd:
        return
    budgets.CfnBudget(
        scope,
        "Budget",
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_name=f"{config.name}-monthly",
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(
                amount=config.monthly_budget_usd, unit="USD"
            ),
        ),
        notifications_with_subscribers=[
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[
                    budgets.CfnBudget.SubscriberProperty(
                        subscription_type="SNS", address=alarms.topic.topic_arn
                    )
                ],
            )
            for kind, percents in _ALARM_PERCENTS.items()
            for percent in percents
        ],
    )
