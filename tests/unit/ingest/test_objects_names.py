"""Keys are hostile until shown otherwise: uris, places on disk, and what notifications say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.objects.address import Address, Prefix, address_of, allowed, hidden, place_of, prefix_of, site_files
from ingest.objects.notices import read_notices
from retrieval.errors import BadSettings, SourceRejected
from retrieval.ids import derived_from

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@given(KEYS)
def test_an_uri_gives_its_key_back_and_is_never_taken_for_something_derived(key: str) -> None:
    address = Address("plant", key)
    assert address_of(address.uri) == address
    assert address.uri.isascii() and "#" not in address.uri and derived_from(address.uri) is None


@given(st.one_of(KEYS, st.text("./\\a \0\n", min_size=1, max_size=30)))
def test_whatever_a_key_is_its_place_lies_below_the_folder(key: str) -> None:
    folder = Path("/spool/one")
    try:
        place = folder / place_of(key)
    except SourceRejected as problem:
        assert problem.kind == "unsafe_key"
        return
    assert ".." not in place.parts and place.is_relative_to(folder) and place != folder
    # two keys never share a place
    assert place.relative_to(folder).as_posix() == key


@pytest.mark.parametrize(
    "key",
    ["../up", "a/../../b", "a//b", "/a", "a/./b", "a\\..\\b", "a\0b", "a\nb", "a/", "..", ".", "x" * 201, "a\x1b[2Jb"],
)
def test_keys_that_are_no_path_are_refused(key: str) -> None:
    with pytest.raises(SourceRejected, match="no path below a folder"):
        place_of(key)


def test_what_looks_encoded_stays_a_name() -> None:
    assert place_of("a/%2e%2e/b").parts == ("a", "%2e%2e", "b")


def test_markers_of_folders_and_hidden_ones_are_left_alone() -> None:
    assert all(map(hidden, ["a/", ".git/config", "a/.hidden.md"]))
    assert not any(map(hidden, ["a/b.md", "../up.md", "a/.../b.md"]))


@pytest.mark.parametrize(
    "text",
    ["plant/a", "s3://", "s3:///a", "s3://Plant/a", "s3://a/b", "s3://plant..x/", "https://plant/a", "s3://plant/\n"],
)
def test_what_is_no_prefix_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadSettings, match="names no prefix"):
        prefix_of(text)


def test_only_what_is_named_is_allowed() -> None:
    named = [Prefix("plant", "north/cam/"), Prefix("plant", "north/"), Prefix("other", "")]
    assert allowed(named, "plant", "north/cam/a.mp4") == Prefix("plant", "north/")
    assert allowed(named, "plant", "south/a.mp4") is None
    assert allowed(named, "plants", "north/a.mp4") is None


def test_a_site_description_is_looked_for_from_the_object_up_to_the_prefix() -> None:
    assert list(site_files("north/cam/a.mp4", "north/")) == [
        "north/cam/site.yaml", "north/cam/site.yml", "north/site.yaml", "north/site.yml",
    ]  # fmt: skip
    assert list(site_files("a.mp4", "")) == ["site.yaml", "site.yml"]


def s3_event(key: str, bucket: str = "plant", name: str = "ObjectCreated:Put") -> dict[str, Any]:
    about = {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": "0055AED6DCD90281E5"}}
    return {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name, "s3": about}]}


EVENTBRIDGE = {
    "detail-type": "Object Created",
    "source": "aws.s3",
    "detail": {"bucket": {"name": "plant"}, "object": {"key": "a b+c.md", "etag": "x", "sequencer": "00"}},
}
MINIO = {"EventName": "s3:ObjectCreated:Put", "Key": "plant/a+b%2Bc.md", **s3_event("a+b%2Bc.md")}
SNS = {"Type": "Notification", "Message": json.dumps(s3_event("a+b%2Bc.md")), "TopicArn": "arn:aws:sns:x"}


@pytest.mark.parametrize(
    "event", [s3_event("a+b%2Bc.md"), EVENTBRIDGE, MINIO, SNS], ids=["s3", "bridge", "minio", "sns"]
)
def test_every_shape_names_the_same_object(event: dict[str, Any]) -> None:
    assert read_notices(json.dumps(event).encode()) == [Address("plant", "a b+c.md")]


def test_a_test_event_is_about_nothing() -> None:
    assert read_notices(b'{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "plant"}') == []


NESTED = json.dumps(
    {"Type": "Notification", "Message": json.dumps({"Type": "Notification", "Message": json.dumps(SNS)})}
)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "broken_row"),
        (b"\xff", "broken_row"),
        (b"[" * 100_000, "broken_row"),
        (b"[]", "unknown_shape"),
        (b"{}", "unknown_shape"),
        (b'{"Records": [1]}', "unknown_shape"),
        (b'{"Records": [{"s3": {"bucket": {"name": 1}, "object": {"key": "a"}}}]}', "unknown_shape"),
        (b'{"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": ""}}}]}', "unknown_shape"),
        (json.dumps(s3_event("%ff")).encode(), "unknown_shape"),
        (b'{"source": "aws.s3", "detail": {"bucket": {"name": "b"}, "object": {"key": "\\ud800"}}}', "broken_row"),
        (b'{"Type": "SubscriptionConfirmation", "SubscribeURL": "http://169.254.169.254/"}', "unknown_shape"),
        (NESTED.encode(), "unknown_shape"),
        (b'"' + b"x" * (1 << 20) + b'"', "too_large"),
    ],
)
def test_what_is_no_notification_is_refused_with_its_kind(body: bytes, kind: str) -> None:
    with pytest.raises(SourceRejected) as refused:
        read_notices(body)
    assert refused.value.kind == kind


@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_refused(body: bytes) -> None:
    try:
        read_notices(body)
    except SourceRejected:
        return
