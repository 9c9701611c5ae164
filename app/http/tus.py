"""Resumable uploads by the tus protocol, version 1.0.0 (https://tus.io/protocols/resumable-upload), with the extensions creation,
termination, checksum and expiration. A whole upload is ingested as any other; GET tells what became of it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import msgspec
import structlog
from litestar import HttpMethod, Litestar, Response, delete, patch, post, route
from litestar.params import FromPath

from app.http.context import AnyRequest, Options
from app.http.errors import Refused, error_body
from app.http.partial import (
    RECEIVING,
    REFUSED,
    TAKEN,
    WHOLE,
    Caps,
    Checksum,
    ChecksumMismatch,
    Partial,
    Partials,
)
from app.http.uploads import forget, safe_name
from app.ports import Advance, Service, SourceReport
from app.wire import report_json, summary_json
from retrieval.errors import InputError, JobCancelled, StoreError, UpstreamError
from retrieval.types import Principal

VERSION, PATH = "1.0.0", "/v1/uploads"
_ALGORITHMS = ("sha1", "sha256")
_PIECE = "application/offset+octet-stream"
_LONGEST_METADATA = 4096
_AGAIN_S = 5.0
_MISMATCH = 460
_ALWAYS = {"tus-resumable": VERSION, "cache-control": "no-store"}


class Uploads:
    """Uploads under way, and the taking in of those that are whole: one after the other, again after a restart until it is done."""

    def __init__(self, partials: Partials, service: Service, principal: Principal, now: Callable[[], int]) -> None:
        self.partials, self.now = partials, now
        self._service, self._principal = service, principal
        self._held: set[str] = set()
        # whole, and not taken in because of a mistake of ours: the next start tries again
        self._aside: set[str] = set()
        self._came = asyncio.Event()
        self._log = structlog.get_logger(__name__)

    @contextlib.contextmanager
    def alone(self, id_: str) -> Iterator[None]:
        """Raises Refused (423) where another request writes to this upload."""
        if id_ in self._held:
            raise Refused(423, "locked", "another request writes to this upload; wait for it to end")
        self._held.add(id_)
        try:
            yield
        finally:
            self._held.discard(id_)

    def whole(self) -> None:
        """One more is to be taken in."""
        self._came.set()

    async def settle(self) -> None:
        """Take in what is whole, until cancelled. A store or a model that is away is waited for."""
        while True:
            self._came.clear()
            well = await asyncio.to_thread(self._settle)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), None if well else _AGAIN_S)

    def _settle(self) -> bool:
        well = True
        for partial in [each for each in self.partials.all() if each.state == WHOLE and each.id not in self._aside]:
            try:
                self._take(partial)
            except (StoreError, UpstreamError, OSError) as problem:
                well = False
                self._log.warning("an upload waits", upload=partial.id, why=str(problem), again_in_s=_AGAIN_S)
            except Exception as problem:  # noqa: BLE001 - the edge of one upload: a mistake of ours must not stop those behind it for good
                self._set_aside(partial, problem)
        return well

    def _take(self, partial: Partial) -> None:
        reports: list[SourceReport] = []

        def progress(step: Advance) -> None:
            if step.report is not None:
                reports.append(step.report)

        saved = self.partials.put_in_place(partial)
        try:
            summary = self._service.ingest([saved.folder], self._principal, progress)
        except InputError as problem:
            if not isinstance(problem, JobCancelled):
                # a job that was cancelled can be resumed as long as its files are there
                forget(saved)
            self.partials.done(partial, REFUSED, error_body(problem), self.now())
            return
        told = {"sources": [report_json(report) for report in reports], **summary_json(summary)}
        useful = bool(summary.ingested or summary.unchanged)
        if not useful:
            forget(saved)
        self.partials.done(partial, TAKEN if useful else REFUSED, told, self.now())

    def _set_aside(self, partial: Partial, problem: Exception) -> None:
        self._aside.add(partial.id)
        with contextlib.suppress(OSError):
            self.partials.save(msgspec.structs.replace(partial, told=error_body(problem)))


def mounted(service: Service, principal: Principal, options: Options) -> tuple[list[Any], Callable[[Litestar], Any]]:
    """The routes, and what must run while they do."""
    root = options.data_dir / "uploads"
    partials = Partials(root / ".tus", root, Caps(options.max_upload_bytes))
    uploads = Uploads(partials, service, principal, options.now)

    @asynccontextmanager
    async def settling(_: Litestar) -> AsyncIterator[None]:
        task = asyncio.create_task(uploads.settle())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    return _routes(uploads), settling


def _routes(uploads: Uploads) -> list[Any]:
    @route(PATH, http_method=[HttpMethod.OPTIONS], include_in_schema=False)
    async def able() -> Response[None]:
        return Response(None, status_code=204, headers=_abilities(uploads.partials.caps))

    @post(PATH, status_code=201, tags=["taking in"], summary="Begin a resumable upload (tus 1.0.0)")
    async def begin(request: AnyRequest) -> Response[None]:
        with _spoken(request):
            return await _begun(uploads, request)

    @route(
        PATH + "/{upload_id:str}",
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        tags=["taking in"],
        summary="How far an upload is, and what became of it",
        description="HEAD is tus's; GET tells state (receiving, whole, taken, refused) and, once it was ingested, its reports.",
    )
    async def standing(request: AnyRequest, upload_id: FromPath[str]) -> Response[Any]:
        with _spoken(request, of_tus=request.method == "HEAD"):
            found = await asyncio.to_thread(uploads.partials.find, upload_id, uploads.now())
            body = None if request.method == "HEAD" else _told(found)
            return Response(body, headers=_headers(uploads, found) | {"upload-metadata": found.metadata})

    @patch(
        PATH + "/{upload_id:str}",
        status_code=204,
        request_max_body_size=None,
        tags=["taking in"],
        summary="Append to an upload",
    )
    async def append(request: AnyRequest, upload_id: FromPath[str]) -> Response[None]:
        with _spoken(request):
            return await _appended(uploads, request, upload_id)

    @delete(PATH + "/{upload_id:str}", status_code=204, tags=["taking in"], summary="Throw an upload away")
    async def terminate(request: AnyRequest, upload_id: FromPath[str]) -> Response[None]:
        with _spoken(request):
            return await _terminated(uploads, upload_id)

    @post(
        PATH + "/{upload_id:str}",
        status_code=204,
        request_max_body_size=None,
        tags=["taking in"],
        summary="PATCH or DELETE an upload, for clients that can only POST",
        description="X-HTTP-Method-Override says which.",
    )
    async def overridden(request: AnyRequest, upload_id: FromPath[str]) -> Response[None]:
        """For clients that can send nothing but POST."""
        with _spoken(request):
            method = request.headers.get("x-http-method-override", "").upper()
            if method == "PATCH":
                return await _appended(uploads, request, upload_id)
            if method == "DELETE":
                return await _terminated(uploads, upload_id)
            raise Refused(405, "method_not_allowed", "an upload takes PATCH, HEAD, GET and DELETE")

    return [able, begin, standing, append, terminate, overridden]


async def _begun(uploads: Uploads, request: AnyRequest) -> Response[None]:
    if "upload-defer-length" in request.headers:
        raise Refused(400, "bad_input", "say how long the upload is: Upload-Length; deferred lengths are not taken")
    length, metadata = _number(request, "upload-length"), request.headers.get("upload-metadata", "")
    name = safe_name(_metadata(metadata).get("filename", "upload"))
    made = await asyncio.to_thread(uploads.partials.create, length, name, metadata, uploads.now())
    if made.state == WHOLE:
        uploads.whole()
    return Response(None, status_code=201, headers=_headers(uploads, made) | {"location": f"{PATH}/{made.id}"})


async def _appended(uploads: Uploads, request: AnyRequest, upload_id: str) -> Response[None]:
    if request.headers.get("content-type", "").split(";")[0].strip() != _PIECE:
        raise Refused(415, "bad_input", f"a piece of an upload is {_PIECE}")
    checksum = _checksum(request.headers.get("upload-checksum"))
    with uploads.alone(upload_id):
        found = await asyncio.to_thread(uploads.partials.find, upload_id, uploads.now())
        if found.state != RECEIVING or _number(request, "upload-offset") != found.offset:
            raise Refused(409, "conflict", f"{found.offset} of {found.length} bytes are here; go on behind them")
        try:
            grown = await uploads.partials.append(found, request.stream(), checksum, uploads.now())
        except ChecksumMismatch as problem:
            told = "the piece is not what Upload-Checksum says; send it again"
            raise Refused(_MISMATCH, "checksum_mismatch", told) from problem
    if grown.state == WHOLE:
        uploads.whole()
    return Response(None, status_code=204, headers=_headers(uploads, grown))


async def _terminated(uploads: Uploads, upload_id: str) -> Response[None]:
    with uploads.alone(upload_id):
        found = await asyncio.to_thread(uploads.partials.find, upload_id, uploads.now())
        if found.state == WHOLE:
            raise Refused(409, "conflict", "the upload is whole and being taken in")
        await asyncio.to_thread(uploads.partials.remove, found.id)
    return Response(None, status_code=204, headers=_ALWAYS)


@contextlib.contextmanager
def _spoken(request: AnyRequest, of_tus: bool = True) -> Iterator[None]:
    """Refuses other versions of the protocol (412), and gives refusals the headers of this one."""
    try:
        if of_tus and request.headers.get("tus-resumable") != VERSION:
            raise Refused(412, "bad_input", f"send Tus-Resumable: {VERSION}")
        yield
    except Refused as refused:
        refused.headers = {**(refused.headers or {}), **_ALWAYS, "tus-version": VERSION}
        raise


def _abilities(caps: Caps) -> dict[str, str]:
    return {
        **_ALWAYS,
        "tus-version": VERSION,
        "tus-extension": "creation,termination,checksum,expiration",
        "tus-max-size": str(caps.most_bytes),
        "tus-checksum-algorithm": ",".join(_ALGORITHMS),
    }


def _headers(uploads: Uploads, partial: Partial) -> dict[str, str]:
    over = datetime.fromtimestamp(uploads.partials.expires(partial) / 1e6, UTC)
    offset = {"upload-offset": str(partial.offset), "upload-length": str(partial.length)}
    return {**_ALWAYS, **offset, "upload-expires": format_datetime(over, usegmt=True)}


def _told(partial: Partial) -> dict[str, Any]:
    shown = ("id", "name", "length", "offset", "state", "told")
    return {name: getattr(partial, name) for name in shown}


def _number(request: AnyRequest, header: str) -> int:
    """Raises Refused."""
    given = request.headers.get(header, "")
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise Refused(400, "bad_input", f"{header} must be a whole number of bytes")
    return int(given)


def _metadata(header: str) -> dict[str, str]:
    """`filename d29ybGQ=,other`: pairs of a key and a value in base64. Raises Refused."""
    if len(header) > _LONGEST_METADATA:
        raise Refused(400, "bad_input", f"Upload-Metadata has {len(header)} characters; {_LONGEST_METADATA} at most")
    pairs = (pair.split() for pair in header.split(",") if pair.strip())
    try:
        return {key: base64.b64decode("".join(value), validate=True).decode() for key, *value in pairs}
    except (binascii.Error, UnicodeDecodeError, ValueError) as problem:
        raise Refused(400, "bad_input", "Upload-Metadata must be keys with values in base64") from problem


def _checksum(header: str | None) -> Checksum | None:
    """`sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=`. Raises Refused."""
    if header is None:
        return None
    algorithm, _, given = header.partition(" ")
    if algorithm not in _ALGORITHMS:
        raise Refused(400, "bad_input", f"checksums are taken by {' and '.join(_ALGORITHMS)}")
    told = "Upload-Checksum must be an algorithm and its digest in base64"
    try:
        digest = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise Refused(400, "bad_input", told) from problem
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise Refused(400, "bad_input", told)
    return Checksum(algorithm, digest)
