"""Text of the Triton backend that does not depend on the formula."""

from __future__ import annotations

HELPERS = (
    '''
@triton.jit
def _number(number: tl.constexpr, like):
    """A number in the format of another; a literal may come as float32."""
    return tl.full((), number, like.dtype)
''',
    '''
@triton.jit
def _tiny(like):
    """The smallest normal number of a format."""
    if like.dtype == tl.float64:
        return tl.full((), 2.2250738585072014e-308, tl.float64)
    else:
        return tl.full((), 1.1754943508222875e-38, tl.float32)
''',
    '''
@triton.jit
def _huge(like):
    """The largest number of a format."""
    if like.dtype == tl.float64:
        return tl.full((), 1.7976931348623157e308, tl.float64)
    else:
        return tl.full((), 3.4028234663852886e38, tl.float32)
''',
    '''
@triton.jit
def _splitter(like):
    """The factor that cuts a number into halves with exact squares."""
    if like.dtype == tl.float64:
        return tl.full((), 134217729.0, tl.float64)
    else:
        return tl.full((), 4097.0, tl.float32)
''',
    '''
@triton.jit
def _ratio(a, b, like):
    """a / b, rounded correctly; the operator is not, in float32 on a GPU."""
    if like.dtype == tl.float64:
        return a / b
    else:
        return tl.math.div_rn(a, b)
''',
    '''
@triton.jit
def _sqrt(u):
    """The square root, rounded correctly."""
    if u.dtype == tl.float64:
        return tl.sqrt(u)
    else:
        return tl.math.sqrt_rn(u)
''',
    '''
@triton.jit
def _exp(u):
    """e^u; in float32 a GPU's own is off by |u| ulps, so its argument is made small."""
    if u.dtype == tl.float64:
        return tl.exp(u)
    else:
        held = tl.minimum(tl.maximum(u, -110.0), 90.0)
        whole = tl.floor(held * 1.4426950408889634 + 0.5)
        rest = (held - whole * 0.693359375) + whole * 2.12194440054690583e-4
        half = tl.floor(whole * 0.5)
        power = tl.exp(rest) * tl.exp2(half) * tl.exp2(whole - half)
        return tl.where(u != u, u, tl.where(u > 89.0, float("inf"), power))
''',
    '''
@triton.jit
def _log(u):
    """The natural logarithm, with one step of Newton's: a GPU's own is coarse near 1."""
    first = tl.log(u)
    if u.dtype == tl.float64:
        return first
    else:
        better = first + (u * tl.exp(-first) - 1.0)
        return tl.where((u > 0.0) & (u < float("inf")), better, first)
''',
    '''
@triton.jit
def _step(u):
    """1 for u > 0, 0 for u <= 0, NaN for NaN."""
    return tl.where(u != u, u, tl.where(u > 0.0, 1.0, 0.0).to(u.dtype))
''',
    '''
@triton.jit
def _min(a, b):
    """NaN if an operand is."""
    return tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)
''',
    '''
@triton.jit
def _max(a, b):
    """NaN if an operand is."""
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
''',
)
"""Callees first."""

LAUNCH = '''
def _prepared(x, parameters=()):
    """Contiguous tensors of one shape; a single number stays one."""
    if x.dtype not in _COMPUTED_IN:
        found = f"found {{x.dtype}}. Use x.float()."
        raise TypeError(f"{name} takes a float tensor; {{found}}")
    wide = _COMPUTED_IN[x.dtype]
    held = [torch.as_tensor(p).to(x.device, wide) for p in parameters]
    shape = torch.broadcast_shapes(x.shape, *(p.shape for p in held))
    held = [p if p.numel() == 1 else p.expand(shape).contiguous() for p in held]
    x = x.expand(shape).contiguous()
    return (x, held) if held else x


def _launch(x{parameters}, which, upstream, kind=None):
    """f (0) or upstream times a slope (1, ...) in the format ``kind``; that of x if None."""
    result = torch.empty_like(x, dtype=kind or x.dtype)
    n, block = x.numel(), 1024
    if n:
        double = x.dtype == torch.float64
        grid = (min(triton.cdiv(n, block), 65535),)
        _kernel[grid](
            x,
            upstream,
            result,{pointers}
            n,{flags}
            wide=tl.float64 if double else tl.float32,
            which=which,
            block=block,
        )
    return result
'''
LOADED = '''
@triton.jit
def _loaded(at, places, inside, is_one: tl.constexpr):
    """A parameter: one number, or one for each place."""
    if is_one:
        return tl.load(at)
    else:
        return tl.load(at + places, mask=inside, other=1.0)
'''
OF_X = """
class {title}(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        x = _prepared(x)
        return _launch(x, 0, x)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        x = _prepared(*ctx.saved_tensors)
        return _launch(x, 1, upstream.contiguous())
"""
OF_X_AND_PARAMETERS = """
class {title}(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, *parameters):
        # Plain numbers are kept as they are: only tensors can have a gradient.
        ctx.numbers = [None if torch.is_tensor(p) else p for p in parameters]
        ctx.save_for_backward(x, *(p for p in parameters if torch.is_tensor(p)))
        x, parameters = _prepared(x, parameters)
        return _launch(x, parameters, 0, x)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        x, *tensors = ctx.saved_tensors
        given = [tensors.pop(0) if n is None else n for n in ctx.numbers]
        spread, parameters = _prepared(x, given)
        upstream = upstream.contiguous()
        grads = []
        for which, (primal, needed) in enumerate(
            zip((x, *given), ctx.needs_input_grad, strict=True), 1
        ):
            grad = None
            if needed:
                # What will be summed is not rounded before.
                alike = which == 1 and x.shape == spread.shape
                kind = x.dtype if alike else _COMPUTED_IN[x.dtype]
                grad = _launch(spread, parameters, which, upstream, kind)
                grad = grad.sum_to_size(primal.shape).to(primal.dtype)
            grads.append(grad)
        return tuple(grads)
"""
