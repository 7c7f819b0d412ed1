"""Every picture that a page shows is there, and every picture is shown."""

from __future__ import annotations

import re
from pathlib import Path

import sf_pipelines

ROOT = Path(sf_pipelines.__file__).parents[1]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]


def test_pages_and_pictures_agree() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    pictures = {path.resolve() for path in (ROOT / "docs" / "img").glob("*.png")}

    assert {path.name for path in shown if not path.exists()} == set()
    assert pictures <= shown
