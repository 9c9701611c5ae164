"""Every setting, in one place: the only module that reads the environment.

Order of precedence: what the caller passes, `WATCHFLOOR_…` variables (`__` between levels, e.g. WATCHFLOOR_MODEL__BASE_URL), a toml
file (`--config`, or `WATCHFLOOR_CONFIG`), the defaults below.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from app.settings_retention import Retention
from retrieval.errors import BadSettings

Language: TypeAlias = Literal["english", "french", "german", "spanish"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Model(_Part):
    """The vision-language model that words answers; off until `base_url` is set."""

    base_url: str | None = Field(
        None, description="OpenAI-compatible endpoint, e.g. http://127.0.0.1:8001/v1; none = evidence brief"
    )
    name: str = Field("Qwen/Qwen2.5-VL-7B-Instruct", description="model name as the endpoint lists it")
    api_key: SecretStr | None = Field(None, description="sent as a bearer token, never logged")
    timeout_s: float = Field(30.0, gt=0, description="longest wait for one answer of the model, in seconds")
    max_images: int = Field(4, ge=0, description="frames shown to the model for one question")
    looks: int = Field(2, ge=0, description="claims on a frame that get a second, narrow look at it; 0 = none")
    max_tokens: int = Field(1024, ge=64, description="longest answer of the model, in tokens")
    context: int | None = Field(
        None,
        ge=1024,
        description="tokens that prompt and answer may have together; none = as the endpoint tells, else 8192",
    )
    images: int | None = Field(
        None, ge=0, description="pictures one prompt may carry; none = tried out, up to max_images"
    )
    json_schema: bool | None = Field(
        None, description="whether the endpoint keeps replies to a JSON schema; none = tried out"
    )
    logprobs: bool | None = Field(
        None, description="whether the endpoint gives tokens' probabilities; none = tried out"
    )
    probe_timeout_s: float = Field(
        5.0, gt=0, description="longest wait for one trial of what the endpoint can do, in seconds"
    )
    concurrency: int = Field(8, ge=1, description="questions that are with the model at once")
    queue: int = Field(
        32, ge=0, description="questions that may wait for the model; the brief answers what comes beyond"
    )
    failures: int = Field(5, ge=1, description="failures in a row after which the model is left alone for a while")
    cool_down_s: float = Field(
        3.0, gt=0, description="how long it is left alone before one question tries it again, in seconds"
    )

    @field_validator("base_url")
    @classmethod
    def _address(cls, base_url: str | None) -> str | None:
        if base_url is not None:
            try:
                parts = urlsplit(base_url)
                well = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
            except ValueError:
                well = False
            if not well or parts.username or parts.password:
                raise ValueError("an address as http://HOST:PORT/v1 is needed, without a name or password in it")
        return base_url


class Encoders(_Part):
    """What turns text and pictures into vectors, and sound into text."""

    text: str | None = Field(
        None, description="sentence-transformers name or path; none = the packaged all-MiniLM-L6-v2"
    )
    image: str = Field(
        "auto", description="open_clip tag or folder; auto = the site's own, else offline eyes, else off; off"
    )
    image_pretrained: str | None = Field(None, description="open_clip pretrained tag or path, e.g. laion2b_s34b_b79k")
    detector: str = Field("auto", description="auto = the COCO detector where the eyes extra is installed; off")
    speech: str = Field(
        "auto",
        description="faster-whisper model, folder or cached name; auto = the packaged tiny.en where the speech extra is installed; off",
    )
    entailment: str | None = Field(
        None,
        description="cross-encoder for natural-language inference, name or path; none = rules on words and figures",
    )
    gpu: bool = Field(True, description="use a GPU for FAISS and encoders when there is one")


class Detection(_Part):
    """Detectors whose weights are the user's own; what they are not measured to see is never said to be absent."""

    open_vocabulary: str | None = Field(
        None, description="OWLv2, OWL-ViT or Grounding DINO: a folder, or a cached hub name; none = off"
    )
    labels: tuple[str, ...] = Field((), description="what the open-vocabulary detector looks for, in the site's words")
    open_score: float | None = Field(
        None, ge=0, le=1, description="least score of what it reports; none = its card's, else 0.15 to 0.35 by family"
    )
    download: bool = Field(False, description="whether its weights may be downloaded")
    yolo: Path | None = Field(None, description=".onnx file of a YOLO or RT-DETR model; none = off")
    yolo_labels: Path | None = Field(
        None, description="text file with its class names, one a line; none = as the file's metadata says"
    )
    yolo_score: float | None = Field(
        None, ge=0, le=1, description="least score of what it reports; none = its card's, else 0.3"
    )
    threads: int = Field(2, ge=1, description="processor threads each of the two may keep busy")


