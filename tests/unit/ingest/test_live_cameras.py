"""The cameras file and the credentials file: strict, and no password where it could be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.wiring_live import _order as order_of
from ingest.live.cameras import Camera, Login, read_cameras, read_logins
from ingest.live.messages import Order
from ingest.live.policy import declared, policy_of
from retrieval.errors import BadSettings
from retrieval.types import Entity, EntityType, LinkType


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "cameras.yaml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_with_defaults(tmp_path: Path) -> None:
    given = read_cameras(
        written(tmp_path, "cameras: {CAM-1: {url: 'rtsp://host/a'}, CAM-2: {url: 'https://h/x.m3u8'}}")
    )
    assert [camera.patience_s for camera in given.cameras.values()] == [5.0, 8.0]
    assert given.keep.max_gb == 50


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("cameras: {}", "no cameras"),
        ("cameras: [", "not yaml"),
        ("camera: {}", "camera"),
        ("cameras: {CAM-1: {url: 'rtsp://host', speed: 3}}", "speed"),
        ("cameras: {CAM-1: {url: 'file:///etc/passwd'}}", "url must be"),
        ("cameras: {CAM-1: {url: 'rtsp:///a'}}", "url must be"),
        ("cameras: {CAM-1: {url: 'rtsp://host:notaport/a'}}", "url must be"),
        ("cameras: {../x: {url: 'rtsp://host'}}", "no id"),
        ("cameras: {CAM-1: {url: 'rtsp://host', stall_s: 30}}", "stall_s"),
        ("cameras: {CAM-1: {url: 'rtsp://host'}}\nkeep: {max_gb: 0}", "max_gb"),
        ("cameras: {CAM-1: {url: 'rtsp://host'}}\nkeep: {max_gb: .inf}", "max_gb"),
        ("cameras: {CAM-1: {url: 'rtsp://host'}}\nkeep: {max_hours: .inf}", "max_hours"),
        # what yaml takes for a date, a number and a moment, and cannot read
        ("cameras: {CAM-1: {url: 'rtsp://host', expect_every: 2026-13-45}}", "not yaml"),
        ("cameras: {CAM-1: {url: 'rtsp://host', keep_s: 0x_}}", "not yaml"),
        ("cameras: {CAM-1: {url: 'rtsp://host', keep_s: !!timestamp soon}}", "not yaml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(BadSettings, match=named):
        read_cameras(written(tmp_path, text))


def test_an_address_reaches_the_recorder_with_its_protocol_in_lower_case(tmp_path: Path) -> None:
    camera = read_cameras(written(tmp_path, "cameras: {CAM-1: {url: 'RTSP://host/Main?Of=X'}}")).cameras["CAM-1"]
    assert order_of("CAM-1", camera, {}, Login()).url == "rtsp://host/Main?Of=X"


def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="settings") as caught:
        read_cameras(written(tmp_path, "cameras: {CAM-1: {url: 'rtsp://ann:hunter2@host/a'}}"))
    assert "hunter2" not in str(caught.value)


def test_credentials_are_for_their_owner_alone(tmp_path: Path) -> None:
    text = "CAM-1: {user: ann, password: hunter2}"
    logins = read_logins(written(tmp_path, text))
    assert (logins["CAM-1"].user, logins["CAM-1"].password) == ("ann", "hunter2")
    assert "hunter2" not in repr(logins) + repr(Order(url="rtsp://host", password="hunter2"))
    with pytest.raises(BadSettings, match="chmod 600"):
        read_logins(written(tmp_path, text, 0o640))


def made(folder: Path, more: str = "") -> Camera:
    return read_cameras(written(folder, f"cameras: {{CAM-1: {{url: 'rtsp://host'{more}}}}}")).cameras["CAM-1"]


SITE = [
    Entity(id="plant", type=EntityType.SITE, name="Plant", tenant="t", facts={"timezone": "Europe/Madrid", "blur": ["face"]}),
    Entity(id="zone-a", type=EntityType.ZONE, name="Zone A", tenant="t"),
    Entity(id="CAM-1", type=EntityType.CAMERA, name="Gate", tenant="t", facts={"fixed": True, "blur": ["plate"]}, labels=("gate",)),
]  # fmt: skip


def test_what_the_site_hides_stays_hidden(tmp_path: Path) -> None:
    policy = policy_of("CAM-1", made(tmp_path, ", blur: [person]"), SITE)
    assert policy.blur == ("face", "person", "plate")
    assert (policy.timezone, policy.fixed, policy.labels, policy.camera) == ("Europe/Madrid", True, ("gate",), "CAM-1")
    assert policy_of("CAM-1", made(tmp_path, ", labels: [night]"), SITE).labels == ("night",)


def test_a_camera_is_declared_only_where_the_site_does_not(tmp_path: Path) -> None:
    assert declared("CAM-1", made(tmp_path), "t", SITE) is None
    unit = declared("CAM-9", made(tmp_path, ", zone: zone-a, name: Dock"), "t", SITE)
    assert unit is not None
    assert [(each.id, each.name) for each in unit.entities] == [("CAM-9", "Dock")]
    assert [(each.source, each.type, each.target) for each in unit.links] == [
        ("zone-a", LinkType.MONITORED_BY, "CAM-9")
    ]
    # told again from our own file
    assert declared("CAM-9", made(tmp_path), "t", [*SITE, *unit.entities]) is not None
    with pytest.raises(BadSettings, match="zone-b"):
        declared("CAM-9", made(tmp_path, ", zone: zone-b"), "t", SITE)
