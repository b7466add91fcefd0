"""Runs the demo's tasks in threads of the server: a queue without another process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections
from django.utils.crypto import get_random_string

try:
    from django.tasks.backends.immediate import ImmediateBackend
    from django.tasks.base import TaskResult, TaskResultStatus
except ImportError:  # Django 5.2
    from django_tasks.backends.immediate import (  # type: ignore[no-redef]
        ImmediateBackend,
    )
    from django_tasks.base import (  # type: ignore[no-redef]
        TaskResult,
        TaskResultStatus,
    )

THREADS = ThreadPoolExecutor(1, thread_name_prefix="tasks")


class ThreadBackend(ImmediateBackend):
    """Does what Django's `ImmediateBackend` does, a little later and elsewhere."""

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        """Let the thread run the task; what it returns is not kept."""
        self.validate_task(task)
        result: Any = TaskResult(
            task=task,
            id=get_random_string(32),
            status=TaskResultStatus.READY,
            enqueued_at=None,
            started_at=None,
            last_attempted_at=None,
            finished_at=None,
            args=args,
            kwargs=kwargs,
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        THREADS.submit(self._run, result)
        return result

    def _run(self, result: Any) -> None:
        try:
            self._execute_task(result)  # type: ignore[attr-defined]
        finally:
            connections.close_all()
