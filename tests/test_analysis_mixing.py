"""Tables and effects of mixing against plain loops over rows with known answers."""

import itertools

import numpy as np
import pandas as pd
import pytest

from quantlab.analysis import (
    cluster_mean,
    mixing_effect,
    mixing_table,
    routes_effect,
    routes_table,
)
from quantlab.errors import InputError

LAMS = (0.0, 1.0, 2.0, 4.0)
WAYS = ("plain_mean", "barycentre", "mixed_blur", "stages", "single_first", "single_second")


def mixing_rows(seed: int = 0, *, categorical: bool = True) -> pd.DataFrame:
    """Two pairs, three speakers with 2, 3 and 4 items, two seeds."""
    rng = np.random.default_rng(seed)
    rows = []
    for pair, way, weight, lam, run in itertools.product(
        ("sad+happy", "angry+happy"), WAYS, (0.0, 0.25, 0.5, 1.0), LAMS, (0, 1)
    ):
        if (way == "plain_mean" and lam > 0) or (weight in (0.0, 1.0)) != way.startswith("single"):
            continue
        for speaker in range(3):
            for item in range(speaker + 2):
                first, second = rng.random(2)
                rows.append(
                    {
                        "protocol": "speaker", "fold": f"f{speaker}", "seed": run,
                        "item": f"s{speaker}/{item} + s{speaker}/{item + 9}",
                        "speaker": f"s{speaker}", "text_id": str(item), "pair": pair, "way": way,
                        "weight": weight, "lam": lam, "p_happy": first, "p_sad": second,
                        "min_posterior": min(first, second), "angle_first": 90 * rng.random(),
                        "angle_second": 90 * rng.random(),
                        "bits_per_vector": np.nan if way == "plain_mean" else 20 * rng.random(),
                        "distortion": rng.random(), "speaker_told": float(rng.random() < 0.5),
                    }
                )  # fmt: skip
    return as_stored(pd.DataFrame(rows), categorical)


def routes_rows(seed: int = 0) -> pd.DataFrame:
    """Two targets; bits fall with λ and the way through neutral costs more."""
    rng = np.random.default_rng(seed)
    rows = []
    for target, route, run in itertools.product(
        ("happy", "sad"), ("direct", "neutral_first"), (0, 1)
    ):
        for speaker, item in itertools.product(range(4), range(5)):
            bits = np.sort(rng.random(len(LAMS)))[::-1] * (10 if route == "direct" else 16)
            for lam, bit in zip(LAMS, bits, strict=True):
                rows.append(
                    {
                        "protocol": "speaker", "fold": f"f{speaker}", "seed": run,
                        "item": f"s{speaker}/{item}", "speaker": f"s{speaker}",
                        "text_id": str(item), "target": target, "route": route, "lam": lam,
                        "p_target": rng.random(), "attraction_target": rng.normal(),
                        "own_way": rng.random(),
                        "bits_per_vector": bit, "distortion": rng.random(),
                        "speaker_told": float(rng.random() < 0.5),
                    }
                )  # fmt: skip
    return as_stored(pd.DataFrame(rows), True)


def as_stored(rows: pd.DataFrame, categorical: bool) -> pd.DataFrame:
    texts = [name for name in rows.columns if rows[name].dtype == object]
    return rows.astype(dict.fromkeys(texts, "category")) if categorical else rows


def looped(rows: pd.DataFrame, keys: list[str], metrics: list[str]) -> dict[tuple, tuple]:
    """One cell at a time: seeds averaged per item, then `cluster_mean` over speakers."""
    cells = {}
    plain = rows.astype({name: str for name in keys if name not in ("weight", "lam")})
    for key, part in plain.groupby(keys):
        by_item: dict[str, list[dict]] = {}
        for row in part.to_dict("records"):
            by_item.setdefault(row["item"], []).append(row)
        for metric in metrics:
            values, speakers = [], []
            for mine in by_item.values():
                value = sum(row[metric] for row in mine) / len(mine)
                if not np.isnan(value):
                    values.append(value)
                    speakers.append(mine[0]["speaker"])
            if values:
                found = cluster_mean(values, speakers)
                cells[(*key, metric)] = (
                    found.value, found.low, found.high, len(values), found.num_clusters,
                )  # fmt: skip
    return cells


