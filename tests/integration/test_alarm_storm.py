"""A night of alarms taken in by the whole service: the storm is told in place of its alerts, and each alert is still there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.ports import Ask
from app.service import Watchfloor
from app.settings import load
from app.wiring import build
from retrieval.times import to_micros
from retrieval.types import Answer, Principal, Verdict

ME = Principal("default")
NIGHT = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
SITE = """
site: {id: north, name: Northgate, timezone: UTC}
zones: [{id: pump-hall, name: Pump hall}]
assets: [{id: P-101, name: Feed pump, zone: pump-hall}, {id: P-102, name: Booster pump, zone: pump-hall}]
"""


def alarms() -> str:
    """A lone alarm at midnight, 200 within twelve minutes from 02:05 on, and one the next noon that is never cleared."""
    rows = [
        "id,asset,severity,message,raised,acknowledged,cleared",
        *[_row(0, "P-101", -120, "medium", "seal water low")],
    ]
    rows += [_row(n, f"P-10{1 + n % 2}", 5 + n * 0.06, "high", f"suction pressure low {n % 3}") for n in range(1, 200)]
    rows.append("AL-900,P-102,critical,motor trip,2026-03-04T02:09:30Z,2026-03-04T02:13:30Z,2026-03-04T02:40:00Z")
    rows.append("AL-901,P-102,low,filter clogged,2026-03-04T12:00:00Z,,")
    return "\n".join(rows) + "\n"


def _row(n: int, asset: str, minute: float, severity: str, message: str) -> str:
    raised = NIGHT + timedelta(minutes=minute)
    return f"AL-{n},{asset},{severity},{message},{raised:%Y-%m-%dT%H:%M:%SZ},,{raised + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watchfloor]:
    folder = tmp_path_factory.mktemp("storm")
    (folder / "files").mkdir()
    (folder / "files" / "site.yaml").write_text(SITE)
    (folder / "files" / "alarms.csv").write_text(alarms())
    built = build(load(data_dir=folder / "store", encoders={"image": "off", "detector": "off"}))
    summary = built.ingest([folder / "files"], ME)
    assert summary.evidence_by_kind == {"alert": 203} and not summary.rejected
    yield built
    built.close()


def ask(service: Watchfloor, question: str) -> Answer:
    return service.ask(Ask(question=question, asked_at=to_micros(datetime(2026, 3, 5, 8, 0, tzinfo=UTC))), ME)


@pytest.mark.parametrize(
    "question",
    [
        "What alarms were there around 02:10 on 4 March 2026?",
        "Which alerts were raised on 4 March 2026 between 02:00 and 02:30?",
    ],
)
def test_the_storm_is_told_and_the_brief_is_not_flooded(service: Watchfloor, question: str) -> None:
    answer = ask(service, question)
    assert answer.verdict is Verdict.ANSWERED and len(answer.claims) <= 7
    storm = answer.claims[0]
    assert (
        storm.text.startswith("Alert storm: 200 alerts within 11 min 5")
        and "worst severity: critical (1)" in storm.text
    )
    (cited,) = storm.citations
    assert getattr(cited.locator, "key", "").startswith("storm 2026-03-04T02:05:")


def test_counting_counts_alerts_and_not_the_storm(service: Watchfloor) -> None:
    answer = ask(service, "How many alarms were there on 4 March 2026?")
    assert answer.claims[0].text == "202 alerts."


def test_each_alert_stays_what_it_is_with_its_course(service: Watchfloor) -> None:
    tripped = ask(service, "When was alarm AL-900 acknowledged?")
    assert "AL-900 (critical)" in tripped.claims[0].text and "after 4 min" in tripped.claims[0].text
    standing = ask(service, "Was alarm AL-901 cleared?")
    assert "not cleared in the record" in standing.claims[0].text


def test_what_happened_names_the_storm_once(service: Watchfloor) -> None:
    answer = ask(service, "What happened on 4 March 2026 between 02:00 and 02:30?")
    told = [made.text for made in answer.claims]
    assert sum(text.startswith("Alert storm") for text in told) == 1 and len(told) <= 7
