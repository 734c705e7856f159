"""``path.py:name`` → the object of that name. This runs the file, as ``python path.py`` would."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from rescu_cli.audit.errors import NoCallableError
from rescu_cli.audit.guard import describe, quietly
from rescu_cli.errors import MissingDependencyError, UsageError

FORM = "path.py:name"
_INSTALL = {"torch": "pip install torch", "jax": "pip install jax", "jaxlib": "pip install jax"}


@dataclass(frozen=True)
class Loaded:
    """What a file holds under a name.

    Args:
        text: As asked for, ``path.py:name``.
        path: The file, absolute.
        name: The name in it.
        subject: The object.
        imports: Top-level packages that the file imports anywhere.
        sha256: Of the file's bytes.
    """

    text: str
    path: Path
    name: str
    subject: Any
    imports: frozenset[str]
    sha256: str


def load(text: str) -> Loaded:
    """Run a file and take one callable out of it.

    The file runs under a private module name that is removed again; its own folder can be
    imported from meanwhile, as for a script.

    Raises:
        UsageError: If the text is not of the form ``path.py:name``.
        NoCallableError: If the file is missing, raises, or has no such callable.
        MissingDependencyError: If the file needs torch or jax, which is not installed.
    """
    head, colon, name = text.strip().rpartition(":")
    if not (colon and head.endswith(".py") and name.strip()):
        raise UsageError(f"A callable is named as {FORM}; found {text!r}.")
    path = Path(head).expanduser().resolve()
    name = name.strip()
    try:
        source = path.read_bytes()
    except OSError as error:
        raise NoCallableError(
            f"Cannot read {head}: {error.strerror}. A callable is named as {FORM}."
        ) from error
    module = _run(path, head, source)
    subject = _pick(module, name, head)
    imports = _imports(source)
    return Loaded(text, path, name, subject, imports, hashlib.sha256(source).hexdigest())


def _run(path: Path, shown: str, source: bytes) -> ModuleType:
    digest = hashlib.sha256(str(path).encode() + source).hexdigest()[:12]
    name = f"rescu_audited_{digest}"
    loader = _Uncached(name, path, source)
    spec = spec_from_file_location(name, path, loader=loader)
    if spec is None:  # never for a loader of our own
        raise NoCallableError(f"{shown} cannot be imported as a Python file.")
    module = module_from_spec(spec)
    try:
        with quietly(prints=True), _importable(module, path.parent):
            loader.exec_module(module)
    except ModuleNotFoundError as error:
        root = (error.name or "").partition(".")[0]
        if root in _INSTALL:
            package = "jax" if root == "jaxlib" else root
            raise MissingDependencyError(package, f"Running {shown}", _INSTALL[root]) from error
        raise NoCallableError(
            f"{shown} imports {error.name!r}, which is not there: {describe(error, path)}. Only "
            "installed packages and files beside it can be imported."
        ) from error
    except (Exception, SystemExit) as error:
        raise NoCallableError(
            f"{shown} does not run: {describe(error, path)}. Importing it must succeed."
        ) from error
    return module


class _Uncached(SourceFileLoader):
    """Imports exactly the bytes that were hashed, and leaves no bytecode beside them."""

    def __init__(self, name: str, path: Path, source: bytes) -> None:
        super().__init__(name, str(path))
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self._source, self.path)
        return code


@contextmanager
def _importable(module: ModuleType, folder: Path) -> Iterator[None]:
    """``module`` known by name (dataclasses look it up) and its folder on the path, for a while."""
    before = set(sys.modules)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        del sys.modules[module.__name__]
        for key in set(sys.modules) - before:
            where = getattr(sys.modules[key], "__file__", None)
            # A neighbour called e.g. 'utils' must not shadow the next file's own.
            if where and Path(where).parent == folder:
                del sys.modules[key]


def _pick(module: ModuleType, name: str, shown: str) -> Any:
    subject: Any = module
    for part in name.split("."):
        if not hasattr(subject, part):
            own = [k for k, v in vars(module).items() if callable(v) and not k.startswith("_")]
            near = get_close_matches(name, own, n=2, cutoff=0.5)
            known = f"Did you mean {' or '.join(map(repr, near))}?" if near else (
                f"It has: {', '.join(own[:12]) or 'no callable'}."
            )  # fmt: skip
            raise NoCallableError(f"{shown} has no {name!r}. {known}")
        subject = getattr(subject, part)
    if not callable(subject):
        raise NoCallableError(
            f"{shown}:{name} is not callable but of type {type(subject).__name__}; name a "
            "function, a class of modules, or an instance."
        )
    return subject


def _imports(source: bytes) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return frozenset(found)
