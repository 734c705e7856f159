"""`report.html`: one self-contained page for a finished comparison; nothing is fetched.

It reads as plain tables without its script, which only lets a reader sort them.
"""

from __future__ import annotations

from rescu_cli.experiment.page.document import Material, render_page

__all__ = ["Material", "render_page"]