class Privacy(_Part):
    """What is hidden before anything is stored; which pictures are blurred is the site description's to say."""

    faces: Path | None = Field(None, description="YuNet .onnx file that finds faces to blur; none = OpenCV's cascades")
    text: Literal["off", "patterns", "presidio"] = Field(
        "off",
        description="masks personal data in text: off, patterns, or presidio where the privacy extra is installed",
    )


class Neo4j(_Part):
    """The graph outside this process; none = embedded LadybugDB."""

    uri: str | None = Field(None, description="bolt:// or neo4j:// address; none = embedded graph")
    user: str = Field("neo4j", description="user name")
    password: SecretStr | None = Field(None, description="password")
    database: str | None = Field(None, description="database name; none = the server's default")


class Store(_Part):
    """Where the catalog, and the jobs with it, are kept."""

    url: str | None = Field(
        None,
        description="postgresql://USER@HOST:PORT/DATABASE of the catalog; none = a SQLite file in the data directory",
    )
    password: SecretStr | None = Field(None, description="its password, never logged")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        try:
            parts = urlsplit(url or "postgresql://user@host/database")
            well = parts.scheme == "postgresql" and bool(parts.hostname) and parts.port != 0 and len(parts.path) > 1
        except ValueError:
            well = False
        if not well or parts.password:
            raise ValueError("postgresql://USER@HOST:PORT/DATABASE is needed, without a password in it")
        return url


class Vectors(_Part):
    """How vectors are held."""

    storage: Literal["exact", "quantised"] = Field(
        "exact",
        description="exact = all in memory; quantised = short codes in memory, the vectors in a file by which the best are compared",
    )


class Words(_Part):
    """How words are found."""

    languages: tuple[Language, ...] = Field(
        ("english",), min_length=1, description="whose word endings do not matter: english, french, german, spanish"
    )
    tenants: dict[str, tuple[Language, ...]] = Field(
        {}, description='tenants with languages of their own, e.g. {"lyon": ["french", "english"]}'
    )


class Slack(_Part):
    """The Slack bot: off until a token is set, and silent outside the listed teams and channels."""

    bot_token: SecretStr | None = Field(None, description="xoxb- token")
    app_token: SecretStr | None = Field(None, description="xapp- token, for Socket Mode")
    signing_secret: SecretStr | None = Field(None, description="signing secret, for the Events API")
    teams: tuple[str, ...] = Field((), description="workspace ids that may ask; empty = none")
    channels: tuple[str, ...] = Field((), description="channel ids that may ask; empty = none")
    base_url: str | None = Field(None, description="Slack Web API address, for tests and proxies")


class Bus(_Part):
    """Who we are to the message bus that `watchfloor listen` listens to."""

    user: str | None = Field(None, description="user name; none = without credentials")
    password: SecretStr | None = Field(None, description="its password, never logged")


class Objects(_Part):
    """The object store (S3, and what speaks it) that `watchfloor follow`, feeds and notifications take objects from."""

    endpoint_url: str | None = Field(
        None, description="http(s)://HOST:PORT of a store that speaks S3; none = Amazon's own"
    )
    region: str = Field("us-east-1", description="region of its buckets")
    key_id: str | None = Field(None, description="access key; none = objects are asked for anonymously")
    secret: SecretStr | None = Field(None, description="its secret, never logged")
    token: SecretStr | None = Field(None, description="session token of temporary keys, never logged")
    prefixes: tuple[str, ...] = Field(
        (), description="s3://BUCKET/PREFIX that notifications over HTTP may be about; empty = none"
    )
    spool_mb: int = Field(4_096, ge=1, description="largest object, and most that is fetched at once, in MiB")
    kept_mb: int = Field(
        8_192, ge=1, description="recordings of objects kept to be played, in MiB; others are fetched again"
    )

    @field_validator("endpoint_url")
    @classmethod
    def _address(cls, endpoint_url: str | None) -> str | None:
        parts = urlsplit(endpoint_url or "https://host")
        plain = not (parts.username or parts.password or parts.path.strip("/") or parts.query)
        if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
            raise ValueError("an address as https://HOST:PORT is needed, without a name, a password or a path in it")
        return endpoint_url

    @field_validator("prefixes")
    @classmethod
    def _named(cls, prefixes: tuple[str, ...]) -> tuple[str, ...]:
        if any(not each.startswith("s3://") or not urlsplit(each).netloc for each in prefixes):
            raise ValueError("each must be s3://BUCKET/PREFIX, or s3://BUCKET/ for all of it")
        return prefixes