COLUMNS = ["value", "low", "high", "num_items", "num_speakers"]


@pytest.mark.parametrize("categorical", [True, False])
def test_the_mixing_table_is_that_of_plain_loops(categorical: bool) -> None:
    rows = mixing_rows(categorical=categorical)
    keys = ["protocol", "pair", "way", "weight", "lam"]
    metrics = [
        "p_happy", "p_sad", "min_posterior", "angle_first", "angle_second", "bits_per_vector",
        "distortion", "speaker_told",
    ]  # fmt: skip
    table = mixing_table(rows)
    assert list(table.columns) == [*keys, "metric", *COLUMNS]
    expected = looped(rows, keys, metrics)
    found = {
        tuple(row[: len(keys) + 1]): row[len(keys) + 1 :] for row in table.itertuples(index=False)
    }
    assert set(found) == set(expected)
    for key, cell in expected.items():
        assert tuple(found[key]) == pytest.approx(cell), key
    plain = table[(table["way"] == "plain_mean")]
    assert "bits_per_vector" not in set(plain["metric"])


def test_the_routes_table_is_that_of_plain_loops() -> None:
    rows = routes_rows()
    keys = ["protocol", "target", "route", "lam"]
    metrics = [
        "p_target",
        "attraction_target",
        "own_way",
        "bits_per_vector",
        "distortion",
        "speaker_told",
    ]
    table = routes_table(rows)
    assert list(table.columns) == [*keys, "metric", *COLUMNS]
    expected = looped(rows, keys, metrics)
    assert len(table) == len(expected)
    for row in table.itertuples(index=False):
        assert tuple(row[5:]) == pytest.approx(expected[tuple(row[:5])])


def test_tables_do_not_depend_on_the_order_of_rows() -> None:
    rows = mixing_rows()
    shuffled = rows.sample(frac=1.0, random_state=3)
    pd.testing.assert_frame_equal(mixing_table(rows), mixing_table(shuffled))
    found, again = (routes_effect(part) for part in (routes_rows(), routes_rows()[::-1]))
    pd.testing.assert_frame_equal(found, again)


def test_a_single_speaker_has_no_interval() -> None:
    rows = mixing_rows()
    table = mixing_table(rows[rows["speaker"] == "s1"])
    assert table["low"].isna().all()
    assert table["high"].isna().all()
    assert set(table["num_speakers"]) == {1}


def test_seeds_of_an_item_count_once() -> None:
    rows = mixing_rows()
    once = mixing_table(rows[rows["seed"] == 0])
    twice = mixing_table(pd.concat([rows[rows["seed"] == 0].assign(seed=seed) for seed in (0, 1)]))
    pd.testing.assert_frame_equal(once, twice)


@pytest.mark.parametrize(
    ("way", "reference", "weight", "weights", "lam"),
    [
        ("barycentre", "mixed_blur", 0.5, (0.5, 0.5), 2.0),
        ("stages", "single_first", 0.25, (0.25, 1.0), 4.0),
        ("stages", "single_second", 0.5, (0.5, 0.0), 0.0),
    ],
)
def test_the_effect_of_mixing_is_a_paired_difference(
    way: str, reference: str, weight: float, weights: tuple[float, float], lam: float
) -> None:
    rows = mixing_rows(4)
    found = mixing_effect(
        rows, "sad+happy", way=way, reference=reference, weight=weight, lam=lam
    ).set_index("item")
    assert list(found.columns) == ["speaker", "text_id", "value"]
    assert len(found) == 2 + 3 + 4
    for item, row in found.iterrows():
        sides = [
            rows[
                (rows["pair"] == "sad+happy") & (rows["item"] == item) & (rows["way"] == name)
                & (rows["weight"] == share) & (rows["lam"] == lam)
            ]["min_posterior"]
            for name, share in zip((way, reference), weights, strict=True)
        ]  # fmt: skip
        assert [len(side) for side in sides] == [2, 2]
        assert row["value"] == pytest.approx(sides[0].mean() - sides[1].mean())
        assert str(item).startswith(row["speaker"])


