from __future__ import annotations

from typing import Any

import pytest

from tests.infra.policy_evaluator import Decision, Policy, Request, UnknownElement, evaluate

ROLE = "arn:aws:iam::111122223333:role/reader"
OBJECT = "arn:aws:s3:::photos/a/b.jpg"
ALLOWED, DENIED, NOT_ALLOWED = Decision.ALLOWED, Decision.DENIED, Decision.NOT_ALLOWED


def policy(*statements: dict[str, Any]) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"} | elements


def without(statement: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name not in names}


def ask(
    statement: dict[str, Any],
    *,
    action: str = "s3:GetObject",
    resource: str = OBJECT,
    principal: str | None = ROLE,
    **context: str,
) -> Decision:
    keys = {key.replace("__", ":"): value for key, value in context.items()}
    request = Request(action, resource, principal, keys)
    return (
        evaluate(request, identity=[], resource=[policy(statement)])
        if "Principal" in statement
        else evaluate(request, identity=[policy(statement)], resource=[])
    )


def test_nothing_is_allowed_by_no_policy():
    request = Request("s3:GetObject", OBJECT, ROLE)

    assert evaluate(request, identity=[], resource=[]) == NOT_ALLOWED


def test_either_sides_policy_is_enough_and_a_denial_outranks_both():
    request = Request("s3:GetObject", OBJECT, ROLE)
    own, theirs = policy(allow()), policy(allow(Principal={"AWS": ROLE}))
    denial = policy(allow(Effect="Deny", Principal="*"))

    assert evaluate(request, identity=[own], resource=[]) == ALLOWED
    assert evaluate(request, identity=[], resource=[theirs]) == ALLOWED
    assert evaluate(request, identity=[own], resource=[theirs, denial]) == DENIED


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("s3:GetObject", ALLOWED),
        ("S3:getobject", ALLOWED),
        ("s3:Get*", ALLOWED),
        ("s3:G?tObject", ALLOWED),
        ("*", ALLOWED),
        (["s3:PutObject", "s3:GetObject"], ALLOWED),
        ("s3:Get", NOT_ALLOWED),
        ("s3:GetObjectAcl", NOT_ALLOWED),
        ("s3.GetObject", NOT_ALLOWED),
    ],
)
def test_an_action_is_compared_without_case_and_with_wildcards(action, expected):
    assert ask(allow(Action=action)) == expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("arn:aws:s3:::photos/*", ALLOWED),
        ("arn:aws:s3:::photos/*.jpg", ALLOWED),
        ("arn:aws:s3:::photos/?/b.jpg", ALLOWED),
        ("arn:aws:s3:::photos*", ALLOWED),
        ("arn:aws:s3:::Photos/*", NOT_ALLOWED),
        ("arn:aws:s3:::photos", NOT_ALLOWED),
        ("arn:aws:s3:::photos/a", NOT_ALLOWED),
        ("arn:aws:s3:::photos/a/b.jp?g", NOT_ALLOWED),
        ("arn:aws:s3:::photos/[ab]/*", NOT_ALLOWED),
    ],
)
def test_a_resource_is_compared_with_case_and_a_star_takes_slashes(resource, expected):
    assert ask(allow(Resource=resource)) == expected


def test_not_action_and_not_resource_mean_everything_else():
    assert ask(without(allow(NotAction="s3:Put*"), "Action")) == ALLOWED
    assert ask(without(allow(NotAction="s3:Get*"), "Action")) == NOT_ALLOWED
    assert ask(without(allow(NotResource=OBJECT), "Resource")) == NOT_ALLOWED
    assert ask(without(allow(NotResource="arn:aws:s3:::other/*"), "Resource")) == ALLOWED


