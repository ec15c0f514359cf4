"""What a queue's messages say: which object of which bucket may have come or gone.

Messages are EventBridge's events of S3. What they say happened is not looked at: an event may come
twice, late, or after a later one, and the object itself tells what is true now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        message_id: By which the queue is told of a failure.
        bucket: The object's bucket; empty where the message is no event of an object.
        key: The object's key, as it is: EventBridge does not encode keys.
    """

    message_id: str
    bucket: str
    key: str


def read_messages(event: Mapping[str, Any]) -> list[Message]:
    """Read what Lambda gets from a queue.

    Args:
        event: Lambda's, with the queue's ``Records``.
    """
    return [_message(record) for record in event.get("Records", ())]


def _message(record: Mapping[str, Any]) -> Message:
    message_id = str(record["messageId"])
    try:
        detail = json.loads(record["body"])["detail"]
        return Message(message_id, str(detail["bucket"]["name"]), str(detail["object"]["key"]))
    except (ValueError, LookupError, TypeError):
        return Message(message_id, "", "")
