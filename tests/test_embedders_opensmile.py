"""openSMILE's sets: its own Python package is the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.audio import Clip, clip_from_array
from quantlab.embedders import OpenSmile, OpenSmileSettings, get_embedder
from quantlab.embedders.opensmile_sets import _HIGHEST
from quantlab.errors import ConfigError, InputError

opensmile = pytest.importorskip("opensmile")


def _clip(seconds: float = 0.6, gain: float = 0.3) -> Clip:
    times = np.arange(int(16000 * seconds)) / 16000
    voice = sum(np.sin(2 * np.pi * 140 * k * times) / k for k in range(1, 12))
    return clip_from_array((gain * voice / np.abs(voice).max()).astype(np.float32), 16000)


def _theirs(samples: np.ndarray, feature_set: str) -> np.ndarray:
    smile = opensmile.Smile(
        feature_set=getattr(opensmile.FeatureSet, feature_set),
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    return smile.process_signal(samples, 16000).to_numpy()


@pytest.mark.parametrize(
    ("feature_set", "count"),
    [("eGeMAPSv02", 88), ("emobase", 988), ("IS10", 1582), ("ComParE_2016", 6373)],
)
def test_features_are_those_of_the_library(feature_set: str, count: int) -> None:
    embedder = get_embedder("opensmile", {"feature_set": feature_set})
    clip = _clip()
    found = embedder.embed(clip, level="utterance")
    assert found.shape == (1, count)
    assert embedder.num_dims("utterance") == count
    assert np.array_equal(found, _theirs(clip.samples, feature_set).astype(np.float32))
    assert isinstance(embedder, OpenSmile)
    assert len(embedder.feature_names()) == count


def test_full_scale_does_not_wrap() -> None:
    """At +1.0 the library's own conversion gives the lowest of 16 bits; ours gives the highest."""
    loud = _clip(gain=1.0)
    square = clip_from_array(np.sign(loud.samples).astype(np.float32), 16000)
    assert square.samples.max() == 1.0
    ours = OpenSmile().embed(square, level="utterance")
    lower = clip_from_array((square.samples * np.float32(_HIGHEST)).astype(np.float32), 16000)
    near = OpenSmile().embed(lower, level="utterance")
    wrapped = _theirs(square.samples, "eGeMAPSv02")
    assert np.abs(ours - near).max() < 0.02 * np.abs(ours).max()
    assert np.abs(ours - wrapped).max() > 0.2 * np.abs(ours).max()
    beyond = clip_from_array((3.0 * loud.samples).astype(np.float32), 16000)
    clipped = clip_from_array(np.clip(3.0 * loud.samples, -1, 1).astype(np.float32), 16000)
    one, other = (OpenSmile().embed(clip, level="utterance") for clip in (beyond, clipped))
    assert np.array_equal(one, other)


@given(value=st.floats(-4, 4, width=32))
def test_no_sample_changes_its_sign(value: float) -> None:
    kept = np.clip(np.float32(value), -1.0, _HIGHEST)
    sixteen = int((kept * np.float32(32768)).astype(np.int16))
    assert sixteen * value >= 0
    assert -32768 <= sixteen <= 32767


def test_card_names_licence_and_units() -> None:
    card = OpenSmile().card()
    assert "research" in card["licence"]
    assert card["units"] == "physical"
    assert card["dims"] == {"utterance": 88}
    other = OpenSmile(OpenSmileSettings(feature_set="IS10"))
    assert other.fingerprint("utterance") != OpenSmile().fingerprint("utterance")
    assert OpenSmile().head() is None


def test_what_it_cannot_do_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="one vector per clip"):
        OpenSmile().embed(_clip(), level="frame")
    with pytest.raises(InputError, match="audio clip"):
        OpenSmile().embed(np.zeros(16000), level="utterance")  # pyright: ignore
    with pytest.raises(ConfigError, match="eGeMAPS"):
        get_embedder("opensmile", {"feature_set": "eGeMAPS"})
    from quantlab.embedders import opensmile_sets

    class Broken:
        feature_names = ("one", "two")

        def process_signal(self, *_: object) -> object:
            import pandas as pd

            return pd.DataFrame([[1.0, np.nan]])

    monkeypatch.setattr(opensmile_sets, "_smile", lambda _: Broken())
    with pytest.raises(InputError, match=r"1 features .* \(two\)"):
        OpenSmile().embed(_clip(), level="utterance")


def test_without_the_library_the_message_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from quantlab.embedders import opensmile_sets

    monkeypatch.setitem(__import__("sys").modules, "opensmile", None)
    opensmile_sets._smile.cache_clear()
    with pytest.raises(ConfigError, match=r"quantlab\[opensmile\]"):
        OpenSmile().embed(_clip(), level="utterance")
    opensmile_sets._smile.cache_clear()
