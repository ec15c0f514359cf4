"""SignatureV4: each request signed with the AWS credentials of its moment."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase
from requests_aws4auth import AWS4Auth

from photo_search.aws_credentials import AwsCredentialSource

# Those that botocore signs of the headers that are sent; proxies may change others.
_SIGNED_HEADERS = ("host", "content-type", "x-amz-*")


class SignatureV4(AuthBase):
    """Signs each request with the credentials of that moment; threads may share one.

    AWS refuses a request that it gets more than some 5 minutes from the time in its signature: the
    clock must be right.
    """

    def __init__(self, credentials: AwsCredentialSource, *, region: str, service: str) -> None:
        """Keep where credentials come from, and what is signed for."""
        self._credentials = credentials
        self._region = region
        self._service = service

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
            self._service,
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
