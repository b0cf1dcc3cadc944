"""Run many tasks with progress, here or in worker processes; a failure ends only its own task."""

from quantlab.engine.progress import Ticker
from quantlab.engine.tasks import Outcome, default_workers, run_tasks

__all__ = ["Outcome", "Ticker", "default_workers", "run_tasks"]