def test_the_effect_takes_all_pairs_and_the_middle_lam_unless_told() -> None:
    rows = mixing_rows(5)
    both = mixing_effect(rows)
    assert len(both) == 2 * 9
    one = mixing_effect(rows, "sad+happy", lam=1.0)
    assert sorted(one["value"]) == pytest.approx(sorted(mixing_effect(rows, "sad+happy")["value"]))
    beyond = mixing_effect(rows, "sad+happy", reference="plain_mean")
    assert len(beyond) == 9  # the plain mean stands at λ = 0 only


def test_a_missing_side_leaves_no_effect() -> None:
    rows = mixing_rows()
    assert mixing_effect(rows, "sad+fear").empty
    assert mixing_effect(rows, weight=0.3).empty
    assert mixing_effect(rows[rows["way"] != "mixed_blur"]).empty
    routes = routes_rows()
    assert routes_effect(routes, "angry").empty
    assert routes_effect(routes[routes["route"] == "direct"]).empty
    apart = routes["bits_per_vector"] + 100 * (routes["route"] == "neutral_first")
    assert routes_effect(routes.assign(bits_per_vector=apart)).empty


def test_routes_are_compared_at_equal_bits_by_brute_force() -> None:
    rows = routes_rows(7)
    found = routes_effect(rows)
    assert list(found.columns) == [
        "item", "speaker", "text_id", "value", "target", "level", "clamped",
    ]  # fmt: skip
    assert len(found) == 2 * 20
    plain = rows.astype(dict.fromkeys(["target", "route", "item"], str))
    clamped = []
    for target in ("happy", "sad"):
        part = plain[plain["target"] == target]
        means = part.groupby(["route", "lam"])["bits_per_vector"].mean()
        ends = [(means[route].min(), means[route].max()) for route in ("direct", "neutral_first")]
        level = (max(low for low, _ in ends) + min(high for _, high in ends)) / 2
        for row in found[found["target"] == target].itertuples():
            assert row.level == pytest.approx(level)
            values, outside = {}, []
            for route in ("direct", "neutral_first"):
                mine = part[(part["item"] == row.item) & (part["route"] == route)]
                curve = mine.groupby("lam")[["bits_per_vector", "own_way"]].mean()
                curve = curve.sort_values("bits_per_vector")
                values[route] = np.interp(level, curve["bits_per_vector"], curve["own_way"])
                bits = curve["bits_per_vector"]
                outside.append(level < bits.min() or level > bits.max())
            assert row.value == pytest.approx(values["neutral_first"] - values["direct"])
            assert row.clamped == np.mean(outside)
            clamped.append(row.clamped)
    assert 0 < np.mean(clamped) < 1


def test_a_planted_effect_of_the_route_is_found_at_equal_bits_not_at_equal_lam() -> None:
    """The way = bits / 20 on both routes: more at every λ, nothing at equal bits."""
    rows = []
    for route, factor in (("direct", 1.0), ("neutral_first", 1.5)):
        for speaker, item in itertools.product(range(3), range(4)):
            for lam, bits in zip(LAMS, (10.0, 8.0, 5.0, 2.0), strict=True):
                rows.append(
                    {
                        "protocol": "speaker", "seed": 0, "item": f"{speaker}/{item}",
                        "speaker": str(speaker), "text_id": "", "target": "sad", "route": route,
                        "lam": lam, "bits_per_vector": bits * factor,
                        "own_way": bits * factor / 20,
                    }
                )  # fmt: skip
    frame = pd.DataFrame(rows)
    found = routes_effect(frame)
    assert found["value"].to_numpy() == pytest.approx(0.0)
    assert (found["clamped"] == 0).all()
    better = frame["own_way"] + 0.1 * (frame["route"] == "neutral_first")
    assert routes_effect(frame.assign(own_way=better))["value"].to_numpy() == pytest.approx(0.1)


def test_rows_that_cannot_be_used_are_refused() -> None:
    rows = mixing_rows()
    with pytest.raises(InputError, match="lack the columns angle_first"):
        mixing_table(rows.drop(columns="angle_first"))
    with pytest.raises(InputError, match="no rows"):
        mixing_table(rows[:0])
    with pytest.raises(InputError, match="lack the columns way"):
        mixing_effect(rows.drop(columns="way"))
    with pytest.raises(InputError, match="lack the columns target"):
        routes_effect(rows)
    with pytest.raises(InputError, match="no rows"):
        routes_table(routes_rows()[:0])
