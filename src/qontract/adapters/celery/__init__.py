"""Celery, with its jobs' records in the same Redis."""

from qontract.adapters.celery.job_queue import CeleryJobQueue

__all__ = ["CeleryJobQueue"]
