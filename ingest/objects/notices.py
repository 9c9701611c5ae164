"""What object stores say when an object came or went: S3's own events, EventBridge's, MinIO's, and any of them inside an SNS notification.

What is read of a message is which object it is about, and no more: when it happened and in which order is asked of the bucket.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

import msgspec

from ingest.objects.address import Address
from retrieval.errors import SourceRejected

MOST_BYTES = 1 << 20
_SNS_DEPTH = 2


def read_notices(body: bytes) -> list[Address]:
    """The objects a message is about, none for a test event. Raises SourceRejected: too_large, broken_row, unknown_shape."""
    if len(body) > MOST_BYTES:
        raise SourceRejected(f"notifications above {MOST_BYTES >> 10} KiB are not read", kind="too_large")
    return _objects(_record(body), _SNS_DEPTH)


def _record(body: bytes | str) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise SourceRejected(f"not valid json: {problem}", kind="broken_row") from problem
    if not isinstance(record, dict):
        raise _unknown("a notification must be one json record")
    return record


def _objects(record: dict[str, Any], depth: int) -> list[Address]:
    if record.get("Event") == "s3:TestEvent":
        return []
    if isinstance(record.get("Records"), list):
        return [_of_s3(each) for each in record["Records"]]
    if record.get("source") == "aws.s3" or "detail-type" in record:
        return [_of_eventbridge(record.get("detail"))]
    if record.get("Type") == "Notification" and isinstance(record.get("Message"), str) and depth:
        return _objects(_record(record["Message"]), depth - 1)
    if record.get("Type") == "SubscriptionConfirmation":
        raise _unknown("a subscription is confirmed by whoever owns it: addresses in messages are not called")
    raise _unknown(
        "neither an event of S3 or MinIO (Records), nor of EventBridge (detail), nor an SNS notification of one"
    )


def _of_s3(record: Any) -> Address:
    """Keys are form-encoded there: a space is "+"."""
    about = record.get("s3") if isinstance(record, dict) else None
    return _address(about, decode=True)


def _of_eventbridge(detail: Any) -> Address:
    """Keys stand as they are."""
    return _address(detail, decode=False)


def _address(about: Any, decode: bool) -> Address:
    try:
        bucket, key = about["bucket"]["name"], about["object"]["key"]
    except (TypeError, KeyError) as problem:
        raise _unknown("it names no bucket (bucket.name) or no object (object.key)") from problem
    if not isinstance(bucket, str) or not isinstance(key, str) or not bucket or not key:
        raise _unknown("its bucket or its key is no text")
    try:
        plain = unquote_plus(key, errors="strict") if decode else key
        plain.encode()
    except UnicodeError as problem:
        raise _unknown(f"its key is no text: {problem}") from problem
    return Address(bucket, plain)


def _unknown(why: str) -> SourceRejected:
    return SourceRejected(why, kind="unknown_shape")
