"""Claims and tables from rows: against loops over the rows, and what each claim answers to."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from quantlab.analysis import AGREEMENT, Beside, ItemTable, claims_table, science
from quantlab.analysis.evidence import neutral_minus_others
from quantlab.analysis.routing import routed, routing_table
from quantlab.analysis.rows import code_rows
from tests.science_rows import EMOTIONS, LADDER, make_rows


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return make_rows()


@pytest.fixture(scope="module")
def items(rows) -> ItemTable:
    return ItemTable(code_rows(rows, emotions=EMOTIONS, columns=()), "speaker")


@pytest.fixture(scope="module")
def agreement(rows) -> pd.DataFrame:
    names = sorted(set(rows["item"]))
    classes = [AGREEMENT[place % 3] for place in range(len(names))]
    return pd.DataFrame({"item": names, "agreement": classes, "source": "probe"})


def _claims(rows, **beside) -> pd.DataFrame:
    table = claims_table(rows, emotions=EMOTIONS, probe="logistic", beside=Beside(**beside))
    return table.set_index("claim")


def _of(rows, method, lam, recipe="balanced") -> pd.DataFrame:
    chosen = rows[(rows["method"] == method) & (rows["recipe"] == recipe)]
    return chosen[chosen["lam"] == lam]


def test_values_are_means_over_seeds(rows, items) -> None:
    expected = _of(rows, "codec", 1.0).groupby("item")["distortion"].mean()
    assert items.item.tolist() == expected.index.tolist()
    assert items.values("distortion", lam=1.0) == pytest.approx(expected.to_numpy())


def test_payload_of_a_codec_and_code_length_elsewhere(rows, items) -> None:
    codec = _of(rows, "codec", 0.0)
    sets = codec.groupby(["fold", "seed"])
    share = codec["code_length_bits"] / sets["code_length_bits"].transform("sum")
    paid = share * codec["set_payload_bits"] * codec["set_num_vectors"] / codec["num_frames"]
    expected = paid.groupby(codec["item"]).mean()
    assert items.values("payload_bits", lam=0.0) == pytest.approx(expected.to_numpy())
    direct = _of(rows, "drop_least", 0.0)
    plain = (direct["code_length_bits"] / direct["num_frames"]).groupby(direct["item"]).mean()
    found = items.values("payload_bits", lam=0.0, method="drop_least")
    assert found == pytest.approx(plain.to_numpy())


def test_answers_are_shares_of_seeds(rows, items) -> None:
    chosen = _of(rows, "codec", 4.0)
    for place, item in enumerate(items.item[:10]):
        said = chosen.loc[chosen["item"] == item, "probe_logistic"]
        expected = [(said == name).mean() for name in EMOTIONS]
        assert items.answers("probe_logistic", lam=4.0)[place].tolist() == expected


def test_means_are_those_of_items_and_of_classes(rows, items) -> None:
    values = items.values("distortion", lam=1.0)
    found, number = items.means(values)
    frame = pd.DataFrame({"value": values, "emotion": items.emotion, "speaker": items.speaker})
    assert found.value[0] == pytest.approx(values.mean())
    by_class = frame.groupby("emotion")["value"].mean()
    assert found.value[1:] == pytest.approx(by_class.to_numpy())
    assert number.tolist() == [len(values), *frame.groupby("emotion").size()]
    one = frame[frame["emotion"] == 1].groupby("speaker")["value"].mean()
    low, high = stats.ttest_1samp(one, 0).confidence_interval(0.95)
    assert (found.low[2], found.high[2]) == pytest.approx((low, high))


def test_noise_supports_nothing(rows, agreement) -> None:
    table = _claims(rows, agreement=agreement)
    assert "supported" not in set(table["verdict"])
    assert len(table) >= 24
    assert table["statement"].is_unique


def _shift(rows: pd.DataFrame, column: str, amount: float, **where) -> pd.DataFrame:
    """Return rows with an amount added to a column where keys match; between speakers it varies."""
    mask = np.ones(len(rows), bool)
    for key, value in where.items():
        mask &= rows[key].isin(value if isinstance(value, list) else [value]).to_numpy()
    factor = 1 + 0.1 * rows["speaker"].str[1:].astype(int)
    return rows.assign(**{column: rows[column] + amount * factor * mask})


OTHERS = ["happy", "sad"]
BIASED = ["biased:happy", "biased:neutral", "biased:sad"]


@pytest.mark.parametrize(
    ("claims", "change"),
    [
        (["1.1a"], {"column": "cos_centred_frames", "amount": -0.6, "method": "drop_least",
                    "emotion": "neutral"}),
        (["1.1b"], {"column": "cos_centred_frames", "amount": -0.6, "method": "drop_least",
                    "emotion": "happy"}),
        (["1.1c", "1.1d"], {"column": "cos_centred_frames", "amount": 0.6, "method": "codec",
                            "emotion": "neutral", "recipe": "balanced"}),
        (["1.2a"], {"column": "code_length_bits", "amount": 60.0, "method": "drop_least"}),
        (["1.3a"], {"column": "cos_centred_frames", "amount": 0.9, "method": "codec",
                    "emotion": "neutral", "lam": 4.0}),
        (["1.4a", "1.4b"], {"column": "attraction_neutral", "amount": 40.0, "method": "codec",
                            "emotion": OTHERS}),
        (["1.4c"], {"column": "displacement_neutral", "amount": 20.0, "method": "codec",
                    "emotion": OTHERS}),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_planted_effect_supports_its_claims(rows, claims, change) -> None:
    changed = dict(change)
    shifted = _shift(rows, changed.pop("column"), changed.pop("amount"), **changed)
    table = _claims(shifted)
    assert table.loc[claims, "verdict"].tolist() == ["supported"] * len(claims)
    opposite = _shift(rows, change["column"], -change["amount"], **changed)
    assert "supported" not in set(_claims(opposite).loc[claims, "verdict"])


def test_an_effect_that_its_reference_shares_supports_nothing(rows) -> None:
    shifted = _shift(rows, "attraction_neutral", 40.0, recipe="balanced", emotion=OTHERS)
    assert "supported" not in set(_claims(shifted).loc[["1.4a", "1.4b"], "verdict"])


def test_biased_codebooks_that_draw_to_their_own_emotion(rows) -> None:
    shifted = rows
    for name in EMOTIONS:
        keys = {"method": "codec", "recipe": f"biased:{name}"}
        shifted = _shift(shifted, f"attraction_{name}", 40.0, **keys)
        shifted = _shift(shifted, "cos_centred_frames", 0.8, emotion=name, **keys)
        shifted = _shift(shifted, "js_bits", -3.0, emotion=name, **keys)
        shifted = _shift(shifted, "emotion_token_entropy", 9.0, emotion=name, **keys)
    table = _claims(shifted)
    claims = ["1.5a", "1.5b", "1.5c", "RQ2b", "RQ3"]
    assert table.loc[claims, "verdict"].tolist() == ["supported"] * 5


def test_calling_everything_one_emotion_gains_nothing(rows) -> None:
    """A constant classifier has recall 1 for one class; robustness must not follow from it."""
    flat = rows.assign(
        probe_logistic=rows["probe_logistic"].where(rows["lam"] != LADDER[-1], "neutral")
    )
    table = _claims(flat)
    assert table.loc["1.3b", "verdict"] != "supported"
    right = rows.assign(
        probe_logistic=rows["probe_logistic"].where(
            (rows["lam"] != LADDER[-1]) | (rows["emotion"] != "neutral"), "neutral"
        )
    )
    assert _claims(right).loc["1.3b", "value"] > 0.2 + table.loc["1.3b", "value"]


def test_ambiguity_counts_beyond_noise_of_equal_distortion(rows, agreement) -> None:
    unclear = set(agreement.loc[agreement["agreement"] == "ambiguous", "item"])
    last = rows["item"].isin(unclear) & (rows["lam"] == LADDER[-1])
    wrong = rows["emotion"].map({"happy": "sad", "sad": "neutral", "neutral": "happy"})
    answers = rows["probe_logistic"].where(~last, wrong)
    right = answers.where(~last | (rows["method"] != "codec"), rows["emotion"])
    changed = rows.assign(probe_logistic=right)
    assert _claims(changed, agreement=agreement).loc["3", "verdict"] == "supported"
    shared = rows.assign(probe_logistic=rows["probe_logistic"].where(~last, rows["emotion"]))
    assert _claims(shared, agreement=agreement).loc["3", "verdict"] == "cannot tell"


def test_what_a_study_lacks_is_named(rows) -> None:
    few = rows[(rows["recipe"] == "balanced") & (rows["method"] != "drop_least")]
    table = _claims(few)
    assert "drop_least" in table.loc["1.1a", "reason"]
    assert "single emotions" in table.loc["1.5a", "reason"]
    assert "quantlab listen" in table.loc["2.1", "reason"]
    assert "mixing.pairs" in table.loc["A3", "reason"]
    without = rows[rows["emotion"] != "neutral"]
    gone = without[(without["probe_logistic"] != "neutral") & (without["recipe"] != BIASED[1])]
    named = claims_table(gone, emotions=OTHERS, probe="logistic", beside=Beside())
    assert "neutral" in named.set_index("claim").loc["1.4a", "reason"]


def test_neutral_minus_others_leaves_out_the_items_own_class() -> None:
    toward = np.array([[1.0, 5.0], [10.0, 20.0], [3.0, 7.0]])
    found = neutral_minus_others(toward, np.array([0, 1]), EMOTIONS)
    assert found.tolist() == [10.0 - 3.0, 20.0 - 6.0]


def test_routing_names_the_codebook_that_suits_best(rows, items) -> None:
    answers = routed(items, lam=1.0, rule="raw_cosine", probe="probe_logistic")
    table = {name: items.values("cos_centred_frames", lam=1.0, recipe=name) for name in BIASED}
    for place in range(items.num_items):
        best = max(table, key=lambda name: table[name][place])
        assert EMOTIONS[answers[place]] == best.removeprefix("biased:")
    cost = routed(items, lam=1.0, rule="least_cost", probe="probe_logistic")
    spent = {
        name: items.values("distortion", lam=1.0, recipe=name)
        + items.values("code_length_bits", lam=1.0, recipe=name) / 2
        for name in BIASED
    }
    for place in range(items.num_items):
        assert EMOTIONS[cost[place]] == min(spent, key=lambda name: spent[name][place])[7:]


def test_routing_falls_back_to_the_probe_and_charges_the_name(rows, items) -> None:
    delta = routed(items, lam=1.0, rule="delta_cosine", probe="probe_logistic")
    raw = routed(items, lam=1.0, rule="raw_cosine", probe="probe_logistic")
    plain = routed(items, lam=1.0, rule="plain_probe", probe="probe_logistic")
    best = np.max(
        [items.values("cos_centred_frames", lam=1.0, recipe=name) for name in BIASED], axis=0
    )
    better = best > items.values("cos_centred_frames", lam=1.0)
    assert (delta == np.where(better, raw, plain)).all()
    table = routing_table(items, probe="probe_logistic")
    row = table[(table["rule"] == "raw_cosine") & (table["lam"] == 1.0)]
    f1 = row.loc[row["metric"] == "macro_f1", "value"].item()
    assert f1 == pytest.approx(f1_score(items.emotion, raw, average="macro"))
    spent = np.stack(
        [items.values("code_length_bits", lam=1.0, recipe=name) / 2 for name in BIASED]
    )
    chosen = spent[raw, np.arange(items.num_items)].mean() + np.log2(3) / 2
    assert row["bits"].iloc[0] == pytest.approx(chosen)


def test_all_tables_have_their_columns(rows, agreement) -> None:
    found = science(rows, emotions=EMOTIONS, probe="logistic", beside=Beside(agreement=agreement))
    keys = {
        "displacement": {"protocol", "recipe", "method", "lam", "emotion", "target"},
        "matched": {"protocol", "axis", "level", "recipe", "method", "metric", "emotion"},
        "information": {"protocol", "recipe", "method", "lam", "probe", "metric", "emotion"},
        "routing": {"protocol", "lam", "rule", "metric", "emotion", "chance", "bits"},
        "ambiguity": {"protocol", "recipe", "lam", "source", "agreement", "metric", "emotion"},
        "stages": {"protocol", "recipe", "stage", "metric", "emotion", "chance"},
    }
    for name, columns in keys.items():
        table = getattr(found, name)
        assert len(table), name
        assert columns | {"value", "low", "high", "num_items", "num_speakers"} <= set(table)
    assert found.mixing.empty
    contrast = found.displacement[found.displacement["target"] == "neutral_minus_others"]
    assert set(contrast["method"]) >= {"codec", "shrink_mean", "codec-minus-shrink_mean"}
