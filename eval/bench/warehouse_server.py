"""A server that speaks Snowflake's protocol on loopback, for the real connector to talk to: fakesnow, from scripts/snowflake-env."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_START_S = 30.0
_PASSPHRASE = "of-this-run-alone"  # noqa: S105 - of a key made for one run


class FakeSnowflake(NamedTuple):
    """Where it listens, and the private key a user logs in with (the server looks at no key; the connector signs with it all the same)."""

    port: int
    key: Path
    passphrase: str

    @property
    def connection(self) -> dict[str, Any]:
        """As a warehouse file has it."""
        return {
            "kind": "snowflake", "account": "plant", "user": "PULL", "database": "PLANT", "schema": "PUBLIC",
            "host": "127.0.0.1", "port": self.port, "protocol": "http",
        }  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """The settings that go with it."""
        prefix = "WATCHFLOOR_WAREHOUSE__PRIVATE_KEY"
        return {f"{prefix}_FILE": str(self.key), f"{prefix}_PASSPHRASE": self.passphrase}

    def execute(self, statements: Sequence[str]) -> None:
        """Run statements as somebody else: what loads the tables."""
        from snowflake import connector

        named = {key: value for key, value in self.connection.items() if key != "kind"}
        # else the connector asks the network around which cloud this is
        named["platform_detection_timeout_seconds"] = 0.0
        with contextlib.closing(connector.connect(**named, password="any")) as connection:  # noqa: S106 - none is looked at
            for statement in statements:
                connection.cursor().execute(statement)


@contextlib.contextmanager
def fake_snowflake(folder: Path) -> Iterator[FakeSnowflake]:
    """Run by the Python of that environment. Its tables live as long as it does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with (folder / "fakesnow.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "fakesnow", "-s", "-p", str(port)], stdout=log, stderr=log)
        try:
            _wait(port, process)
            yield FakeSnowflake(port, _key(folder), _PASSPHRASE)
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError("fakesnow did not start; see fakesnow.log")


def _key(folder: Path) -> Path:
    """A new key pair; the private one is written as PKCS #8 under a passphrase."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = folder / "key.p8"
    lock = BestAvailableEncryption(_PASSPHRASE.encode())
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    return path
