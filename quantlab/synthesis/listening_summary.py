"""From the rows of a listening loop to means with intervals; speakers are the clusters."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pandas as pd

from quantlab.analysis import cluster_mean, verdict
from quantlab.synthesis.listening_source import CONVERSION, QUANTIZED, RECONSTRUCTION

ALL = "all"
"""The target that stands for all of them together."""

LISTENED = (
    "posterior",
    "recognised",
    "posterior_gain",
    "posterior_loss",
    "attraction",
    "attraction_source",
    "speaker_right",
    "speaker_of_reference",
    "speaker_cos_source",
    "speaker_cos_others",
)
"""Metrics of a listener: posterior of the target; whether it is the likeliest; posterior less that
of the same source's reconstruction, and less that of the same conversion without quantization;
degrees toward the target and toward the source's emotion; whether the source's speaker is heard, or
that of the reference where it is another; cosine to the source's speaker and to the others."""

MEASURED = ("mcd_source_db", "mcd_conversion_db", "rate_bits")
"""Metrics that need no listener: distortions to the source and to the conversion without
quantization, and the code length of the emotion."""

_PAIR = ["listener", "source", "target"]
_CONDITION = ["method", "codec", "lam"]
_DIFFERENCES = ("posterior_gain", "posterior_loss", "attraction", "attraction_source")
COLUMNS = [
    "listener", *_CONDITION, "target", "metric", "value", "low", "high", "num_items",
    "num_speakers", "chance", "verdict", "tag",
]  # fmt: skip


def listening_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Average the rows of a listening loop.

    Parameters
    ----------
    rows : pd.DataFrame
        As `Listening.rows`.

    Returns
    -------
    pd.DataFrame
        One row per listener (``""`` for metrics of `MEASURED`), method, codec, λ, target (`ALL`
        among them) and metric: mean over sources with its 95 % interval over speakers, num_items,
        num_speakers, chance where there is one, and of differences the verdict on their sign.
        `tag` is the convention of a distortion.
    """
    full = _with_metrics(rows)
    levels = {
        "posterior": 1 / sum(str(name).startswith("posterior_") for name in rows.columns),
        "speaker_right": 1 / rows["speaker"].nunique(),
    }
    levels["recognised"] = levels["posterior"]
    first = full.loc[full["listener"] == full["listener"].iloc[0]].assign(listener="")
    found = [*_means(full, LISTENED), *_means(first, MEASURED)]
    table = pd.DataFrame(found).assign(
        chance=lambda part: part["metric"].map(levels).astype(float),
        verdict=lambda part: np.where(
            part["metric"].isin(_DIFFERENCES),
            verdict(part["low"], part["high"], part["num_speakers"]),
            "",
        ),
    )
    return cast(pd.DataFrame, table[COLUMNS])


def _with_metrics(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with what has to be compared across them."""
    other = rows["reference_speaker"] != rows["speaker"]
    full = rows.assign(
        recognised=(rows["heard_emotion"] == rows["target"]).astype(float),
        speaker_right=(rows["heard_speaker"] == rows["speaker"]).astype(float),
        speaker_of_reference=(rows["heard_speaker"] == rows["reference_speaker"])
        .astype(float)
        .where(other),
        posterior_gain=rows["posterior"] - _paired(rows, RECONSTRUCTION),
        posterior_loss=rows["posterior"] - _paired(rows, CONVERSION),
    )
    # A floor has neither gained nor lost by an emotion that it was not given.
    given = full["method"].isin([CONVERSION, QUANTIZED])
    full["posterior_gain"] = full["posterior_gain"].where(given)
    full["posterior_loss"] = full["posterior_loss"].where(full["method"] == QUANTIZED)
    return full


def _paired(rows: pd.DataFrame, method: str) -> pd.Series:
    """Return for each row the posterior of its source and target under one method."""
    known = rows.loc[rows["method"] == method].set_index(_PAIR)["posterior"]
    found = known.reindex(pd.MultiIndex.from_frame(rows.loc[:, _PAIR]))
    return pd.Series(found.to_numpy(float), index=rows.index)


def _means(rows: pd.DataFrame, metrics: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the mean of every metric, for each target and for all, where there is one."""
    speakers = pd.factorize(rows["speaker"])[0]
    targets = rows["target"].to_numpy(str)
    values = {metric: rows[metric].to_numpy(float) for metric in metrics}
    tags = rows["mcd_tag"].to_numpy(str)
    keys = ["listener", *_CONDITION]
    # A λ that is not there would be no key of its own.
    conditions = rows[keys].fillna({"lam": -1.0}).groupby(keys, sort=False).indices
    for target in (ALL, *dict.fromkeys(targets)):
        for condition, places in conditions.items():
            chosen = places if target == ALL else places[targets[places] == target]
            for metric in metrics:
                known = chosen[np.isfinite(values[metric][chosen])]
                if not len(known):
                    continue
                mean = cluster_mean(values[metric][known], speakers[known])
                listener, method, codec, lam = cast(tuple, condition)
                yield {
                    "listener": listener,
                    "method": method,
                    "codec": codec,
                    "lam": lam if lam >= 0 else np.nan,
                    "target": target,
                    "metric": metric,
                    "value": mean.value,
                    "low": mean.low,
                    "high": mean.high,
                    "num_items": len(known),
                    "num_speakers": mean.num_clusters,
                    "tag": tags[known[0]] if metric.startswith("mcd") else "",
                }
