"""Commitments find the bytes they were made to, wherever those stand, and nothing else; signatures are those of RFC 8032."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.erasure import ed25519
from retrieval.erasure.needles import ID, VECTOR, WORD, Finder, look_through, needle, packed, unpacked
from retrieval.erasure.wording import distinctive, stored

SALT = bytes(range(32))
# RFC 8032 §7.1, tests 1 to 3: seed, public key, message, signature
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
# strings that differ enough to be told from chance
strings = st.binary(min_size=8, max_size=200).filter(lambda data: needle(SALT, WORD, data) is not None)


@given(strings, st.binary(max_size=300), st.binary(max_size=300))
def test_a_string_is_found_wherever_it_begins(wanted: bytes, before: bytes, after: bytes) -> None:
    made = needle(SALT, WORD, wanted)
    assert made is not None
    places = {found.offset for found in Finder(SALT, [made]).in_bytes(before + wanted + after)}
    whole = before + wanted + after
    assert places == {at for at in range(len(whole)) if whole.startswith(wanted, at)}


@given(strings, st.binary(max_size=600))
def test_where_it_is_not_nothing_is_found(wanted: bytes, data: bytes) -> None:
    made = needle(SALT, ID, wanted)
    assert made is not None
    assert bool(list(Finder(SALT, [made]).in_bytes(data))) == (wanted in data)


def test_a_string_that_two_reads_share_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.erasure.needles._CHUNK", 64)
    wanted = b"serial number 4711-00-93"
    made = needle(SALT, WORD, wanted)
    assert made is not None
    for at in range(40, 70):
        data = b"." * at + wanted + b"." * 90
        assert {found.offset for found in Finder(SALT, [made]).in_file(io.BytesIO(data))} == {at}


def test_without_the_salt_nothing_is_found() -> None:
    made = needle(SALT, WORD, b"Okaforsen")
    assert made is not None
    assert list(Finder(bytes(32), [made]).in_bytes(b"told by Okaforsen herself")) == []


def test_runs_of_the_same_byte_are_no_needle() -> None:
    assert needle(SALT, VECTOR, bytes(1536)) is None
    assert needle(SALT, WORD, b"short") is None


@given(st.text(max_size=60))
def test_a_text_is_looked_for_as_it_stands_and_in_each_normal_form(text: str) -> None:
    forms = stored(text)
    assert forms[0] == text and len(set(forms)) == len(forms)
    assert set(forms[1:]) <= {unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC")} <= set(forms)  # type: ignore[arg-type]


def test_a_word_with_its_accents_apart_is_one_word() -> None:
    apart = unicodedata.normalize("NFD", "The badge of Günther-Strøm77 was lost")
    assert list(distinctive(apart))[:1] == [unicodedata.normalize("NFD", "Günther-Strøm77")]


def test_needles_come_back_from_text_and_damage_is_told() -> None:
    made = [each for word in (b"first word", b"second word") if (each := needle(SALT, WORD, word))]
    assert unpacked(packed(made)) == made
    with pytest.raises(ValueError, match=r"commitments|base64"):
        unpacked(packed(made)[:-8])


def test_every_file_below_a_folder_is_read_once_whatever_leads_to_it(tmp_path: Path) -> None:
    made = needle(SALT, WORD, b"Okaforsen")
    assert made is not None
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "log").write_bytes(b"xx Okaforsen")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er" / "log")
    (tmp_path / "deep" / "round").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "not there")
    os.mkfifo(tmp_path / "pipe")
    look = look_through(tmp_path, Finder(SALT, [made]))
    assert (look.files, [at.offset for _, at in look.found], look.unread) == (2, [3], ())


def test_what_a_linked_folder_has_is_found(tmp_path: Path) -> None:
    made = needle(SALT, WORD, b"Okaforsen")
    assert made is not None
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "log").write_bytes(b"Okaforsen")
    data = tmp_path / "data"
    data.mkdir()
    (data / "models").symlink_to(tmp_path / "elsewhere")
    assert [path.name for path, _ in look_through(data, Finder(SALT, [made])).found] == ["log"]


@pytest.mark.parametrize(("problem", "unread"), [(PermissionError, ("shut: shut",)), (FileNotFoundError, ())])
def test_a_folder_that_cannot_be_listed_is_told_and_one_that_went_away_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: type[OSError], unread: tuple[str, ...]
) -> None:
    (tmp_path / "shut").mkdir()
    listing = os.scandir

    def scandir(place: str) -> Any:
        if Path(place).name == "shut":
            raise problem(1, "shut", str(place))
        return listing(place)

    monkeypatch.setattr("os.scandir", scandir)
    assert look_through(tmp_path, Finder(SALT, [])).unread == unread


@pytest.mark.parametrize(("seed", "public", "message", "signature"), VECTORS)
def test_signatures_are_those_of_the_rfc(seed: str, public: str, message: str, signature: str) -> None:
    secret, told = bytes.fromhex(seed), bytes.fromhex(message)
    assert ed25519.public_key(secret).hex() == public
    assert ed25519.sign(secret, told).hex() == signature
    assert ed25519.verifies(bytes.fromhex(public), told, bytes.fromhex(signature))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64), st.integers(0, 511))
def test_a_flipped_bit_is_seen(seed: bytes, message: bytes, bit: int) -> None:
    public, signature = ed25519.public_key(seed), bytearray(ed25519.sign(seed, message))
    signature[bit // 8] ^= 1 << bit % 8
    assert not ed25519.verifies(public, message, bytes(signature))
    assert not ed25519.verifies(public, message + b"x", ed25519.sign(seed, message))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_verifies_what_we_sign(tmp_path: Path) -> None:
    message = b'{"erasure":"er_1"}'
    # SubjectPublicKeyInfo of an Ed25519 key: a fixed head (RFC 8410 §4) before its 32 bytes
    key = bytes.fromhex("302a300506032b6570032100") + ed25519.public_key(SALT)
    for name, data in (("key", key), ("message", message), ("signature", ed25519.sign(SALT, message))):
        (tmp_path / name).write_bytes(data)
    command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in message -sigfile signature"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
