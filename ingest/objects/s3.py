"""S3, and what speaks it. The client is minio-py, which is typed, reads no environment, and lists keys as they are; its types stop here."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from ingest.objects.port import Seen
from retrieval.errors import BadSettings, SourceRejected, StoreError, UpstreamError

if TYPE_CHECKING:
    from minio import Minio

_AWS = "https://s3.amazonaws.com"
_CHUNK = 1 << 20
_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "ResourceNotFound", "PreconditionFailed"})
# of one object: no right to it, archived, encrypted under a key that we are not given (InvalidRequest) or that is disabled (KMS.…)
_FORBIDDEN = frozenset({"AccessDenied", "AllAccessDisabled", "InvalidObjectState", "InvalidRequest"})
_KEYS = "KMS."


class Access(NamedTuple):
    """Where the store is and who we are to it; the secrets are never logged or shown. Without a key objects are asked for anonymously."""

    endpoint_url: str = ""
    region: str = "us-east-1"
    key_id: str = ""
    secret: str = ""
    token: str = ""


class Patience(NamedTuple):
    """How long the store may take to take a connection and to send some bytes, in seconds, and how often it is asked again."""

    connect_s: float = 5.0
    read_s: float = 30.0
    again: int = 2


USUAL = Patience()


class S3Store:
    """One client for all buckets. Safe to share between threads."""

    def __init__(self, access: Access, patience: Patience = USUAL) -> None:
        """Raises BadSettings where the client is not installed."""
        if find_spec("minio") is None:
            raise BadSettings("reading from S3 needs the extra [s3]: pip install 'watchfloor[s3]'")
        self._where = access.endpoint_url or _AWS
        self._client = _client(access, self._where, patience)

    def listed(self, bucket: str, start: str) -> Iterator[Seen]:
        with self._told(bucket, ""):
            for each in self._client.list_objects(bucket, prefix=start, recursive=True):
                yield Seen(each.object_name or "", each.etag or "", each.size or 0)

    def stat(self, bucket: str, key: str) -> Seen | None:
        from minio.error import S3Error

        with self._told(bucket, key):
            try:
                found = self._client.stat_object(bucket, key)
            except S3Error as problem:
                if problem.code in _GONE:
                    return None
                self._explain(bucket, key)
                raise
        return Seen(key, found.etag or "", found.size or 0)

    def fetch(self, bucket: str, seen: Seen, to: Path, within_s: float | None = None) -> bool:
        from minio.error import S3Error

        until = None if within_s is None else time.monotonic() + within_s
        try:
            with self._told(bucket, seen.key):
                self._copy(bucket, seen, to, until)
        except BaseException as problem:
            to.unlink(missing_ok=True)
            if isinstance(problem.__cause__, S3Error) and problem.__cause__.code in _GONE:
                return False
            raise
        return True

    def _explain(self, bucket: str, key: str) -> None:
        """Have a refusal told in the store's own word. To HEAD it has none, and a login that ran out would pass for one object's own."""
        answer = self._client.get_object(bucket, key)
        answer.close()
        answer.release_conn()

    def _copy(self, bucket: str, seen: Seen, to: Path, until: float | None) -> None:
        # the entity tag makes the answer the bytes of what was seen, or none
        answer = self._client.get_object(bucket, seen.key, request_headers={"If-Match": f'"{seen.etag}"'})
        try:
            with to.open("xb") as file:
                for chunk in answer.stream(_CHUNK):
                    file.write(chunk)
                    if file.tell() > seen.size or (until is not None and time.monotonic() > until):
                        raise UpstreamError(
                            f"{bucket}/{seen.key!r} is longer than it was told to be, or comes too slowly"
                        )
            if to.stat().st_size != seen.size:
                raise UpstreamError(f"only {to.stat().st_size} of {seen.size} bytes of {bucket}/{seen.key!r} came")
        finally:
            answer.close()
            answer.release_conn()

    @contextlib.contextmanager
    def _told(self, bucket: str, key: str) -> Iterator[None]:
        """What the client raises, in words of ours."""
        from xml.etree.ElementTree import ParseError

        from minio.error import MinioException, S3Error
        from urllib3.exceptions import HTTPError

        try:
            yield
        except S3Error as problem:
            raise self._in_words(problem.code or "", bucket, key) from problem
        except ValueError as problem:
            # the client's own rules for names
            raise SourceRejected(f"it cannot be asked for: {problem}", kind="unsafe_key") from problem
        except OSError as problem:
            if problem.filename or problem.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreError(f"the spool cannot be written: {problem.strerror}") from problem
            raise self._away(problem) from problem
        except (HTTPError, MinioException, ParseError) as problem:
            raise self._away(problem) from problem

    def _away(self, problem: Exception) -> UpstreamError:
        why = " ".join(str(problem).split())[:200]
        return UpstreamError(f"the object store {self._where} cannot be reached or answers wrongly: {why}")

    def _in_words(self, said: str, bucket: str, key: str) -> SourceRejected | UpstreamError:
        if key and (said in _FORBIDDEN or said.startswith(_KEYS)):
            hint = ": it needs s3:GetObject, and s3:ListBucket, without which what is missing looks so"
            told = f"the object store refuses it ({said}){hint if said == 'AccessDenied' else ''}"
            return SourceRejected(told, kind="forbidden")
        return UpstreamError(f"the object store {self._where} refuses bucket {bucket!r}: {said}")


def _client(access: Access, where: str, patience: Patience) -> Minio:
    """Raises BadSettings for an address that is none."""
    import urllib3
    from minio import Minio

    place = urlsplit(where)
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=patience.connect_s, read=patience.read_s),
        retries=urllib3.Retry(
            total=patience.again, backoff_factor=0.2, redirect=0, status_forcelist=[500, 502, 503, 504]
        ),
    )
    try:
        return Minio(
            place.netloc,
            access_key=access.key_id or None,
            secret_key=access.secret or None,
            session_token=access.token or None,
            secure=place.scheme == "https",
            region=access.region,
            http_client=pool,
        )
    except ValueError as problem:
        raise BadSettings(f"objects.endpoint_url {where!r}: {problem}") from problem
