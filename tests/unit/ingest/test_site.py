import pytest

from ingest.ports import SourcePolicy
from ingest.site import read_site
from retrieval.errors import BadSiteDescription
from retrieval.types import EntityType, Link, LinkType

GOOD = """
site: {id: northgate, name: Northgate Plant, timezone: Europe/Madrid}
image_encoder: models/clip
zones: [{id: zone-a, name: Zone A, aliases: [pump hall]}]
assets:
  - {id: P-101, name: Pump P-101, type: pump, aliases: [pump 1], zone: zone-a, feeds: [T-201]}
  - {id: T-201, name: Tank T-201, type: tank}
cameras: [{id: CAM-01, name: Camera 1, zone: zone-a, monitors: [P-101], timezone: UTC, fixed: true, labels: [security]}]
sensors: [{id: P-101-VIB, name: P-101 vibration, unit: mm/s, quantity: vibration, asset: P-101, zone: zone-a,
           limits: {high: 7.1}, file: sensors/P-101-VIB.csv}]
people: [{id: per-1, name: Ana Ruiz, role: operator}]
sources:
  - {match: "cameras/CAM-01/*", camera: CAM-01}
  - {match: "alerts/*.csv", timezone: America/New_York, dates: us, labels: [ops]}
"""


def site(tmp_path, text):
    path = tmp_path / "site.yaml"
    path.write_text(text)
    return read_site(path)


def test_entities_and_links(tmp_path):
    good = site(tmp_path, GOOD)
    entities = {entity.id: entity for entity in good.entities("t")}
    assert entities["P-101"].type is EntityType.ASSET and entities["P-101"].facts["type"] == "pump"
    assert entities["P-101-VIB"].facts["limits"] == {"high": 7.1} and entities["CAM-01"].labels == ("security",)
    links = set(good.links("t"))
    assert Link("zone-a", LinkType.PART_OF, "northgate", "t") in links
    assert Link("P-101", LinkType.FEEDS, "T-201", "t") in links
    assert Link("P-101", LinkType.MONITORED_BY, "CAM-01", "t", ("security",)) in links
    assert Link("P-101", LinkType.MONITORED_BY, "P-101-VIB", "t") in links
    assert Link("P-101-VIB", LinkType.LOCATED_IN, "zone-a", "t") in links
    assert len(links) == 7


def test_policies(tmp_path):
    good = site(tmp_path, GOOD)
    assert good.policy("cameras/CAM-01/a.mp4") == SourcePolicy(
        timezone="UTC", camera="CAM-01", fixed=True, labels=("security",)
    )
    assert good.policy("alerts/old.csv") == SourcePolicy(timezone="America/New_York", dates="us", labels=("ops",))
    assert good.policy("sensors/P-101-VIB.csv") == SourcePolicy(timezone="Europe/Madrid", sensor="P-101-VIB")
    assert good.policy("notes.md").labelled(None) == SourcePolicy(timezone="Europe/Madrid")


def test_who_may_see_a_camera_holds_wherever_its_clips_lie(tmp_path):
    good = site(tmp_path, GOOD.replace("labels: [security]}", "aliases: [yard cam], labels: [security]}"))
    elsewhere = good.policy("phone/cam01_20260304T021000Z.mp4")
    assert {elsewhere.labelled(name).labels for name in ("cam-01", "CAMERA 1", "Yard_Cam")} == {("security",)}
    assert elsewhere.labelled("CAM-99").labels == elsewhere.labelled(None).labels == ()
    assert good.policy("cameras/CAM-01/a.mp4").labels == ("security",)
    assert good.policy("alerts/a.csv").labelled("CAM-01").labels == ("ops",), "a source's own labels are not replaced"


def test_what_is_blurred_adds_up(tmp_path):
    good = site(
        tmp_path,
        GOOD.replace("timezone: Europe/Madrid}\nimage", "timezone: Europe/Madrid, blur: [plate]}\nimage")
        .replace("labels: [security]}", "aliases: [yard cam], blur: [person, face]}")
        .replace('CAM-01/*", camera: CAM-01}', 'CAM-01/*", camera: CAM-01, blur: [face]}'),
    )
    assert good.policy("cameras/CAM-01/a.mp4").blur == ("face", "person", "plate")
    # the file may name the camera: by its id, its name or an alias, however it is written
    elsewhere = good.policy("phone/cam01_20260304T021000Z.mp4")
    assert (elsewhere.blur, elsewhere.camera) == (("plate",), None)
    assert {elsewhere.blurred(name) for name in ("cam-01", "CAMERA 1", "Yard_Cam", None)} == {
        ("face", "person", "plate")
    }
    assert [list(e.facts["blur"]) for e in good.entities("t") if e.facts.get("blur")] == [["plate"], ["person", "face"]]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("zone: zone-a, feeds", "zone: zone-x, feeds", r"assets\[0\].zone: 'zone-x' is not a declared zone"),
        ("feeds: [T-201]", "feeds: [CAM-01]", r"assets\[0\].feeds: 'CAM-01' is not a declared asset"),
        ("Europe/Madrid", "Europe/Atlantis", "site.timezone"),
        ("labels: [security]", "blur: [people]", r"'people' - at `\$\.cameras\[0\]\.blur"),
        ("camera: CAM-01}", "camera: CAM-9}", r"sources\[0\].camera"),
        ("id: T-201", "id: P-101", "declared twice"),
        ("unit: mm/s", "unitt: mm/s", "unitt"),
        ("dates: us", "dates: american", r"sources\[1\].dates"),
        ("{high: 7.1}", "{high: hot}", r"sensors\[0\].limits"),
        ("zones: [", "zones: [[", "site.yaml"),
        ("id: northgate, ", "", "missing required field `id`"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, complaint):
    with pytest.raises(BadSiteDescription, match=complaint):
        site(tmp_path, GOOD.replace(old, new, 1))
