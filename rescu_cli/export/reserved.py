"""Words that a target keeps for itself: neither functions nor parameters can be called so."""

from __future__ import annotations

import keyword

_MATH = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 "
    "fabs fdim floor fma fmax fmin fmod frexp hypot ilogb ldexp lgamma llrint llround log log10 "
    "log1p log2 logb lrint lround modf nan nearbyint nextafter nexttoward pow remainder remquo "
    "rint round scalbln scalbn sin sinh sqrt tan tanh tgamma trunc abs labs div j0 j1 jn y0 y1 "
    "yn gamma signgam isnan isinf isfinite isnormal signbit fpclassify drem significand exp10 "
    "pow10 sincos scalb"
)
_C = (
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "union unsigned void volatile while size_t ptrdiff_t wchar_t max_align_t offsetof n i x y "
    "dx dy u v main asm typeof unix linux i386 near far NULL NAN INFINITY HUGE_VAL MAXFLOAT M_E "
    "M_LOG2E M_LOG10E M_LN2 M_LN10 M_PI M_PI_2 M_PI_4 M_1_PI M_2_PI M_2_SQRTPI M_SQRT2 "
    "M_SQRT1_2 FLT_MIN FLT_MAX FLT_EPSILON DBL_MIN DBL_MAX DBL_EPSILON printf memcpy memset "
    "malloc free index"
)
_CPP = (
    "alignas alignof and and_eq asm bitand bitor bool catch char8_t char16_t char32_t class compl "
    "concept consteval constexpr constinit const_cast co_await co_return co_yield decltype delete "
    "dynamic_cast explicit export false friend mutable namespace new noexcept not not_eq nullptr "
    "operator or or_eq private protected public reinterpret_cast requires static_assert "
    "static_cast template this thread_local throw true try typeid typename using virtual wchar_t "
    "xor xor_eq std T W value gradient"
)
_JAVASCRIPT = (
    "arguments await break case catch class const continue debugger default delete do else enum "
    "eval export extends false finally for function if implements import in instanceof interface "
    "let new null package private protected public return static super switch this throw true try "
    "typeof var void while with yield Math Number NaN Infinity undefined x y dx dy n i u v"
)
_RUST = (
    "as async await break const continue crate dyn else enum extern false fn for gen if impl in "
    "let loop match mod move mut pub ref return self static struct super trait true type union "
    "unsafe use where while abstract become box do final macro override priv try typeof unsized "
    "virtual yield f32 f64 std core x y dx dy u v i n main"
)
_JULIA = (
    "abstract baremodule begin break catch const continue do else elseif end export false finally "
    "for function global if import in isa let local macro module mutable primitive quote return "
    "struct true try type using where while T W x u v Base Core abs sqrt exp expm1 log log1p tanh "
    "sin cos atan min max one zero float identity sign step eps muladd fma convert promote "
    "floatmin floatmax ifelse copysign"
)


def _words(*texts: str) -> frozenset[str]:
    return frozenset(word for text in texts for word in text.split())


def _with_floats(text: str) -> str:
    return " ".join(f"{word} {word}f" for word in text.split())


RESERVED: dict[str, frozenset[str]] = {
    "c": _words(_C, _with_floats(_MATH)),
    "cpp": _words(_C, _CPP),
    "cuda": _words(_C, _CPP, _with_floats(_MATH), "half half2 dim3 blockIdx blockDim threadIdx"),
    "javascript": _words(_JAVASCRIPT),
    "rust": _words(_RUST),
    "julia": _words(_JULIA),
    "jax": _words("jax jnp partial primals tangents slopes slope tangent moved value dtype"),
    "keras": _words(
        "keras ops math dtype name trainable options autocast learnable activity_regularizer"
    ),
    "onnx": _words(
        "result number value gradient tiny huge splitter of_format float double bool string int64"
    ),
    "triton": _words("n tl triton torch wide which block upstream result places inside start step"),
}
"""By target; Python's own words are refused everywhere (`naming`)."""


def reserved(target: str, name: str) -> bool:
    """Whether a target keeps a name for itself."""
    return keyword.iskeyword(name) or name in RESERVED.get(target, frozenset())


def free_name(target: str, name: str) -> str:
    """The name of an activation as the target can take it: ``tanh`` is the C library's own."""
    return f"{name}_activation" if reserved(target, name) else name
