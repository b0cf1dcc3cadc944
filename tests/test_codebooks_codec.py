import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.codebooks import (
    PREDECESSOR_LAMS,
    Codec,
    CodecSettings,
    Scaling,
    capacity,
    parse_recipe,
    permuted_within,
    price,
    select,
)
from quantlab.errors import ConfigError, InputError, IntegrityError, NotFittedError

SMALL = {"quantizer": {"stages": 3, "codes": 8}, "ladder": {"num": 12}}


@pytest.fixture(scope="module")
def data() -> np.ndarray:
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(12, 6)) * [4, 3, 2, 1, 1, 1]
    return centres[rng.integers(0, 12, 600)] + 0.4 * rng.normal(size=(600, 6)) + 5


@pytest.fixture(scope="module")
def codec(data: np.ndarray) -> Codec:
    return Codec(CodecSettings.parse(SMALL)).fit(data, rng=np.random.default_rng(0))


def test_scaling_has_unit_power_and_balances_emotions(rng: np.random.Generator) -> None:
    x = np.concatenate([rng.normal(3, 1, (900, 4)), rng.normal(-1, 2, (100, 4))])
    labels = np.array(["a"] * 900 + ["b"] * 100)
    scaling = Scaling.fit(x, labels)
    z = scaling.forward(x).astype(np.float64)
    power = [float((z[labels == name] ** 2).sum(axis=1).mean()) for name in "ab"]
    assert np.mean(power) == pytest.approx(4, rel=1e-5)
    assert scaling.mean == pytest.approx(
        (x[:900].mean(axis=0) + x[900:].mean(axis=0)) / 2, rel=1e-5
    )
    assert scaling.inverse(scaling.forward(x)) == pytest.approx(x, abs=1e-4)


def test_standard_scaling_is_that_of_each_dimension(rng: np.random.Generator) -> None:
    x = rng.normal(size=(500, 4)) * [1e-3, 1.0, 3e4, 0.0] + [0.1, -5.0, 1e5, 7.0]
    scaling = Scaling.fit(x, np.zeros(500, int), kind="standard")
    assert scaling.scale == pytest.approx([*x[:, :3].std(axis=0), 1.0], rel=1e-4)
    z = scaling.forward(x)
    assert z[:, :3].std(axis=0) == pytest.approx(1, rel=1e-3)
    assert (z[:, 3] == 0).all()
    assert scaling.inverse(z) == pytest.approx(x, rel=1e-4)
    assert np.isnan(scaling.lam_unit)
    assert scaling.lam_raw(2.0) is None
    none = Scaling.fit(x, np.zeros(500, int), kind="none")
    assert (none.forward(x) == x.astype(np.float32)).all()
    assert none.lam_raw(2.0) == 2.0


@pytest.mark.parametrize("scale", [0.0, np.nan, [1.0, 2.0, -1.0], [1.0, 2.0]])
def test_scales_must_be_positive(scale: float | list[float]) -> None:
    with pytest.raises(InputError, match="one number or 3"):
        Scaling(np.zeros(3), np.asarray(scale) if isinstance(scale, list) else scale)


@pytest.mark.parametrize("kind", ["standard", "none"])
def test_codecs_of_other_scalings_survive_saving(
    kind: str, data: np.ndarray, tmp_path: Path
) -> None:
    units = np.array([1e-3, 1, 1e3, 1, 1, 1]) if kind == "standard" else 1.0
    settings = CodecSettings.parse({**SMALL, "scaling": kind})
    fitted = Codec(settings).fit(data * units, rng=np.random.default_rng(0))
    fitted.save(tmp_path / "codec")
    again = Codec.load(tmp_path / "codec")
    assert again.fingerprint() == fitted.fingerprint()
    encoded = again.encode(data * units, 0.0)
    assert (encoded.symbols == fitted.encode(data * units, 0.0).symbols).all()
    restored = again.decode(encoded.symbols) / units
    spread = data.var(axis=0)
    assert (((restored - data) ** 2).mean(axis=0) < spread).all()


