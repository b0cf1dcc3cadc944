"""Run many tasks with progress: here, in worker processes or on Ray."""

from quantlab.engine.progress import Counter, Ticker
from quantlab.engine.tasks import EngineName, Outcome, default_workers, run_tasks

__all__ = ["Counter", "EngineName", "Outcome", "Ticker", "default_workers", "run_tasks"]
