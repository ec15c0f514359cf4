"""multipart/form-data (RFC 7578) in memory: the few rules that browsers and curl follow."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message

from photo_search.errors import InvalidQuery

MAX_FORM_PARTS = 32
_MAX_BOUNDARY_CHARACTERS = 70  # RFC 2046, section 5.1.1
_MAX_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class FormPart:
    """One field of a form; ``is_file`` where the client gave it a file name."""

    name: str
    is_file: bool
    content: bytes


def parse_multipart(body: bytes, content_type: str) -> list[FormPart]:
    """Split a form into its parts.

    Args:
        body: The whole body.
        content_type: The request's header, with the boundary.

    Returns:
        The fields; without texts that are empty and files that were not chosen.

    Raises:
        InvalidQuery: The body is no such form; the message says what is amiss.
    """
    delimiter = b"\r\n--" + _boundary(content_type)
    # The first delimiter may open the body, without the line break that belongs to the others.
    chunks = (b"\r\n" + body).split(delimiter, MAX_FORM_PARTS + 2)
    if len(chunks) > MAX_FORM_PARTS + 2:
        msg = f"the form has more than {MAX_FORM_PARTS} fields"
        raise InvalidQuery(msg)
    if len(chunks) < 2 or not chunks[-1].startswith(b"--"):
        msg = "the form is cut off: its closing boundary is missing"
        raise InvalidQuery(msg)
    parts = [_parse_part(chunk) for chunk in chunks[1:-1]]
    return [part for part in parts if part is not None]


def _boundary(content_type: str) -> bytes:
    boundary = _parameter(content_type, "boundary")
    if not boundary or len(boundary) > _MAX_BOUNDARY_CHARACTERS or not boundary.isascii():
        msg = f"Content-Type needs a boundary of 1 to {_MAX_BOUNDARY_CHARACTERS} characters"
        raise InvalidQuery(msg)
    return boundary.encode("ascii")


def _parse_part(chunk: bytes) -> FormPart | None:
    # A boundary's line may end in white space (RFC 2046, "transport padding").
    head, separator, content = chunk.lstrip(b" \t").partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"\r\n") or len(head) > _MAX_HEADER_BYTES:
        msg = f"a field of the form has no headers, or more than {_MAX_HEADER_BYTES} bytes of them"
        raise InvalidQuery(msg)
    try:
        lines = head.decode("utf-8").split("\r\n")[1:]
    except UnicodeDecodeError as error:
        msg = "a field of the form has headers that are not UTF-8"
        raise InvalidQuery(msg) from error
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    disposition = headers.get("content-disposition", "")
    name = _parameter(disposition, "name")
    if not disposition.lower().startswith("form-data") or not name:
        msg = "a field of the form has no Content-Disposition with a name"
        raise InvalidQuery(msg)
    file_name = _parameter(disposition, "filename")
    # A browser sends every field of a form, also those that nothing was put into. A file that was
    # chosen has a name: that it is empty is for the caller to hear.
    if not content and not file_name:
        return None
    return FormPart(name, is_file=file_name is not None, content=content)


def _parameter(header: str, name: str) -> str | None:
    message = Message()
    message["x"] = header
    try:
        value = message.get_param(name, header="x")
    # The email package does not expect every misuse of RFC 2231's extended form.
    except (TypeError, ValueError, LookupError) as error:
        msg = f"a header's parameters are malformed: {header[:60]!r}"
        raise InvalidQuery(msg) from error
    # A value in RFC 2231's extended form comes as charset, language and text.
    return value[2] if isinstance(value, tuple) else value
