"""A file too large for one put, in parts; it is there when the last request is answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CONDITIONS = ("IfMatch", "IfNoneMatch")


def put_in_parts(
    client: Any, request: Mapping[str, str], path: Path, facts: Mapping[str, Any], part_bytes: int
) -> Any:
    """Put a file; S3 looks at the conditions when all parts are there.

    Parts that are never joined cost what they take until the bucket's lifecycle takes them away.

    Args:
        client: boto3's.
        request: Bucket and key.
        path: The file.
        facts: What ``put_object`` would get besides.
        part_bytes: Size of a part, the last one may be smaller; S3 asks for 5 MiB at least.

    Returns:
        S3's last answer.
    """
    conditions = {name: facts[name] for name in _CONDITIONS if name in facts}
    others = {name: fact for name, fact in facts.items() if name not in conditions}
    upload_id = client.create_multipart_upload(**request, **others)["UploadId"]
    parts: list[dict[str, Any]] = []
    with path.open("rb") as file:
        while data := file.read(part_bytes):
            number = len(parts) + 1
            answer = client.upload_part(**request, UploadId=upload_id, PartNumber=number, Body=data)
            parts.append({"ETag": answer["ETag"], "PartNumber": number})
    return client.complete_multipart_upload(
        **request, UploadId=upload_id, MultipartUpload={"Parts": parts}, **conditions
    )
