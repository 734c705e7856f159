"""What can be wrong with a callable before its numbers are looked at; exit status 2 for all."""

from __future__ import annotations

from rescu_cli.errors import UsageError


class CallableError(UsageError):
    """Base: the file or the callable cannot be audited."""


class NoCallableError(CallableError, LookupError):
    """The file is missing, cannot be run, or holds no such callable."""


class SignatureError(CallableError, TypeError):
    """The callable needs arguments that nobody gives."""


class RaisesError(CallableError):
    """The callable raises where it should answer."""


class CutOffError(RaisesError):
    """There is no gradient: the result does not depend on the input as far as autograd knows."""


class ShapeError(CallableError):
    """The result has another shape than the input, or is no array at all."""


class DtypeError(CallableError, TypeError):
    """The result has another dtype than the input."""


class NondeterministicError(CallableError):
    """The same input gives different results: random, or with a state."""
