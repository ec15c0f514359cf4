"""Evaluates IAM policies as AWS does within one account, and refuses whatever it does not know.

Rules: "Policy evaluation logic" and "IAM JSON policy elements" in IAM's user guide. An explicit
denial outranks all; otherwise one allowing statement is enough, of the caller's own policies or of
the resource's, where caller and resource are of one account.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

Policy: TypeAlias = Mapping[str, Any]
Statement: TypeAlias = Mapping[str, Any]


class UnknownElement(Exception):
    """A policy has something in it whose meaning is not known here."""


class Decision(StrEnum):
    """What comes of a request."""

    ALLOWED = "allowed"
    DENIED = "denied"
    """By a statement that says so."""
    NOT_ALLOWED = "not allowed"
    """By any statement."""


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks for something.

    Attributes:
        action: Such as ``s3:GetObject``.
        resource: Its ARN.
        principal: ARN of a role, or name of a service; None asks without credentials.
        context: Condition keys to values.
    """

    action: str
    resource: str
    principal: str | None
    context: Mapping[str, str] = field(default_factory=dict)


def evaluate(
    request: Request, *, identity: Sequence[Policy], resource: Sequence[Policy]
) -> Decision:
    """Decide on a request.

    Args:
        request: Who asks for what.
        identity: Policies of the caller.
        resource: Policies of what is asked for.

    Raises:
        UnknownElement: One of the policies, matching or not, has something unknown in it.
    """
    effects = [
        *(_effects(policy, request, of_resource=False) for policy in identity),
        *(_effects(policy, request, of_resource=True) for policy in resource),
    ]
    found = {effect for those in effects for effect in those}
    if "Deny" in found:
        return Decision.DENIED
    return Decision.ALLOWED if "Allow" in found else Decision.NOT_ALLOWED


def _effects(policy: Policy, request: Request, *, of_resource: bool) -> set[str]:
    _refuse_unknown(policy, {"Version", "Id", "Statement"}, "policy")
    if policy.get("Version", "2012-10-17") != "2012-10-17":
        msg = f"policy language {policy['Version']}"
        raise UnknownElement(msg)
    statements = policy["Statement"]
    found = set()
    for statement in [statements] if isinstance(statements, Mapping) else statements:
        _check(statement, of_resource=of_resource)
        if _matches(statement, request, of_resource=of_resource):
            found.add(str(statement["Effect"]))
    return found


def _check(statement: Statement, *, of_resource: bool) -> None:
    """Refuse a statement with anything unknown, whether it would match or not."""
    known = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
    _refuse_unknown(statement, known | ({"Principal"} if of_resource else set()), "statement")
    if statement.get("Effect") not in ("Allow", "Deny"):
        msg = f"effect {statement.get('Effect')!r}"
        raise UnknownElement(msg)
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource")):
        if (one in statement) == (other in statement):
            msg = f"a statement has one of {one} and {other}: {sorted(statement)}"
            raise UnknownElement(msg)
        _refuse_variables(_texts(statement.get(one, statement.get(other))))
    for operator, conditions in statement.get("Condition", {}).items():
        _check_conditions(operator, conditions)
    if of_resource:
        _principals(statement.get("Principal"))


def _check_conditions(operator: str, conditions: Mapping[str, object]) -> None:
    if operator not in _OPERATORS:
        msg = f"condition operator {operator}"
        raise UnknownElement(msg)
    for key, wanted in conditions.items():
        if key.lower() not in _KEYS:
            msg = f"condition key {key}"
            raise UnknownElement(msg)
        _refuse_variables(_texts(wanted))


def _refuse_variables(texts: Sequence[str]) -> None:
    for text in texts:
        if "${" in text:
            msg = f"a variable in {text!r}"
            raise UnknownElement(msg)


def _matches(statement: Statement, request: Request, *, of_resource: bool) -> bool:
    if of_resource and not _is_meant(statement["Principal"], request.principal):
        return False
    actions = _texts(statement.get("Action", statement.get("NotAction")))
    named = any(_like(pattern.lower(), request.action.lower()) for pattern in actions)
    if named != ("Action" in statement):
        return False
    resources = _texts(statement.get("Resource", statement.get("NotResource")))
    held = any(_like(pattern, request.resource) for pattern in resources)
    if held != ("Resource" in statement):
        return False
    context = {key.lower(): value for key, value in request.context.items()}
    return all(
        _holds(operator, _texts(wanted), context.get(key.lower()))
        for operator, conditions in statement.get("Condition", {}).items()
        for key, wanted in conditions.items()
    )


def _is_meant(principal: object, caller: str | None) -> bool:
    names = _principals(principal)
    return "*" in names or (caller is not None and caller in names)


def _principals(principal: object) -> set[str]:
    """Who a statement of a resource's policy is about."""
    if principal == "*":
        return {"*"}
    if not isinstance(principal, Mapping) or not principal.keys() <= {"AWS", "Service"}:
        msg = f"principal {principal!r}"
        raise UnknownElement(msg)
    names = {name for values in principal.values() for name in _texts(values)}
    for name in names:
        # A whole account leaves the rest to the policies of its roles: that is not done here.
        if name != "*" and ("*" in name or name.endswith(":root") or name.isdecimal()):
            msg = f"principal {name!r}"
            raise UnknownElement(msg)
    return names


def _holds(operator: str, wanted: Sequence[str], given: str | None) -> bool:
    if operator.endswith("IfExists"):
        return given is None or _holds(operator.removesuffix("IfExists"), wanted, given)
    if operator.startswith(("StringNot", "ArnNot")):
        return not _holds(operator.replace("Not", "", 1), wanted, given)
    # A key that the request does not carry makes a condition false.
    return given is not None and any(_OPERATORS[operator](one, given) for one in wanted)


def _like(pattern: str, text: str) -> bool:
    """``*`` is any text, slashes and colons too; ``?`` is one character."""
    parts = re.split(r"([*?])", pattern)
    expression = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _arn_like(pattern: str, text: str) -> bool:
    """Each of an ARN's six parts by itself."""
    patterns, parts = pattern.split(":", 5), text.split(":", 5)
    return len(patterns) == len(parts) and all(map(_like, patterns, parts))


def _texts(value: object) -> list[str]:
    values: Iterable[object] = value if isinstance(value, list) else [value]
    texts = []
    for one in values:
        if not isinstance(one, str | bool | int | float):
            msg = f"a value that is no text: {one!r}"
            raise UnknownElement(msg)
        texts.append(str(one).lower() if isinstance(one, bool) else str(one))
    return texts


def _refuse_unknown(element: Mapping[str, object], known: set[str], kind: str) -> None:
    if unknown := sorted(element.keys() - known):
        msg = f"{kind} with {', '.join(unknown)}"
        raise UnknownElement(msg)


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "NumericLessThan": lambda wanted, given: float(given) < float(wanted),
}
_NEGATIONS = {
    f"{kind}Not{rest}": _COMPARISONS[f"{kind}{rest}"]
    for kind, rest in (("String", "Equals"), ("String", "Like"), ("Arn", "Equals"), ("Arn", "Like"))
}
_OPERATORS = {
    f"{name}{ending}": comparison
    for name, comparison in (_COMPARISONS | _NEGATIONS).items()
    for ending in ("", "IfExists")
}
_KEYS = frozenset(
    {
        "aws:principalarn",
        "aws:securetransport",
        "aws:sourceaccount",
        "aws:sourcearn",
        "s3:prefix",
        "s3:tlsversion",
    }
)