@pytest.mark.parametrize(
    ("principal", "caller", "expected"),
    [
        ({"AWS": ROLE}, ROLE, ALLOWED),
        ({"AWS": ["arn:x", ROLE]}, ROLE, ALLOWED),
        ({"AWS": ROLE}, f"{ROLE}2", NOT_ALLOWED),
        ({"AWS": ROLE}, None, NOT_ALLOWED),
        ({"Service": "events.amazonaws.com"}, "events.amazonaws.com", ALLOWED),
        ({"Service": "events.amazonaws.com"}, ROLE, NOT_ALLOWED),
        ("*", None, ALLOWED),
        ({"AWS": "*"}, None, ALLOWED),
    ],
)
def test_a_resources_policy_is_about_those_it_names(principal, caller, expected):
    assert ask(allow(Principal=principal), principal=caller) == expected


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws__SecureTransport": "false"}, ALLOWED),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws__SecureTransport": "false"}, ALLOWED),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws__SecureTransport": "true"}, NOT_ALLOWED),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, NOT_ALLOWED),
        ({"BoolIfExists": {"aws:SecureTransport": "false"}}, {}, ALLOWED),
        ({"NumericLessThan": {"s3:TlsVersion": 1.2}}, {"s3__TlsVersion": "1.1"}, ALLOWED),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {"s3__TlsVersion": "1.1"}, ALLOWED),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {"s3__TlsVersion": "1.3"}, NOT_ALLOWED),
        ({"StringEquals": {"aws:SourceAccount": ["1", "2"]}}, {"aws__SourceAccount": "2"}, ALLOWED),
        ({"StringEquals": {"aws:SourceAccount": "*"}}, {"aws__SourceAccount": "2"}, NOT_ALLOWED),
        ({"StringLike": {"s3:prefix": "work/*"}}, {"s3__prefix": "work/a"}, ALLOWED),
        ({"StringNotEquals": {"s3:prefix": "a"}}, {"s3__prefix": "b"}, ALLOWED),
        ({"StringNotEquals": {"s3:prefix": "a"}}, {"s3__prefix": "a"}, NOT_ALLOWED),
        ({"StringNotEquals": {"s3:prefix": "a"}}, {}, ALLOWED),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}, {"AWS__sourcearn": "arn:aws:s3:::a"},
         ALLOWED),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:*:::a"}}, {"aws__SourceArn": "arn:aws:s3:x::a"},
         NOT_ALLOWED),
    ],
    ids=str,
)  # fmt: skip
def test_a_condition_holds_for_the_values_that_a_request_carries(condition, context, expected):
    assert ask(allow(Condition=condition), **context) == expected


def test_every_condition_has_to_hold():
    both = {
        "Bool": {"aws:SecureTransport": "true"},
        "StringEquals": {"aws:SourceAccount": "1"},
    }

    assert ask(allow(Condition=both), aws__SecureTransport="true") == NOT_ALLOWED
    held = {"aws__SecureTransport": "true", "aws__SourceAccount": "1"}
    assert ask(allow(Condition=both), **held) == ALLOWED


@pytest.mark.parametrize(
    "statement",
    [
        allow(NotPrincipal={"AWS": ROLE}),
        allow(Foo="x"),
        allow(Effect="allow"),
        allow(Effect="Maybe"),
        without(allow(), "Action"),
        without(allow(), "Resource"),
        allow(NotAction="s3:*"),
        allow(Resource="arn:aws:s3:::photos/${aws:username}/*"),
        allow(Resource={"Ref": "Bucket"}),
        allow(Action=None),
        allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        allow(Condition={"ForAnyValue:StringEquals": {"s3:prefix": "a"}}),
        allow(Condition={"StringEquals": {"aws:username": "me"}}),
        allow(Condition={"StringEquals": {"s3:prefix": "${aws:username}"}}),
        allow(Condition={"StringEquals": {"s3:prefix": {"Ref": "Prefix"}}}),
        allow(Principal={"Federated": "cognito"}),
        allow(Principal={"CanonicalUser": "0"}),
        allow(Principal={"AWS": "arn:aws:iam::111122223333:root"}),
        allow(Principal={"AWS": "111122223333"}),
        allow(Principal={"AWS": "arn:aws:iam::111122223333:role/*"}),
        allow(Principal="me"),
    ],
    ids=str,
)
def test_whatever_is_not_known_is_refused_even_where_the_statement_would_not_match(statement):
    with pytest.raises(UnknownElement):
        ask(statement, action="sqs:SendMessage")


@pytest.mark.parametrize(
    "document",
    [
        {"Version": "2008-10-17", "Statement": []},
        {"Version": "2012-10-17", "Statement": [], "Extra": 1},
    ],
)
def test_a_policy_of_another_language_is_refused(document):
    with pytest.raises(UnknownElement):
        evaluate(Request("s3:GetObject", OBJECT, ROLE), identity=[document], resource=[])


def test_a_callers_own_policy_names_no_principal():
    request = Request("s3:GetObject", OBJECT, ROLE)

    with pytest.raises(UnknownElement, match="Principal"):
        evaluate(request, identity=[policy(allow(Principal="*"))], resource=[])


def test_a_resources_policy_without_a_principal_is_refused():
    request = Request("s3:GetObject", OBJECT, ROLE)

    with pytest.raises(UnknownElement, match="principal"):
        evaluate(request, identity=[], resource=[policy(allow())])
