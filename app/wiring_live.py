"""The part of the wiring that puts a watch over live cameras together; only `watchfloor cameras` needs it, and doctor its standing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock, Timeout

from app.ports import Check
from app.settings import Settings
from app.wiring_quality import cameras_declared
from ingest.assemble import Assembler
from ingest.live.board import RECORDING, Board, CameraStanding, Change
from ingest.live.cameras import Camera, Cameras, Login, read_cameras, read_logins
from ingest.live.examiner import Examiner, Waiting
from ingest.live.messages import Order
from ingest.live.policy import declared, policy_of
from ingest.live.recorder import Recorder
from ingest.live.ring import Ring
from ingest.live.roll import Roll
from ingest.live.taking import Encoding, Taking
from ingest.live.watching import Standing, Watch, read_standing
from ingest.ports import Reader
from ingest.sandbox import Limits
from ingest.video.attention import AlertAttention
from ingest.video.messages import Sampling
from ingest.video.reader import VideoReader
from retrieval.catalog import system_clock
from retrieval.errors import BadSettings, StoreBusy

if TYPE_CHECKING:
    from app.wiring import Parts

__all__ = ["CameraStanding", "Change", "Standing", "Watching", "cameras_check", "watching"]

FOLDER = "live"
# clips of one camera that wait to be examined; older ones are skipped
_WAITING = 4
# a clip of the ring is a part of a long one: it need not be looked at more closely for being short
_LOOKS = 5
_SILENT_US = 30_000_000


class Watching(NamedTuple):
    """A watch, where its recordings are, how many cameras it has, and what keeps others away; to be released."""

    watch: Watch
    folder: Path
    cameras: int
    lock: FileLock


def watching(parts: Parts, settings: Settings, file: Path, told: Callable[[Change], None]) -> Watching:
    """Over a cameras file. Only the catalog, the blobs and the ring are written: a server may run beside it.

    Raises BadSettings, StoreError, and StoreBusy where another watch runs over the same data directory.
    """
    given = read_cameras(file)
    orders = _orders(given, settings)
    folder = settings.data_dir.resolve() / FOLDER
    lock = _alone(folder)
    _declare(parts, settings.tenant, given)
    parts.watch.watch.declare(cameras_declared(given.cameras))
    ring, rolls = Ring(folder, given.keep, system_clock), _rolls(parts, settings.tenant, given)
    board = Board(list(given.cameras), system_clock, told)
    examined = {name: camera for name, camera in given.cameras.items() if camera.examine}
    waiting = Waiting(list(examined), _WAITING)
    recorders = [
        Recorder(name, order, ring, rolls[name], board, waiting if name in examined else None, system_clock)
        for name, order in orders.items()
    ]
    examiner = Examiner(_taking(parts, settings, examined).take, waiting, ring, rolls, board) if examined else None
    watch = Watch(recorders, examiner, ring, rolls, board, given.keep, system_clock)
    watch.resume(waiting)
    return Watching(watch, folder, len(given.cameras), lock)


def cameras_check(data_dir: Path) -> Check:
    """How the cameras are, as the watch that runs on this data directory wrote it last."""
    standing = read_standing(data_dir / FOLDER)
    if standing is None:
        return Check("cameras", "off", "no live camera has been watched; watchfloor cameras cameras.yaml does")
    silent = (system_clock() - standing.at) / 1e6
    if silent * 1e6 > _SILENT_US:
        return Check("cameras", "off", f"watchfloor cameras does not run: it was last heard of {silent:.0f} s ago")
    ill = [f"{name} {now.state}: {now.why}" for name, now in standing.cameras.items() if now.state != RECORDING]
    skipped = sum(now.skipped for now in standing.cameras.values())
    told = [f"{len(standing.cameras) - len(ill)} of {len(standing.cameras)} recorded", *ill]
    told += [f"{skipped} clips recorded but not examined, for lack of time"] if skipped else []
    told += [standing.trouble] if standing.trouble else []
    return Check("cameras", "degraded" if ill or standing.trouble else "ok", "; ".join(told))


def _alone(folder: Path) -> FileLock:
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as problem:
        raise StoreBusy(f"another watchfloor cameras records into {folder}; stop it first") from problem
    return lock


def _orders(given: Cameras, settings: Settings) -> dict[str, Order]:
    asked = settings.cameras
    logins = read_logins(asked.credentials) if asked.credentials else {}
    common = Login(asked.user or "", asked.password.get_secret_value() if asked.password else "")
    return {name: _order(name, camera, logins, common) for name, camera in given.cameras.items()}


def _order(name: str, camera: Camera, logins: Mapping[str, Login], common: Login) -> Order:
    if camera.login and camera.login not in logins:
        raise BadSettings(f"camera {name}: the credentials file has no login {camera.login!r}")
    login = logins.get(camera.login or name, common)
    scheme, _, rest = camera.url.strip().partition(":")
    return Order(
        # FFmpeg knows protocols by their lower case
        url=f"{scheme.lower()}:{rest}",
        user=login.user,
        password=login.password,
        transport=camera.transport,
        stall_s=camera.patience_s,
        frozen_s=camera.frozen_s,
        segment_s=camera.segment_s,
    )


def _declare(parts: Parts, tenant: str, given: Cameras) -> None:
    for name, camera in given.cameras.items():
        unit = declared(name, camera, tenant, parts.book.site(tenant)[0])
        if unit is not None:
            parts.book.commit(unit)


def _rolls(parts: Parts, tenant: str, given: Cameras) -> dict[str, Roll]:
    entities, known = parts.book.site(tenant)[0], parts.book.labels(tenant)
    return {
        name: Roll(parts.book, tenant, name, policy_of(name, camera, entities).labels, known)
        for name, camera in given.cameras.items()
    }


def _taking(parts: Parts, settings: Settings, cameras: Mapping[str, Camera]) -> Taking:
    text, image = parts._text, parts._image
    spaces = f"text={text.space} image={image.space if image else 'off'}"
    encoding = Encoding(Assembler(parts.blobs, text, image, parts.book.erased), spaces)
    return Taking(parts.book, encoding, settings.tenant, cameras, partial(_reader, parts, settings))


def _reader(parts: Parts, settings: Settings, camera: Camera) -> Reader:
    """Clips of a camera are read as any other, at its own pace. Nobody listens to them: sound is not recorded."""
    limits = settings.limits
    caps = Limits(memory_bytes=limits.decode_mb * 2**20, wall_s=limits.decode_s)
    pace = {"step_ms": round(camera.look_s * 1000), "floor_ms": round(camera.keep_s * 1000)}
    sampling = Sampling(short_looks=_LOOKS, **pace)
    attention, veil = AlertAttention(parts.book.scan, parts.book.site), parts._senses.redactor
    reader = VideoReader(parts._detectors, parts._ocr, caps, sampling, redactor=veil, attention=attention)
    return parts._senses.masked([reader])[0]
