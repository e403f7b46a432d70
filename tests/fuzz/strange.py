"""Strategies of what people, editors and other programs put into files and overrides without meaning harm."""

import json

from hypothesis import strategies as st

TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", " ", "\0", "\ud800", "a\nb", "null", "NaN", "1e999", "~nobody-here/x", "/", "..", "a/b", "é" * 70]
        + ["x" * 5000, "x/" * 3000, "${seed}", "${", "{}", "[", "'", '"', "\u2028", "🐟", "=", "a,b", "%s", "1_0"]
    ),
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 1, 0.0, 1e308, 5e-324, 2**31, 2**63, 10**40, float("nan"), float("inf")]),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)

# Whole texts that are no JSON, or JSON that Python's reader takes and other code falls over.
ODD_TEXTS = st.sampled_from(
    [
        b"",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"{}\0",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"\\ud800": "\\udfff"}',
        b"[" * 100_000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b"9" * 5000,
        b'{"a": 1e999}',
        b"- &a [*a]",
        b"a: !!python/object:os.system x",
        b"a: 1\na: 2",
        b"? [a]\n: b",
        b"a: .nan",
        b"\n" * 1000,
    ]
)


def documents(**fields: st.SearchStrategy) -> st.SearchStrategy[bytes]:
    """JSON texts: odd ones, odd values, and objects with some of the fields, right or of another kind, and more."""
    usual = st.fixed_dictionaries({}, optional={name: value | VALUES for name, value in fields.items()})
    more = st.builds(lambda a, b: {**a, **b}, usual, st.dictionaries(TEXTS, VALUES, max_size=1))
    return st.one_of(ODD_TEXTS, st.builds(written, VALUES), st.builds(written, usual), st.builds(written, more))


def written(value: object) -> bytes:
    """As JSON, with whatever in it."""
    return json.dumps(value).encode()
