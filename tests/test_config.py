import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from quantlab.config import Settings, fingerprint
from quantlab.errors import ConfigError


class Inner(Settings):
    stages: int = Field(default=8, ge=1)


class Outer(Settings):
    name: str
    inner: Inner = Inner()
    lam: float = 0.0


def test_parse_builds_frozen_settings() -> None:
    outer = Outer.parse({"name": "x", "inner": {"stages": 3}})
    assert outer.inner.stages == 3
    with pytest.raises(ValueError, match="frozen"):
        outer.name = "y"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "x", "lamb": 1}, "unknown key 'lamb'; did you mean 'lam'"),
        ({"name": "x", "inner": {"stage": 1}}, "unknown key 'inner.stage'; did you mean 'stages'"),
        ({"name": "x", "zzz": 1}, "valid keys are inner, lam, name"),
        ({}, "'name' is required"),
        ({"name": "x", "lam": math.nan}, "'lam'.*finite.*nan"),
        ({"name": "x", "lam": math.inf}, "'lam'.*finite.*inf"),
        ({"name": "x", "inner": {"stages": 0}}, "'inner.stages'.*greater than or equal to 1.*0"),
    ],
)
def test_parse_names_the_key_and_the_way_out(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^here: .*{message}"):
        Outer.parse(values, where="here")


def test_fingerprint_rounds_reals_and_ignores_order() -> None:
    assert fingerprint({"a": 0.1 * 3, "b": 1}) == fingerprint({"b": 1.0, "a": 0.3})
    assert fingerprint({"a": 0.3}) != fingerprint({"a": 0.300001})
    assert fingerprint(Outer(name="x")) == fingerprint(Outer(name="x", lam=0).model_dump())


def test_fingerprint_tells_types_apart() -> None:
    assert fingerprint(True) != fingerprint(1)
    assert fingerprint("1") != fingerprint(1)
    assert fingerprint([1, 2]) != fingerprint([2, 1])


@pytest.mark.parametrize("value", [math.nan, math.inf, object()])
def test_fingerprint_refuses_what_has_no_canonical_form(value: object) -> None:
    with pytest.raises(ConfigError):
        fingerprint({"x": value})


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_fingerprint_is_stable_under_insertion_order(values: dict) -> None:
    assert fingerprint(values) == fingerprint(dict(reversed(values.items())))
