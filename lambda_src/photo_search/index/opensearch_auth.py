"""Who a request to OpenSearch comes from: an AWS signature, a user and password, or nobody."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from requests.auth import AuthBase, HTTPBasicAuth

from photo_search.aws_credentials import AwsCredentialSource
from photo_search.errors import SettingsError
from photo_search.index.aws_signature import SignatureV4
from photo_search.settings import AWS_REGION_ENV, INDEX_AUTH_ENV, IndexAccess

# Amazon OpenSearch Service signs as "es", whatever engine a domain runs; serverless collections
# ("aoss") are another service with another API.
SERVICE = "es"
_REGION = r"[a-z]+(?:-[a-z]+)+-\d+"
_DOMAINS = (
    re.compile(rf".+?(?:\.(?P<region>{_REGION}))?\.es\.amazonaws\.com"),
    re.compile(rf".+\.aos\.(?P<region>{_REGION})\.on\.aws"),
)


def request_auth(
    access: IndexAccess, url: str, *, credentials: AwsCredentialSource | None = None
) -> AuthBase | None:
    """Choose how requests to a server show who sends them.

    Args:
        access: What the settings say; where they leave it open the host decides.
        url: Of the server, ``https://host[:port]`` with whatever path.
        credentials: Where the AWS credentials come from; the usual places when left out. Nothing
            is read from it before the first request.

    Returns:
        What ``requests`` calls with each request; None to send requests as they are.

    Raises:
        SettingsError: Nothing tells the AWS region, or a password or signature would cross a
            network in clear text.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    domain = next((found for known in _DOMAINS if (found := known.fullmatch(host))), None)
    auth = access.auth or ("sigv4" if domain else "none")
    if auth == "none":
        return None
    if parts.scheme != "https" and not _is_this_machine(host):
        msg = (
            f"{INDEX_AUTH_ENV} {auth} would send credentials to {host} in clear text; use https, "
            f"or {INDEX_AUTH_ENV}=none"
        )
        raise SettingsError(msg)
    if auth == "basic":
        # As bytes: requests would encode texts as Latin-1, OpenSearch reads UTF-8.
        return HTTPBasicAuth(access.user.encode(), access.password.encode())
    # A domain's own name is right even where AWS_REGION is that of a Lambda elsewhere.
    region = (domain and domain["region"]) or access.region
    if not re.fullmatch(_REGION, region):
        msg = (
            f"{AWS_REGION_ENV} is {region!r} and the host {host} names no region; "
            f"{INDEX_AUTH_ENV} sigv4 needs one such as eu-central-1"
        )
        raise SettingsError(msg)
    return SignatureV4(credentials or AwsCredentialSource(), region=region, service=SERVICE)


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
