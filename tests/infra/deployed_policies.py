"""Who may do what in a synthesised stack, by what its policies say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.infra.policy_evaluator import Decision, Policy, Request, UnknownElement, evaluate
from tests.infra.synthesis import REGION
from tests.infra.template_values import ACCOUNT, TemplateValues

SECURE = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3", "aws:SourceAccount": ACCOUNT}
"""What every request over TLS of this account carries."""
_WRITER_HANDLER = "ingest.cloud.new_photos.handler"


class DeployedPolicies:
    """The policies of one template."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        """Read and resolve them."""
        self.values = TemplateValues(template, region=REGION)
        self._of_resource = dict(self._resource_policies())
        (self.search_role,) = self._function_roles(lambda it: "PRELOAD" in _environment(it))
        (self.writer_role,) = self._function_roles(
            lambda it: it.get("ImageConfig", {}).get("Command") == [_WRITER_HANDLER]
        )
        (self.writer_environment,) = (
            self.values.resolve(_environment(one["Properties"]))
            for one in self.values.of_type("AWS::Lambda::Function").values()
            if "WORK_URL" in _environment(one["Properties"])
        )
        (mapping,) = self.values.of_type("AWS::Lambda::EventSourceMapping").values()
        self.queue = self.values.resolve(mapping["Properties"]["EventSourceArn"])
        (self.photos_rule,) = (
            self.values.arn(logical_id)
            for logical_id, rule in self.values.of_type("AWS::Events::Rule").items()
            if rule["Properties"].get("EventPattern", {}).get("source") == ["aws.s3"]
        )
        definitions = self.values.of_type("AWS::Batch::JobDefinition").values()
        containers = [one["Properties"]["ContainerProperties"] for one in definitions]
        (self.job_role,) = {self.values.resolve(one["JobRoleArn"]) for one in containers}
        self.execution_roles = sorted(
            self.values.resolve(one["ExecutionRoleArn"]) for one in containers
        )

        (group,) = {
            one["LogConfiguration"]["Options"]["awslogs-group"]["Ref"] for one in containers
        }
        self.job_log_group = self.values.arn(group)

    def decide(
        self,
        principal: str | None,
        action: str,
        resource: str,
        context: Mapping[str, str] = SECURE,
    ) -> Decision:
        """What comes of a request.

        Raises:
            UnknownElement: A policy has something in it that is not known.
        """
        owner = next(
            (arn for arn in self._of_resource if resource == arn or resource.startswith(f"{arn}/")),
            None,
        )
        return evaluate(
            Request(action, resource, principal, context),
            identity=self._identity_policies(principal),
            resource=[] if owner is None else self._of_resource[owner],
        )

    def _identity_policies(self, principal: str | None) -> list[Policy]:
        policies: list[Policy] = []
        for logical_id, role in self.values.of_type("AWS::IAM::Role").items():
            if self.values.arn(logical_id) != principal:
                continue
            properties = role["Properties"]
            if "ManagedPolicyArns" in properties or "PermissionsBoundary" in properties:
                msg = f"a managed policy or a boundary of {logical_id}"
                raise UnknownElement(msg)
            policies += [
                self.values.resolve(one["PolicyDocument"]) for one in properties.get("Policies", [])
            ]
            policies += [
                self.values.resolve(one["Properties"]["PolicyDocument"])
                for one in self.values.of_type("AWS::IAM::Policy").values()
                if {"Ref": logical_id} in one["Properties"].get("Roles", [])
            ]
        return policies

    def _resource_policies(self) -> dict[str, list[Policy]]:
        found: dict[str, list[Policy]] = {}
        values = self.values
        for logical_id, domain in values.of_type("AWS::OpenSearchService::Domain").items():
            policy = values.resolve(domain["Properties"]["AccessPolicies"])
            found[values.arn(logical_id)] = [policy]
        for one in values.of_type("AWS::S3::BucketPolicy").values():
            bucket = values.resolve(one["Properties"]["Bucket"])
            policy = values.resolve(one["Properties"]["PolicyDocument"])
            found.setdefault(f"arn:aws:s3:::{bucket}", []).append(policy)
        for one in values.of_type("AWS::SQS::QueuePolicy").values():
            for queue in one["Properties"]["Queues"]:
                policy = values.resolve(one["Properties"]["PolicyDocument"])
                found.setdefault(values.arn(queue["Ref"]), []).append(policy)
        return found

    def _function_roles(self, chosen: Callable[[Mapping[str, Any]], bool]) -> set[str]:
        return {
            self.values.resolve(one["Properties"]["Role"])
            for one in self.values.of_type("AWS::Lambda::Function").values()
            if chosen(one["Properties"])
        }


def _environment(function: Mapping[str, Any]) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = function.get("Environment", {}).get("Variables", {})
    return variables