class Cameras(_Part):
    """Who we are to the cameras that `watchfloor cameras` records; their addresses never hold a password."""

    user: str | None = Field(None, description="user name for every camera without one of its own; none = without")
    password: SecretStr | None = Field(None, description="its password, never logged")
    credentials: Path | None = Field(
        None, description="yaml file, readable by its owner only: camera id or login → {user, password}"
    )


class Warehouse(_Part):
    """Who we are to the warehouse that `watchfloor pull` reads; its file never holds a key."""

    user: str | None = Field(None, description="user name; none = as the warehouse file says")
    private_key_file: Path | None = Field(
        None, description="file of that user's private key (PKCS #8, PEM), for Snowflake's key-pair authentication"
    )
    private_key_passphrase: SecretStr | None = Field(None, description="its passphrase, never logged")


class Ingest(_Part):
    """What reads sources in bulk."""

    engine: Literal["local", "ray"] = Field(
        "local", description="what reads: local = this process; ray = workers of Ray, where the ray extra is installed"
    )
    ray_address: str | None = Field(
        None, description="head of a Ray cluster, HOST:PORT or ray://HOST:PORT; none = started here for the run"
    )
    ray_workers: int = Field(2, ge=1, description="Ray workers that read at once")


class Limits(_Part):
    """Caps on what is taken in and how long it may take."""

    question_chars: int = Field(
        4_000, ge=1, description="longest question, and longest text of a search, in characters"
    )
    deadline_s: float = Field(
        30.0, gt=0, description="longest time for one answer, in seconds; see Limits for what it binds"
    )
    upload_mb: int = Field(512, ge=1, description="largest upload, in MiB")
    decode_mb: int = Field(2_048, ge=256, description="memory cap of a decoding process, in MiB")
    decode_s: float = Field(900.0, gt=0, description="time cap for decoding one file, in seconds")
    concurrent_asks: int = Field(
        8, ge=1, description="questions and searches one asker may have under way; more are refused (429)"
    )
    total_asks: int = Field(64, ge=1, description="questions and searches that may be under way in all")
    asks_per_minute: int | None = Field(
        None, ge=1, description="questions one asker may ask a minute; none = any number"
    )
    tokens_per_minute: int | None = Field(
        None, ge=1, description="tokens of the model one asker may use a minute; none = any number"
    )
    abstain: Literal["off", "warn", "refuse"] = Field(
        "warn",
        description="below the confidence threshold: off = nothing, warn = the answer says so, refuse = it is insufficient",
    )


class Settings(BaseSettings):
    """All settings of a Watchfloor."""

    model_config = SettingsConfigDict(
        env_prefix="WATCHFLOOR_",
        env_nested_delimiter="__",
        frozen=True,
        # a misspelt name in the file is refused; of the environment only the names below are read at all
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Field(Path("watchfloor-data"), description="the one directory that holds all state")
    tenant: str = Field("default", description="whose data this is")
    timezone: str = Field("auto", description="zone of times without one; auto = the site's, else UTC")
    host: str = Field("127.0.0.1", description="address to listen on; loopback only until access control is configured")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 = any free one")
    model: Model = Model()
    encoders: Encoders = Encoders()
    detection: Detection = Detection()
    privacy: Privacy = Privacy()
    instance: str = Field(
        "local",
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}$",
        description="which of several servers on one data directory this is: each has indexes of its own",
    )
    store: Store = Store()
    words: Words = Words()
    vectors: Vectors = Vectors()
    neo4j: Neo4j = Neo4j()
    slack: Slack = Slack()
    bus: Bus = Bus()
    cameras: Cameras = Cameras()
    objects: Objects = Objects()
    ingest: Ingest = Ingest()
    warehouse: Warehouse = Warehouse()
    limits: Limits = Limits()
    retention: Retention = Retention()

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        if host != "localhost" and not _is_loopback(host):
            raise ValueError(
                f"{host} is not loopback; access control is not configured, so only 127.0.0.1 or ::1 are served"
            )
        return host

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def inherited(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, and `more`: for another program that takes its place."""
    return os.environ | dict(more)


def hand_down(more: Mapping[str, str]) -> None:
    """Set variables that a library, and the programs it starts, take from the environment."""
    os.environ.update(more)


def load(config: Path | None = None, **given: Any) -> Settings:
    """Read the settings. Raises BadSettings naming the setting that is wrong, with no secret in the message."""
    path = config or (Path(found) if (found := os.environ.get("WATCHFLOOR_CONFIG")) else None)
    if path is not None and not path.is_file():
        raise BadSettings(f"no settings file at {path}")

    class _FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return _FromFile(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        said = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise BadSettings(f"setting {name}: {said}") from None
    except ValueError as error:
        raise BadSettings(f"settings: {error}") from None
