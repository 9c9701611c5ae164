"""A message of a bus: what it is about, what it says, and why it cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.stream.feeds import Feed, Feeds, keep_topics, read_feeds, source_of
from ingest.stream.message import Message, Said, said
from retrieval.errors import BadSettings, SourceRejected
from retrieval.types import Kind

FEED = Feed(topic="plant/alarms", id="alarm_id", version="changed")
RAISED = {
    "alarm_id": "AL-7", "asset": "P-101", "severity": "high", "message": "seal leaks",
    "raised_at": "2026-03-04T02:41:00Z", "changed": "2026-03-04T02:41:05Z",
}  # fmt: skip


def read(body: object, feed: Feed = FEED, **more: object) -> Said:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return said(Message("alarms", "", data)._replace(**more), feed, "t", ([], []))  # type: ignore[arg-type]


def test_an_alarm_becomes_an_alert_of_its_asset_at_its_time() -> None:
    found = read(RAISED)
    (draft,) = found.batch.drafts
    assert (draft.kind, found.item.uri) == (Kind.ALERT, "feed:///alarms/AL-7")
    assert "AL-7 (high)" in draft.text and "seal leaks" in draft.text
    assert draft.valid is not None and draft.valid.t0 == 1_772_592_060_000_000
    assert [m.entity for m in draft.mentions] == ["P-101"]
    assert found.version == 1_772_592_065_000_000


def test_other_records_become_rows_and_numbers_order_them() -> None:
    found = read({"order": 17, "what": "replace the seal", "rev": 3}, Feed(topic="orders", id="order", version="rev"))
    (draft,) = found.batch.drafts
    assert (draft.kind, found.item.uri, found.version) == (Kind.ROW, "feed:///alarms/17", 3)


def test_an_empty_message_says_that_the_thing_is_no_more() -> None:
    found = read(b"", Feed(topic="a", id="alarm_id"), key="AL-7", place=5)
    assert (found.item.uri, found.version, list(found.batch.drafts)) == ("feed:///alarms/AL-7", 5, [])


def test_an_empty_message_cannot_stand_between_versions_that_records_tell() -> None:
    with pytest.raises(SourceRejected, match="orders what is said"):
        read(b"", key="AL-7", place=5)


def test_without_a_field_that_names_it_the_bus_key_or_the_content_does() -> None:
    plain = Feed(topic="plant/alarms")
    assert read(RAISED, plain, key="k 1").item.uri == "feed:///alarms/k%201"
    assert (
        read(RAISED, plain).item.uri
        == read(RAISED, plain).item.uri
        != read({**RAISED, "asset": "P-102"}, plain).item.uri
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "broken_row"),
        (b"\xff\xfe", "broken_row"),
        (b"[" * 100_000, "broken_row"),
        ({**RAISED, "raised_at": "0001-01-01T00:00:00"}, "broken_row"),
        ({**RAISED, "raised_at": "9999-12-31T23:59:59-12:00"}, "broken_row"),
        ([1, 2], "unknown_shape"),
        ({}, "unknown_shape"),
        ({"asset": "P-101"}, "no_key"),
        ({**RAISED, "alarm_id": None}, "no_key"),
        ({**RAISED, "alarm_id": "x" * 600}, "no_key"),
        ({**RAISED, "changed": "soon"}, "bad_version"),
        ({**RAISED, "changed": 2**70}, "bad_version"),
        ({**RAISED, "raised_at": "2026-99-99T00:00:00Z"}, "broken_row"),
        ({"alarm_id": "A", "note": "x" * (1 << 20), "changed": 1}, "too_large"),
        (b"", "no_key"),
    ],
)
def test_what_cannot_be_read_says_why(body: object, code: str) -> None:
    with pytest.raises(SourceRejected) as caught:
        read(body)
    assert caught.value.kind == code


def test_a_record_too_deep_to_be_written_down_is_refused() -> None:
    # where it is too deep depends on how deep the stack is already
    for depth in range(880, 1000, 3):
        body = b'{"alarm_id": "A", "changed": 1, "deep": ' + b"[" * depth + b"]" * depth + b"}"
        try:
            assert read(body).item.uri == "feed:///alarms/A"
        except SourceRejected as problem:
            assert problem.kind in ("broken_row", "unreadable")


def test_a_reading_is_no_event() -> None:
    with pytest.raises(SourceRejected) as caught:
        read({"sensor": "V-1", "time": "2026-03-04T02:41:00Z", "value": 3.5}, Feed(topic="plant/readings", id="sensor"))
    assert caught.value.kind == "series"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


_STAMPS = st.datetimes().map(str) | st.sampled_from(
    [
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:59",
        "9999-12-31",
        "0001-01-01",
        "9999-12-31T23:59:59-12:00",
        2**62,
        -1e30,
        "31/12/9999 23:59",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*RAISED, "state", "cleared", "value", "text", "unit"]), _JSON, max_size=8)
    | st.fixed_dictionaries(
        {"alarm_id": st.just("A"), "changed": st.just(1), "cleared_at": _STAMPS, "raised_at": _STAMPS}
    )
    | _JSON
    | st.binary(max_size=40),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"]),
)
def test_no_message_whatever_it_holds_fails_in_another_way(body: object, zone: str) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    feed = msgspec.structs.replace(FEED, timezone=zone)
    try:
        found = said(Message("alarms", "", data, 1), feed, "t", ([], []))
    except SourceRejected:
        return
    assert found.item.uri.startswith("feed:///alarms/")


@given(st.text(max_size=60), st.text(max_size=60))
def test_different_things_never_share_a_source(one: str, other: str) -> None:
    one, other = (text.encode("utf-8", "replace").decode() for text in (one, other))
    assert (source_of("f", one) == source_of("f", other)) == (one == other)
    assert "#" not in source_of("f", one)


GOOD = "bus: mqtt://broker:1883\nfeeds:\n  alarms: {topic: plant/+/alarms, id: alarm_id, labels: [shift]}\n"


def test_a_feeds_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "feeds.yaml"
    file.write_text(GOOD)
    feeds = read_feeds(file)
    assert (feeds.scheme, feeds.hosts, feeds.group) == ("mqtt", "broker:1883", "watchfloor")
    assert feeds.feeds["alarms"] == Feed(topic="plant/+/alarms", id="alarm_id", labels=("shift",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bus: [", "while parsing"),
        ("bus: mqtt://b\nfeeds: {}\n", "no feeds"),
        (GOOD.replace("mqtt://", "amqp://"), "kafka://host:port"),
        (GOOD.replace("broker", "me:secret@broker"), "settings"),
        (GOOD.replace("broker", "me:/secret@broker"), "settings"),
        (GOOD.replace("mqtt://broker:1883", "'mqtt://me:a,[secret@broker'"), "settings"),
        (GOOD.replace("mqtt://broker:1883", "'mqtt://[broker'"), "IPv6"),
        (GOOD.replace("alarm_id", "2026-02-30"), "day is out of range"),
        ("bus: " + "[" * 1000, "recursion"),
        (GOOD.replace("alarms:", "Alarms/1:"), "no name for a feed"),
        (GOOD.replace("id:", "key:"), "key"),
        (GOOD.replace(":1883", ":abc"), "host:port"),
        (GOOD.replace("labels: [shift]", "timezone: Europe/Madird"), "Madird"),
        (GOOD.replace("plant/+/alarms", "''"), "topic"),
    ],
)
def test_a_wrong_feeds_file_says_what_is_wrong_and_no_secret(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "feeds.yaml"
    file.write_text(text)
    with pytest.raises(BadSettings, match=told) as caught:
        read_feeds(file)
    assert "secret" not in str(caught.value)


class Kept(dict[str, str]):
    """Small facts, in memory."""

    def set_meta(self, tenant: str, key: str, value: str) -> None:
        self[f"{tenant} {key}"] = value

    def meta(self, tenant: str, key: str) -> str | None:
        return self.get(f"{tenant} {key}")


def test_a_topic_that_an_mqtt_session_still_holds_is_not_dropped_in_silence() -> None:
    kept = Kept()
    before = Feeds(bus="mqtt://b", feeds={"a": Feed(topic="old"), "b": Feed(topic="kept")})
    after = Feeds(bus="mqtt://b", feeds={"a": Feed(topic="new"), "b": Feed(topic="kept")})
    keep_topics(before, kept, "t")
    with pytest.raises(BadSettings, match="old was listened to"):
        keep_topics(after, kept, "t")
    keep_topics(msgspec.structs.replace(after, group="other"), kept, "t")
    keep_topics(before, kept, "t")
    keep_topics(msgspec.structs.replace(after, bus="kafka://b:9092"), kept, "t")


def test_a_feeds_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"nowhere\.yaml"):
        read_feeds(tmp_path / "nowhere.yaml")
