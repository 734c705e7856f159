"""What a result was made with: versions and machine, as data to keep beside the result."""

from __future__ import annotations

import os
import platform
from importlib import metadata

from rescu_cli import __version__

PACKAGES = ("torch", "numpy", "scipy")


def environment() -> dict[str, str]:
    """Versions of the program, Python and what computes, the platform and its cores.

    Nothing is imported for it.
    """
    found = {"rescu": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    found["platform"] = f"{platform.system()} {platform.release()}, {platform.machine()}"
    found["cores"] = str(os.cpu_count())
    return found
