"""Jobs by an allow-list.

A job names its function by a string, and stock RQ imports whatever the string says, callbacks and webhooks included:
who can write to Redis could run anything. `AllowedJob` looks the name up in a mapping and drops all the rest.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from rq.job import Job

Handlers = Mapping[str, Callable[..., None]]


class NotAllowedError(Exception):
    """A job names a function that is not on the list."""


class AllowedJob(Job):
    """A job that can run the functions in `handlers` and nothing else; none, where none are set (the parent)."""

    handlers: Handlers = MappingProxyType({})

    def restore(self, raw_data: Any) -> Any:
        """Load the job, without what could import, call out, or reach other jobs."""
        super().restore(raw_data)
        self._success_callback_name = None
        self._failure_callback_name = None
        self._stopped_callback_name = None
        self.webhooks = []
        self._dependency_ids = []
        self.group_id = None

    @property
    def func(self) -> Callable[..., None]:
        """The function on the list; raises NotAllowedError when the job's is not."""
        handler = self.handlers.get(self.func_name or "")
        if handler is None:
            raise NotAllowedError(f"no job may run {self.func_name!r}")
        return handler
