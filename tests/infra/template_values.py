"""A synthesised template with everything in it that AWS would put in: names, ARNs, addresses.

The names are made up; what matters is that one thing has one name. What is not known is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.infra.policy_evaluator import UnknownElement

Json = dict[str, Any]

ACCOUNT = "111122223333"
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "photos",
}
_ARNS = {
    "AWS::CloudFront::Distribution": "arn:aws:cloudfront::{account}:distribution/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::OpenSearchService::Domain": "arn:aws:es:{region}:{account}:domain/{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
}
_NAMES: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    "AWS::S3::Bucket": lambda logical_id, _: logical_id.lower(),
    "AWS::OpenSearchService::Domain": lambda _, properties: str(properties["DomainName"]),
}


class TemplateValues:
    """Looks values of one template up."""

    def __init__(self, template: Mapping[str, Any], *, region: str) -> None:
        """Use a template, to be deployed into a region."""
        self.resources: Mapping[str, Json] = template["Resources"]
        self._region = region

    def of_type(self, kind: str) -> dict[str, Json]:
        """Every resource of a kind, by its logical id."""
        return {key: one for key, one in self.resources.items() if one["Type"] == kind}

    def name(self, logical_id: str) -> str:
        """What a resource would be called."""
        resource = self.resources[logical_id]
        named = _NAMES.get(resource["Type"])
        return named(logical_id, resource["Properties"]) if named else logical_id

    def arn(self, logical_id: str) -> str:
        """A resource's ARN."""
        kind = self.resources[logical_id]["Type"]
        if kind not in _ARNS:
            msg = f"the ARN of a {kind} ({logical_id})"
            raise UnknownElement(msg)
        return _ARNS[kind].format(account=ACCOUNT, region=self._region, name=self.name(logical_id))

    def resolve(self, value: Any) -> Any:
        """A value without intrinsic functions in it.

        Raises:
            UnknownElement: It has a function or refers to something that is not known here.
        """
        if isinstance(value, list):
            return [self.resolve(one) for one in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref":
                return self._ref(argument)
            if function.startswith("Fn::"):
                return self._call(function, argument)
        return {key: self.resolve(one) for key, one in value.items()}

    def _call(self, function: str, argument: Any) -> str:
        if function == "Fn::GetAtt" and argument[1] == "Arn":
            return self.arn(argument[0])
        if function == "Fn::GetAtt" and argument[1] == "DomainEndpoint":
            return f"search-{self.name(argument[0])}-x.{self._region}.es.amazonaws.com"
        if function == "Fn::Join":
            separator, parts = argument
            return str(separator).join(str(self.resolve(part)) for part in parts)
        if function == "Fn::Sub" and isinstance(argument, str):
            return re.sub(r"\$\{([\w:]+)\}", lambda found: self._ref(found[1]), argument)
        msg = f"{function}: {argument}"
        raise UnknownElement(msg)

    def _ref(self, name: str) -> str:
        if name == "AWS::Region":
            return self._region
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self.resources and self.resources[name]["Type"] in _ARNS:
            return self.name(name)
        msg = f"a reference to {name}"
        raise UnknownElement(msg)
