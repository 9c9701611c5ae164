import pytest

from ingest.media_types import media_type
from ingest.walk import fingerprint, walk
from retrieval.errors import BadSiteDescription, InputError, SourceRejected

SITE = "site: {id: s, name: S}\nimage_encoder: models/clip\nsources: [{match: 'a/*', labels: [ops]}]\n"


def put(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(*paths, **options):
    return [found.name for found in walk(paths, **options).files]


def test_tables_first_then_by_name_and_hidden_files_are_left_out(tmp_path):
    put(
        tmp_path,
        b__x_dot_md="x",
        a__y_dot_csv="a\n1",
        z_dot_json="[]",
        **{".git__c_dot_md": "x", "_dot_hidden_dot_md": "x"},
    )
    assert names(tmp_path) == ["a/y.csv", "z.json", "b/x.md"]
    assert names(tmp_path / "b" / "x.md", tmp_path / "b") == ["x.md"]
    assert names(tmp_path, exclude=[tmp_path / "b"]) == ["a/y.csv", "z.json"]


def test_a_site_above_or_below_rules_its_files(tmp_path):
    put(
        tmp_path,
        plant__site_dot_yaml=SITE,
        plant__a__r_dot_md="x",
        plant__models__clip__card_dot_json="{}",
        other_dot_md="x",
    )
    found = walk([tmp_path])
    assert [site.path.name for site in found.sites] == ["site.yaml"]
    assert [(f.name, bool(f.site)) for f in found.files] == [("a/r.md", True), ("other.md", False)]
    (one,) = walk([tmp_path / "plant" / "a" / "r.md"]).files
    assert one.name == "a/r.md" and one.site.description.policy(one.name).labels == ("ops",)


def test_sidecars_belong_to_their_clip(tmp_path):
    put(
        tmp_path,
        c_dot_mp4="clip",
        c_dot_mp4_dot_json='{"start": "2026-03-04T00:00:00Z"}',
        d_dot_jpg="x",
        d_dot_json='[{"a": 1}]',
    )
    assert names(tmp_path) == ["d.json", "c.mp4", "d.jpg"]
    before = fingerprint(tmp_path / "c.mp4")
    (tmp_path / "c.mp4.json").write_text('{"start": "2026-03-05T00:00:00Z"}')
    assert fingerprint(tmp_path / "c.mp4") != before


def test_nothing_to_ingest(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        walk([tmp_path / "gone"])
    with pytest.raises(InputError, match="nothing to ingest"):
        walk([tmp_path])
    put(tmp_path, site_dot_yaml="site: 3", a_dot_md="x")
    with pytest.raises(BadSiteDescription):
        walk([tmp_path])


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.mp4", b"\0\0\0\x18ftypmp42", "video/mp4"),
        ("a.mp4", b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        ("a.mp4", b"nothing known", "video/mp4"),
        ("a.png", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.GIF", b"GIF89a", "image/gif"),
        ("a.txt", b"%PDF-1.7", "application/pdf"),
        ("a.md", b"words", "text/markdown"),
        ("a.rst", b"Title\n=====\n", "text/plain"),
        ("a.jsonl", b"{}", "application/x-ndjson"),
    ],
)
def test_media_types(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    assert media_type(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [("a.exe", b"MZ", "unknown_type"), ("noending", b"x", "unknown_type"), ("a.png", b"", "empty"), ("a.csv", b"a\0b", "unknown_type"),
     ("a.csv", b"PK\x03\x04", "unknown_type")],
)  # fmt: skip
def test_types_that_are_not_read(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceRejected) as refused:
        media_type(tmp_path / name)
    assert refused.value.kind == kind


@pytest.mark.parametrize(
    ("name", "says"), [("cameras.ZIP", "unpack"), ("plant.tar.gz", "unpack"), ("historian.sqlite", "export")]
)
def test_what_is_not_read_is_said_with_what_to_do(tmp_path, name, says):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SourceRejected, match=says):
        media_type(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.wav", b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        ("a.wav", b"RF64\xff\xff\xff\xffWAVEds64", "audio/wav"),
        ("a.avi", b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        ("a.mp3", b"\xff\xfb\x90\x00", "audio/mpeg"),
        ("a.mp3", b"ID3\x04", "audio/mpeg"),
        ("a.m4a", b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        ("a.m4a", b"\0\0\0\x20ftypmp42", "audio/mp4"),
        ("a.mp4", b"\0\0\0\x20ftypisom", "video/mp4"),
        ("a.mov", b"\0\0\0\x20ftypqt  ", "video/quicktime"),
        ("a.opus", b"OggS\0", "audio/ogg"),
        ("a.flac", b"fLaC\0", "audio/flac"),
        ("a.gsm", b"\xd0\0", "audio/x-gsm"),
        ("a.ulaw", b"\xff\x7f", "audio/basic"),
    ],
)
def test_recordings_are_told_by_name_and_first_bytes(tmp_path, name, head, kind):
    (tmp_path / name).write_bytes(head)
    assert media_type(tmp_path / name) == kind


def test_a_recording_has_its_sidecar_too(tmp_path):
    put(tmp_path, call_dot_wav="x", call_dot_json='{"start": "2026-03-04T02:10:00Z"}')
    assert names(tmp_path) == ["call.wav"]
