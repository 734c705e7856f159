"""BibTeX for every source."""

from __future__ import annotations

import re

import pytest

from rescu_cli import catalogue
from rescu_cli.catalogue.bibtex import bibtex


@pytest.mark.parametrize("name", catalogue.names())
def test_every_activation_has_an_entry_that_closes_its_braces(name: str) -> None:
    source = catalogue.get(name).source
    assert source is not None
    text = bibtex(source)
    if source.key == "classic":
        assert text.startswith("% ")
        return
    assert re.match(rf"@(misc|inproceedings)\{{{re.escape(source.key)},\n", text)
    assert text.count("{") == text.count("}") and text.isascii()
    fields = dict(re.findall(r"^  (\w+) *= \{(.*)\},$", text, re.MULTILINE))
    assert {"title", "year"} <= set(fields)
    # The entry and the citation that people read are of the same paper.
    plain = re.sub(r"[{}\\]", "", fields["title"]).lower()
    assert plain.split(":")[0].split("(")[0].strip()[:20] in source.text.lower()
    assert fields["year"] in source.text
    if source.url.startswith("arXiv:"):
        assert fields["eprint"] == source.url.removeprefix("arXiv:")
