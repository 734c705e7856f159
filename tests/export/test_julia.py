"""Julia text, by the language's grammar; by julia itself where it is installed."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from rescu_cli import catalogue
from rescu_cli.export import check, emit
from tests.export.compilers import need_packages

need_packages("tree_sitter", "tree_sitter_julia")
import tree_sitter  # noqa: E402
import tree_sitter_julia  # noqa: E402


def parsed(text: str) -> Any:
    language = tree_sitter.Language(tree_sitter_julia.language())
    return tree_sitter.Parser(language).parse(text.encode()).root_node


def functions(node: Any) -> set[str]:
    """Names of the functions that are defined with ``function … end``."""
    found = set()
    if node.type == "function_definition":
        found.add(node.child(1).text.decode().split("(")[0])
    for child in node.children:
        found |= functions(child)
    return found


@pytest.mark.parametrize("name", catalogue.names())
def test_text_follows_the_grammar_and_defines_what_it_exports(name: str) -> None:
    artifact = emit(catalogue.get(name), "julia")
    root = parsed(artifact.text)
    assert not root.has_error
    (line,) = [t for t in artifact.text.splitlines() if t.startswith("export ")]
    exported = set(line.removeprefix("export ").split(", "))
    assert exported <= functions(root)
    free = artifact.activation.free_parameters
    assert exported == {artifact.name, f"{artifact.name}_gradient"} | {
        f"{artifact.name}_{p.name}_gradient" for p in free
    }


def test_the_grammar_would_find_a_mistake() -> None:
    text = emit(catalogue.get("smelu"), "julia").text
    assert parsed(
        text.replace("return smelu_max_(x, product)\nend", "return smelu_max_(x,")
    ).has_error


def test_julia_agrees_with_the_reference() -> None:
    """Not run where the language is not to be had; the docs say so."""
    if shutil.which("julia") is None:
        pytest.skip("julia is not installed, and no package index has it")
    for name in ("smelu", "gelu", "mish", "gsmelu"):
        report = check(catalogue.get(name), "julia", exhaustive=False, n_samples=300)
        assert report.ok, report.to_dict()
