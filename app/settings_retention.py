"""The settings of retention: a part of app/settings.py, which alone reads the environment."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

_AGE = re.compile(r"[1-9]\d{0,4}[hdwy]")


class Retention(BaseModel):
    """How long evidence of each kind is kept, as 36h, 30d, 12w or 7y; what is older is erased. A legal hold keeps it all the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: str | None = Field(None, description="how long frames are kept; none = for ever")
    passage: str | None = Field(None, description="how long passages are kept; none = for ever")
    alert: str | None = Field(None, description="how long alerts are kept; none = for ever")
    window: str | None = Field(None, description="how long windows of series are kept; none = for ever")
    transcript: str | None = Field(None, description="how long transcripts are kept; none = for ever")
    row: str | None = Field(None, description="how long rows of tables are kept; none = for ever")
    coverage: str | None = Field(
        "90d",
        description="how long records of coverage are kept once another has taken their place; as_of beyond it says so; none = for ever",
    )
    by: Literal["recorded", "valid"] = Field(
        "recorded", description="what age is counted from: when it was recorded, or when it happened (valid)"
    )
    every_s: float = Field(86_400.0, gt=0, description="how often a running server applies these, in seconds")

    @field_validator("frame", "passage", "alert", "window", "transcript", "row", "coverage", mode="before")
    @classmethod
    def _is_age(cls, given: object) -> object:
        if given in ("none", ""):
            return None
        if given is not None and not (isinstance(given, str) and _AGE.fullmatch(given)):
            raise ValueError("an age is needed: 36h, 30d, 12w or 7y; none = for ever")
        return given
