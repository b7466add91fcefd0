"""A queue of background tasks, as Django's or the package django-tasks has them.

It stores what a queue elsewhere would: the task's name and JSON. A worker of threads
that start without context runs them.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context
from unittest import mock

try:
    from django import tasks as package
    from django.tasks.backends.base import BaseTaskBackend
except ImportError:  # Django 5.2
    import django_tasks as package
    from django_tasks.backends.base import BaseTaskBackend

from django.db import connections
from django.test import override_settings
from django.utils import timezone

from tenantry.scopes import tasks

CALLS = []


def call(number):
    """Do what is written down under the number, for it is no JSON: the task."""
    function, args = CALLS[number]
    return function(*args)


class Queue(BaseTaskBackend):
    """Stores each task, until `run` is called."""

    supports_async_task = supports_get_result = True

    def __init__(self, alias, params):
        super().__init__(alias, params)
        self.stored = []

    def enqueue(self, task, args, kwargs):
        self.validate_task(task)
        self.stored.append((task, json.dumps([args, kwargs])))
        return self.get_result(len(self.stored) - 1)

    def get_result(self, result_id):
        task, arguments = self.stored[int(result_id)]
        args, kwargs = json.loads(arguments)
        return package.TaskResult(
            task=task,
            id=str(result_id),
            status=package.TaskResultStatus.READY,
            enqueued_at=timezone.now(),
            started_at=None,
            last_attempted_at=None,
            finished_at=None,
            args=args,
            kwargs=kwargs,
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )

    def run(self):
        """Run what is stored, as a worker of another process would."""
        for stored, arguments in self.stored:
            args, kwargs = json.loads(arguments)
            stored.call(*args, **kwargs)
        self.stored.clear()


TASKS = {"default": {"BACKEND": f"{__name__}.Queue"}}


@contextmanager
def worker(places):
    """Yield what does a call as a background task; places need be in no catalog."""
    refs = {None: None} | {place.ref.key: place.ref for place in places if place}
    with (
        override_settings(TASKS=TASKS),
        mock.patch.object(tasks, "available", refs.__getitem__),
        ThreadPoolExecutor(2) as threads,
    ):
        backend = package.task_backends["default"]
        task = package.task(call)

        def work():
            try:
                Context().run(backend.run)
            finally:
                backend.stored.clear()
                connections.close_all()

        def do(function, *args):
            CALLS[:] = [(function, args)]
            task.enqueue(0)
            threads.submit(work).result(timeout=60)

        yield do
