"""Events and looks in any order, doubled, late, or about something else: what is held in the end is what stands in the bucket."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from hypothesis import settings

from ingest.follow.bucket import PrefixFollower
from ingest.objects.address import Prefix
from ingest.stream.message import Message
from retrieval.types import Principal

ALL = Prefix("plant", "")
SITE = b"site: {id: n, name: N, timezone: Europe/Madrid}\nsources: [{match: 'deep/*', labels: [hr]}]\n"


def follower(house: Any) -> PrefixFollower:
    return PrefixFollower(ALL, house.objects, house.taker, house.catalog, "t")


def notice(key: str) -> Message:
    about = {"bucket": {"name": "plant"}, "object": {"key": key.replace(" ", "+")}}
    return Message("objects", "", json.dumps({"Records": [{"s3": about}]}).encode())


KEYS = ["a.md", "b c.md", "deep/d.md", "deep/er/e.md", "alarms.csv", "bad.json", "site.yaml", "x/../y.md"]


def contents(chance: random.Random, key: str) -> bytes:
    if key == "alarms.csv":
        return f"alert_id,asset,severity,raised_at,message\nAL-{chance.randrange(3)},P-1,high,2026-03-04 02:00,trip\n".encode()
    if key == "site.yaml":
        return SITE + f"assets: [{{id: P-{chance.randrange(3)}, name: Pump, type: pump}}]\n".encode()
    return f"Pump {chance.randrange(4)} tripped at {chance.randrange(3)} in {key}.".encode()


def truth(bucketed: Callable[[str], Any], house: Any, name: str) -> list[Any]:
    """What one look at the bucket as it is now gives in an empty store."""
    fresh = bucketed(name)
    fresh.objects = house.objects
    PrefixFollower(ALL, house.objects, _taker(fresh, house), fresh.catalog, "t").round()
    return standing(fresh)


def standing(house: Any) -> list[Any]:
    """What everybody sees, and what only those who hold the label do."""
    return [house.texts(), house.texts(Principal("t", labels=("hr",)))]


def _taker(fresh: Any, house: Any) -> Any:
    fresh.taker._store = house.objects
    return fresh.taker


def test_any_order_and_any_duplication_of_events_and_looks_end_as_the_bucket_is(
    bucketed: Callable[[str], Any],
) -> None:
    # 12 as a rule, 150 with --hypothesis-profile thorough
    for seed in range(settings.default.max_examples // 2):
        chance = random.Random(seed)
        house = bucketed(f"seed{seed}")
        changed, follow = list[str](), follower(house)
        for _ in range(chance.randint(5, 15)):
            key = chance.choice(KEYS)
            if chance.random() < 0.3:
                house.objects.delete("plant", key)
            else:
                house.objects.put("plant", key, contents(chance, key))
            changed.append(key)
            if chance.random() < 0.3:
                # what is told may be old, doubled, or of something else
                house.intake.take([notice(chance.choice(changed)) for _ in range(chance.randint(1, 3))])
            if chance.random() < 0.1:
                follow.round()
        told = [notice(key) for key in changed for _ in range(chance.randint(1, 5))]
        chance.shuffle(told)
        while told:
            size = chance.randint(1, 8)
            house.intake.take(told[:size])
            told = told[size:]
        by_events = standing(house)
        assert by_events == truth(bucketed, house, f"truth{seed}"), f"seed {seed}"
        follow.round()
        assert standing(house) == by_events, f"seed {seed}"