def test_the_predecessors_ladder_needs_a_common_scale(data: np.ndarray) -> None:
    settings = CodecSettings.parse({"scaling": "standard", "ladder": {"preset": "predecessor"}})
    with pytest.raises(ConfigError, match="raw units"):
        Codec(settings).fit(data, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.empty((0, 3)), "no training vectors"),
        (np.ones((5, 3)), "all training vectors are equal"),
        (np.full((5, 3), np.nan), "NaN"),
    ],
)
def test_scaling_refuses_bad_vectors(x: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Scaling.fit(x, np.zeros(len(x), int))


def test_ladder_runs_from_first_change_to_collapse(codec: Codec, data: np.ndarray) -> None:
    ladder = codec.ladder_
    assert ladder[0] == 0
    assert list(ladder) == sorted(set(ladder))
    results = codec.encode_ladder(data, ladder)
    changed = [(result.symbols != results[0].symbols).mean() for result in results]
    constant = (results[-1].symbols == codec.constant_symbols).all(axis=1).mean()
    assert changed[1] <= 0.05
    assert constant >= 0.95
    bits = np.array([result.code_length_bits.mean() for result in results])
    assert ((bits > 0.1 * bits[0]) & (bits < 0.9 * bits[0])).sum() >= 4


def test_given_and_preset_ladders(data: np.ndarray) -> None:
    given_lams = CodecSettings.parse({**SMALL, "ladder": {"lams": [1.0, 0.0, 0.1]}})
    assert Codec(given_lams).fit(data, rng=np.random.default_rng(0)).ladder_ == (0.0, 0.1, 1.0)
    preset = CodecSettings.parse({**SMALL, "ladder": {"preset": "predecessor"}})
    fitted = Codec(preset).fit(data, rng=np.random.default_rng(0))
    raw = np.array(fitted.ladder_) * fitted.scaling_.scale**2
    assert raw == pytest.approx(PREDECESSOR_LAMS, rel=1e-3)


@pytest.mark.parametrize(
    ("lams", "message"),
    [
        ([0.1, 0.1], "twice"),
        ([-1.0], ">= 0"),
        ([float("nan")], "finite"),
        ([0.3, 0.1 * 3], "twice"),
    ],
)
def test_bad_ladders_are_refused(lams: list[float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CodecSettings.parse({"ladder": {"lams": lams}})


def test_the_prior_that_is_kept_costs_less_on_held_out_vectors(codec: Codec) -> None:
    costs = codec.card_["prior_held_out_cost_bits"]
    assert codec.card_["prior_start"] == min(costs, key=lambda name: costs[name])
    assert set(costs) == {"nearest", "all_skip"}


def test_encoding_reports_what_decoding_gives(codec: Codec, data: np.ndarray) -> None:
    for lam in codec.ladder_[::4]:
        encoded = codec.encode(data, lam)
        z, z_hat = (codec.scaling_.forward(x) for x in (data, codec.decode(encoded.symbols)))
        assert encoded.distortion == pytest.approx(
            ((z.astype(np.float64) - z_hat) ** 2).sum(axis=1), rel=1e-3, abs=1e-4
        )
        assert encoded.code_length_bits == pytest.approx(codec.bits(encoded.symbols))


def test_cost_bound_of_the_definition_holds(codec: Codec, data: np.ndarray) -> None:
    z = codec.scaling_.forward(data)
    skip = np.full((len(z), codec.num_symbols), codec.quantizer_.skip)
    nearest = codec.encode(data, 0.0).symbols
    for result in codec.encode_ladder(data, codec.ladder_):
        mean = (result.distortion + result.lam * result.code_length_bits).mean()
        for anchor in (skip, nearest):
            bound = price(codec.quantizer_, z, anchor, codec.prior_).cost(result.lam).mean()
            assert mean <= bound * (1 + 1e-6)


def test_bits_never_rise_along_the_path(codec: Codec, data: np.ndarray) -> None:
    results = codec.encode_ladder(data, codec.ladder_)
    bits = np.stack([result.code_length_bits for result in results])
    assert all(result.mode == "path" for result in results)
    assert (np.diff(bits, axis=0) <= 1e-9).all()


def test_one_lambda_gives_what_the_whole_ladder_gives(codec: Codec, data: np.ndarray) -> None:
    lams = [*codec.ladder_[1::3], 0.0123]
    for lam, result in zip(lams, codec.encode_ladder(data, lams), strict=True):
        alone = codec.encode(data[:50], lam)
        assert np.array_equal(alone.symbols, result.symbols[:50])


def test_the_path_costs_no_more_than_each_lambda_on_its_own(codec: Codec, data: np.ndarray) -> None:
    path = codec.encode_ladder(data, codec.ladder_)
    direct = codec.encode_ladder(data, codec.ladder_, mode="direct")
    for one, other in zip(path, direct, strict=True):
        assert other.mode == "direct"
        cost = one.distortion + one.lam * one.code_length_bits
        alone = other.distortion + other.lam * other.code_length_bits
        assert (cost <= alone * (1 + 1e-6) + 1e-9).all()


def test_an_unknown_mode_is_refused(codec: Codec, data: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"'both'.*path, direct"):
        codec.encode(data, 0.1, mode="both")  # type: ignore[arg-type]


def _rotated(data: np.ndarray, **changes: object) -> Codec:
    settings = {**SMALL, "transform": {"kind": "klt", "components": 4}, **changes}
    return Codec(CodecSettings.parse(settings)).fit(data, rng=np.random.default_rng(0))


def _check_whole(codec: Codec, data: np.ndarray, folder: Path) -> None:
    """A codec tells its own distortion, spends fewer bits at larger λ, and survives storage."""
    z = codec.scaling_.forward(data).astype(np.float64)
    results = codec.encode_ladder(data, codec.ladder_)
    for result in results[::4]:
        z_hat = codec.scaling_.forward(codec.decode(result.symbols))
        assert result.distortion == pytest.approx(((z - z_hat) ** 2).sum(axis=1), rel=1e-3)
    assert results[-1].code_length_bits.mean() < 0.5 * results[0].code_length_bits.mean()
    codec.save(folder)
    back = Codec.load(folder)
    assert back.fingerprint() == codec.fingerprint()
    assert np.array_equal(back.encode(data, 0.3).symbols, codec.encode(data, 0.3).symbols)
    assert back.parameter_bits == codec.parameter_bits > 0


def test_a_rotation_before_the_codebooks(data: np.ndarray, tmp_path: Path) -> None:
    _check_whole(_rotated(data), data, tmp_path)


def test_a_trellis_codec(data: np.ndarray, tmp_path: Path) -> None:
    codec = _rotated(data, scheme="trellis", trellis={"states": 4, "bits": 12, "rounds": 6})
    _check_whole(codec, data, tmp_path)
    assert codec.card_["made_for_lam"] > 0


def _with_prior(data: np.ndarray, **prior: object) -> Codec:
    shape = {"rounds": 2, "max_context_vectors": 2000, **prior}
    settings = {**SMALL, "ladder": {"num": 8}, "prior": shape}
    speakers = np.arange(len(data)) % 3
    return Codec(CodecSettings.parse(settings)).fit(
        data, rng=np.random.default_rng(0), groups=speakers
    )


def test_a_pairwise_prior_spends_fewer_bits(data: np.ndarray, tmp_path: Path) -> None:
    plain = _with_prior(data)
    codec = _with_prior(data, kind="pairwise", pairwise={"rank": 8, "epochs": 4})
    _check_whole(codec, data, tmp_path)
    ours, theirs = (
        np.mean([result.code_length_bits.mean() for result in one.encode_ladder(data, one.ladder_)])
        for one in (codec, plain)
    )
    assert ours < 0.95 * theirs


def test_a_transformer_prior(data: np.ndarray, tmp_path: Path) -> None:
    shape = {"width": 16, "layers": 1, "heads": 2, "hidden": 32, "epochs": 30}
    shape |= {"learning_rate": 0.02, "batch_size": 256, "dropout": 0.0}
    codec = _with_prior(data, kind="transformer", context_rounds=1, transformer=shape)
    _check_whole(codec, data, tmp_path)


@pytest.mark.parametrize("kind", ["factorized", "pairwise"])
def test_a_prior_per_lambda_has_no_path(data: np.ndarray, tmp_path: Path, kind: str) -> None:
    codec = _with_prior(data, kind=kind, per_lam=True, pairwise={"rank": 4, "epochs": 2})
    _check_whole(codec, data, tmp_path)
    assert codec.modes == ("direct",)
    encoded = codec.encode(data, codec.ladder_[4])
    bits = codec.bits(encoded.symbols, lam=encoded.lam)
    assert encoded.code_length_bits == pytest.approx(bits)
    with pytest.raises(InputError, match="give direct, because its prior depends on λ"):
        codec.encode(data, 0.1, mode="path")
    with pytest.raises(InputError, match="give direct"):
        codec.paths(data)


def test_a_transformer_has_no_form_per_lambda() -> None:
    with pytest.raises(ConfigError, match="no form per λ"):
        CodecSettings.parse({"prior": {"kind": "transformer", "per_lam": True}})


def test_refined_codebooks_cost_less(data: np.ndarray) -> None:
    lams = [0.05, 0.2, 0.8]
    costs = []
    for rounds in (0, 4):
        quantizer = {**SMALL["quantizer"], "refine_rounds": rounds}
        settings = CodecSettings.parse({"quantizer": quantizer, "ladder": {"lams": lams}})
        codec = Codec(settings).fit(data, rng=np.random.default_rng(0))
        results = codec.encode_ladder(data, lams)
        costs.append(
            np.mean([r.code_length_bits.mean() + r.distortion.mean() / r.lam for r in results])
        )
    assert costs[1] < costs[0]


def test_a_trellis_needs_axes() -> None:
    with pytest.raises(ConfigError, match=r"transform: \{kind: klt\}"):
        CodecSettings.parse({"scheme": "trellis"})
    with pytest.raises(ConfigError, match="no effect without kind: klt"):
        CodecSettings.parse({"transform": {"components": 3}})


def test_save_and_load(codec: Codec, data: np.ndarray, tmp_path: Path) -> None:
    codec.save(tmp_path / "c")
    back = Codec.load(tmp_path / "c")
    assert back.fingerprint() == codec.fingerprint()
    assert back.ladder_ == codec.ladder_
    assert back.settings == codec.settings
    one, other = codec.encode(data, 0.1), back.encode(data, 0.1)
    assert np.array_equal(one.symbols, other.symbols)
    assert np.array_equal(codec.decode(one.symbols), back.decode(other.symbols))
    card = json.loads((tmp_path / "c" / "card.json").read_text())
    assert {"fingerprint", "format", "settings", "tensors", "parameter_bits"} <= set(card)


def _edit_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "no card of format 2"),
        ({"scale": 2.0}, "fingerprint"),
        ({"tensors": {}}, "not in the card"),
        ({"settings": {"nonsense": 1}}, "unknown key"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    codec: Codec, tmp_path: Path, changes: dict, message: str
) -> None:
    codec.save(tmp_path)
    _edit_card(tmp_path, **changes)
    with pytest.raises((IntegrityError, ConfigError), match=message):
        Codec.load(tmp_path)


def test_damage_is_noticed(codec: Codec, tmp_path: Path) -> None:
    codec.save(tmp_path)
    weights = tmp_path / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match="sha256"):
        Codec.load(tmp_path)
    with pytest.raises(InputError, match="holds no codec"):
        Codec.load(tmp_path / "absent")


def test_use_before_fit() -> None:
    for use in (
        lambda: Codec().encode(np.ones((2, 3)), 0.0),
        lambda: Codec().decode(np.ones((2, 3), int)),
        lambda: Codec().save("x"),
        lambda: Codec().bits(np.ones((2, 3), int)),
    ):
        with pytest.raises(NotFittedError, match="call fit"):
            use()


@pytest.mark.parametrize("lam", [-1.0, np.nan, np.inf])
def test_bad_lambda(codec: Codec, data: np.ndarray, lam: float) -> None:
    with pytest.raises(InputError, match="lam must be finite and >= 0"):
        codec.encode(data, lam)


def test_wrong_width_and_non_finite_vectors(codec: Codec) -> None:
    with pytest.raises(InputError, match=r"expected \[N, 6\]"):
        codec.encode(np.ones((2, 5)), 0.0)
    with pytest.raises(InputError, match="NaN"):
        codec.encode(np.full((2, 6), np.nan), 0.0)


def test_memory_layout_does_not_matter(codec: Codec, data: np.ndarray) -> None:
    expected = codec.encode(data, 0.1).symbols
    for view in (np.asfortranarray(data), np.repeat(data, 2, axis=0)[::2], data[::-1][::-1]):
        assert np.array_equal(codec.encode(view, 0.1).symbols, expected)


@pytest.mark.parametrize(
    ("text", "kind", "shares"),
    [
        ("natural", "natural", {}),
        ("balanced", "balanced", {}),
        ("shuffled", "shuffled", {}),
        ("biased:sad", "biased", {"sad": 1.0}),
        ("ratio:sad=.95", "ratio", {"sad": 0.95}),
        ("mixed:sad=.5,happy=0.5", "mixed", {"sad": 0.5, "happy": 0.5}),
    ],
)
def test_recipes_are_read(text: str, kind: str, shares: dict) -> None:
    recipe = parse_recipe(text)
    assert (recipe.kind, dict(recipe.shares)) == (kind, shares)
    assert "/" not in recipe.folder
    assert ":" not in recipe.folder


@pytest.mark.parametrize(
    "text",
    ["", "bias:sad", "biased:", "biased:../x", "ratio:sad=1.5", "mixed:sad=.5", "balanced:sad",
     "mixed:sad=.5,sad=.5", "mixed:sad=.9,happy=.9", "ratio:sad=.5,happy=.5"],
)  # fmt: skip
def test_unknown_recipes_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="recipe"):
        parse_recipe(text)


