"""Who a request to OpenSearch comes from: an AWS signature, a user and password, or nobody."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth
from requests_aws4auth import AWS4Auth

from photo_search.aws_credentials import AwsCredentialSource
from photo_search.errors import SettingsError
from photo_search.settings import AWS_REGION_ENV, INDEX_AUTH_ENV, IndexAccess

# Amazon OpenSearch Service signs as "es", whatever engine a domain runs; serverless collections
# ("aoss") are another service with another API.
SERVICE = "es"
_REGION = r"[a-z]+(?:-[a-z]+)+-\d+"
_DOMAINS = (
    re.compile(rf".+?(?:\.(?P<region>{_REGION}))?\.es\.amazonaws\.com"),
    re.compile(rf".+\.aos\.(?P<region>{_REGION})\.on\.aws"),
)
# Those that botocore signs of the headers that OpenSearch is sent; proxies may change others.
_SIGNED_HEADERS = ("host", "content-type", "x-amz-*")


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
    return SignatureV4(credentials or AwsCredentialSource(), region=region)


class SignatureV4(AuthBase):
    """Signs each request with the credentials of that moment; threads may share one.

    AWS refuses a request that it gets more than some 5 minutes from the time in its signature: the
    clock must be right.
    """

    def __init__(self, credentials: AwsCredentialSource, *, region: str) -> None:
        """Keep where credentials come from and the region to sign for."""
        self._credentials = credentials
        self._region = region

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Date and sign a request; ``requests`` calls it with each that it prepares.

        Raises:
            SettingsError: There are no credentials.
            IndexUnavailable: The endpoint that gives them does not answer.
        """
        current = self._credentials.current()
        # A signer of its own for each request: a shared one changes its key at midnight while other
        # threads sign with it, and deriving a key is four HMACs.
        sign = AWS4Auth(
            current.access_key,
            current.secret_key,
            self._region,
            SERVICE,
            session_token=current.token,
            include_hdrs=_SIGNED_HEADERS,
        )
        # A request that is sent again is dated again, and one signed before keeps no old token.
        for name in ("date", "x-amz-date", "x-amz-security-token"):
            request.headers.pop(name, None)
        if request.url is not None:
            request.url = _with_one_spelling(request.url)
        signed: PreparedRequest = sign(request)
        return signed


def _with_one_spelling(url: str) -> str:
    """Spell a URL so that it leaves a signer no choice.

    AWS signs queries with everything but letters, digits and ``-_.~`` encoded. Requests-aws4auth
    encodes what is not, decodes ``+`` to a blank, and takes ``;`` in the path for the end of it;
    botocore signs what it is given. Sent as AWS spells it, all of them and the server agree.
    """
    parts = urlsplit(url)
    query = urlencode(parse_qsl(parts.query, keep_blank_values=True), quote_via=quote, safe="")
    path = parts.path.replace(";", "%3B")
    return parts._replace(path=path, query=query, fragment="").geturl()


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
