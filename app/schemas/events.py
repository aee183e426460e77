"""What happens to a fit, and who is told of its end."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from app.schemas.kinds import Answer, Headers, Query
from tacit.fits.events import Event

MAX_EVENT = 2**53 - 1


class EventQuery(Query):
    """Which events."""

    cursor: int = Field(default=0, ge=0, le=MAX_EVENT, description="The `next_cursor` of the page before.")
    limit: int = Field(default=100, ge=1, le=1000, description="Most events on this page.")


class EventHeaders(Headers):
    """Where a client has been."""

    last_event_id: int | None = Field(
        default=None, ge=0, le=MAX_EVENT, description="Id of the last event that was seen; goes before `cursor`."
    )


class EventPage(Answer):
    """Some events of a fit, oldest first."""

    items: list[Event]
    next_cursor: int | None = Field(
        description="Gives what comes after this page, also what has not happened yet; null when there will be no more."
    )


class WebhookState(Answer):
    """How far telling someone is."""

    url: str
    state: Literal["pending", "delivered", "failed"]
    tries: int
    error: str | None = Field(description="What went wrong at the last try.")
    at: datetime = Field(description="When that was; or when it was asked for.")


class WebhookList(Answer):
    """Who is told of the end of a fit."""

    items: list[WebhookState]