LABELS = np.array(["happy"] * 40 + ["neutral"] * 100 + ["sad"] * 60)
SPEAKERS = np.array(["a", "b"] * 100)


@pytest.mark.parametrize(
    ("text", "room"),
    [("natural", 200), ("balanced", 120), ("biased:sad", 60), ("shuffled", 40),
     ("mixed:sad=.5,happy=.5", 80), ("ratio:neutral=.5", 160)],
)  # fmt: skip
def test_capacity_is_the_most_that_can_be_drawn(text: str, room: int) -> None:
    recipe = parse_recipe(text)
    assert capacity(recipe, LABELS) == room
    drawn = select(recipe, LABELS, SPEAKERS, budget=room, rng=np.random.default_rng(0))
    assert len(set(drawn.tolist())) == room


NAMES = ["balanced", "biased:sad", "mixed:sad=.25,happy=.75", "natural", "shuffled"]


@given(st.integers(1, 40), st.integers(0, 99), st.sampled_from(NAMES))
@settings(max_examples=40, deadline=None)
def test_every_recipe_gets_the_same_number_of_vectors(budget: int, seed: int, text: str) -> None:
    drawn = select(
        parse_recipe(text), LABELS, SPEAKERS, budget=budget, rng=np.random.default_rng(seed)
    )
    assert len(drawn) == budget
    assert (np.diff(drawn) > 0).all()
    if text == "biased:sad":
        assert set(LABELS[drawn]) == {"sad"}
    if text == "balanced":
        counts = [int((LABELS[drawn] == name).sum()) for name in ("happy", "neutral", "sad")]
        assert max(counts) - min(counts) <= 1


def test_too_large_a_draw_names_the_class() -> None:
    with pytest.raises(InputError, match="needs 61 vectors of sad, there are 60"):
        select(
            parse_recipe("biased:sad"), LABELS, SPEAKERS, budget=61, rng=np.random.default_rng(0)
        )
    with pytest.raises(InputError, match="no clips of fear"):
        capacity(parse_recipe("biased:fear"), LABELS)


def test_labels_are_permuted_within_speakers_only(rng: np.random.Generator) -> None:
    labels = np.where(SPEAKERS == "a", "x", "y")
    assert np.array_equal(permuted_within(labels, SPEAKERS, rng=rng), labels)
    shuffled = permuted_within(LABELS, SPEAKERS, rng=rng)
    for speaker in "ab":
        chosen = SPEAKERS == speaker
        assert sorted(shuffled[chosen]) == sorted(LABELS[chosen])
    assert not np.array_equal(shuffled, LABELS)
