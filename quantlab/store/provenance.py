"""Where a result came from: versions, platform and time, for cards and reports."""

import importlib.metadata
import platform
from datetime import UTC, datetime
from typing import Any

PACKAGES = (
    "quantlab",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "torch",
    "vector-quantize-pytorch",
    "librosa",
    "pyworld",
)


def provenance() -> dict[str, Any]:
    """Return versions of what computes, the platform, and the time in UTC.

    Returns
    -------
    dict[str, Any]
        ``versions`` (package to version, absent packages left out), ``python``, ``platform`` and
        ``when`` (ISO 8601, UTC, to the second).
    """
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
