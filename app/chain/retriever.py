"""Evidence as LangChain documents."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, SkipValidation

from app.ports import Service
from app.wire import as_json, hit_out
from retrieval.types import Filter, Hit, Principal, Query


class WatchfloorRetriever(BaseRetriever):
    """Finds evidence for a text, best first, within `filter`, as `principal` may see it.

    A document's `page_content` is the evidence's text, its `id` the evidence's. Metadata are plain JSON: evidence (the id), source (a
    uri), kind, locator, valid ({start, end} as RFC 3339 in UTC, or None), score (fused, higher is better) and channels (ranks from 1).
    Raises what Service.search raises.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    service: Annotated[Service, SkipValidation] = Field(repr=False)
    principal: Principal = Field(repr=False)
    k: int = Field(10, ge=1, le=1000)
    filter: Filter = Filter()
    channels: tuple[str, ...] = ()

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        asked = Query(text=query, filter=self.filter, k=self.k, channels=self.channels)
        return [_document(hit) for hit in self.service.search(asked, self.principal)]


def _document(hit: Hit) -> Document:
    fields: dict[str, Any] = as_json(hit_out(hit))
    return Document(id=hit.evidence.id, page_content=fields.pop("text"), metadata=fields)
