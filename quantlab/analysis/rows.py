"""Sweep rows as integer codes: the checked, fast form from which summaries are added up.

A *condition* is one protocol × recipe × method × λ. Sums are kept per speaker, condition and
emotion, because speakers are the clusters of every interval. `R` rows, `M` conditions, `C`
speakers, `E` emotions; emotion axes have length 1 + E and begin with all emotions together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantlab.analysis.statistics import quotient
from quantlab.errors import InputError

ALL = "all"
CONDITION = ("protocol", "recipe", "method", "lam")
_TEXT_KEYS = ("protocol", "recipe", "method", "fold", "item", "emotion", "speaker")


@dataclass(frozen=True, eq=False)
class CodedRows:
    """Sweep rows with their keys replaced by integers.

    Attributes
    ----------
    table : pd.DataFrame, R rows
        The rows themselves.
    emotions : tuple of str, length E
        The classes, in the order of all tables.
    conditions : pd.DataFrame, M rows
        Protocol, recipe, method and lam of each condition, sorted, λ = NaN (clean) first.
    condition, speaker, emotion : np.ndarray, int64, shape [R]
        Codes of each row.
    trial : np.ndarray, int64, shape [R]
        Code of the row's fold × seed.
    match : np.ndarray, int64, shape [R]
        Equal for rows that differ only in method.
    pair : np.ndarray, int64, shape [R]
        Code of the row's condition × item, shared by its seeds.
    num_speakers, num_trials, num_pairs : int
        How many codes there are.
    """

    table: pd.DataFrame
    emotions: tuple[str, ...]
    conditions: pd.DataFrame
    condition: np.ndarray
    speaker: np.ndarray
    emotion: np.ndarray
    trial: np.ndarray
    match: np.ndarray
    pair: np.ndarray
    num_speakers: int
    num_trials: int
    num_pairs: int

    def numbers(self, column: str) -> np.ndarray:
        """Return a column of the rows as float64 of shape [R], NaN where there is no value.

        Raises
        ------
        InputError
            If the column holds something else than finite numbers and NaN.
        """
        try:
            values = self.table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise InputError(f"Column {column!r} of the rows does not hold numbers.") from error
        if np.isinf(values).any():
            raise InputError(f"Column {column!r} of the rows holds an infinite number.")
        return values


@dataclass(frozen=True, eq=False)
class Cells:
    """A quantity added up over rows.

    Attributes
    ----------
    sums : np.ndarray, float64, shape [C, M, 1 + E]
        Sums over the rows that have a value.
    counts : np.ndarray, int64, shape [C, M, 1 + E]
        Numbers of such rows.
    num_items : np.ndarray, int64, shape [M, 1 + E]
        Numbers of different items among them: several seeds of an item count once.
    """

    sums: np.ndarray
    counts: np.ndarray
    num_items: np.ndarray


def code_rows(rows: pd.DataFrame, *, emotions: Sequence[str], columns: Sequence[str]) -> CodedRows:
    """Check sweep rows and replace their keys by integers.

    Parameters
    ----------
    rows : pd.DataFrame
        One row per trial × method × λ × item.
    emotions : sequence of str, length E
        The classes of the run, in the order that tables shall have.
    columns : sequence of str
        Columns that are demanded besides the keys.

    Returns
    -------
    CodedRows

    Raises
    ------
    InputError
        If there are no rows, columns or keys are missing, an emotion is unknown, or an item stands
        there twice for one condition and seed.
    """
    _demand(rows, (*_TEXT_KEYS, "lam", "seed", *columns))
    if len(set(emotions)) != len(emotions) or ALL in emotions:
        raise InputError(f"The emotions {list(emotions)} must be different and none called 'all'.")
    coded = {name: _text_codes(rows, name) for name in _TEXT_KEYS}
    lams, lam = np.unique(rows["lam"].to_numpy(np.float64, na_value=np.nan), return_inverse=True)
    if np.isnan(lams[-1]):  # NaN sorts last but stands for the clean vectors, which come first
        lams, lam = np.roll(lams, 1), (lam + 1) % len(lams)
    levels = [coded[name][1] for name in CONDITION[:-1]]
    shape = (*map(len, levels), len(lams))
    flat = np.ravel_multi_index((*(coded[name][0] for name in CONDITION[:-1]), lam), shape)
    distinct, condition = np.unique(flat, return_inverse=True)
    places = np.unravel_index(distinct, shape)
    conditions = pd.DataFrame(
        {
            name: values[place]
            for name, values, place in zip(CONDITION, [*levels, lams], places, strict=True)
        }
    )
    seeds, seed = np.unique(rows["seed"].to_numpy(), return_inverse=True)
    item, items = coded["item"]
    pairs, pair = np.unique(condition * len(items) + item, return_inverse=True)
    if len(np.unique(pair * len(seeds) + seed)) < len(rows):
        raise InputError(
            "Some item stands twice in the rows for one protocol, recipe, method, lam and seed; "
            "was a trial added twice?"
        )
    protocol, recipe = coded["protocol"][0], coded["recipe"][0] * len(levels[0])
    curve = (protocol + recipe) * len(lams) + lam
    trials, trial = np.unique(coded["fold"][0] * len(seeds) + seed, return_inverse=True)
    return CodedRows(
        table=rows,
        emotions=tuple(emotions),
        conditions=conditions,
        condition=condition,
        speaker=coded["speaker"][0],
        emotion=_translate(*coded["emotion"], _places(emotions), where="column 'emotion'"),
        trial=trial,
        match=(curve * len(trials) + trial) * len(items) + item,
        pair=pair,
        num_speakers=len(coded["speaker"][1]),
        num_trials=len(trials),
        num_pairs=len(pairs),
    )


def add_up(coded: CodedRows, values: np.ndarray) -> Cells:
    """Add up a quantity per speaker, condition and emotion.

    Parameters
    ----------
    coded : CodedRows
        The rows.
    values : np.ndarray, float64, shape [R]
        The quantity; rows where it is NaN are left out.

    Returns
    -------
    Cells
    """
    num_conditions, num_emotions = len(coded.conditions), len(coded.emotions)
    valid = ~np.isnan(values)
    place = (coded.speaker * num_conditions + coded.condition) * num_emotions + coded.emotion
    shape = (coded.num_speakers, num_conditions, num_emotions)
    size = int(np.prod(shape))
    sums = np.bincount(place[valid], weights=values[valid], minlength=size).reshape(shape)
    counts = np.bincount(place[valid], minlength=size).reshape(shape)
    seen = np.full(coded.num_pairs, -1)
    seen[coded.pair[valid]] = (coded.condition * num_emotions + coded.emotion)[valid]
    items = np.bincount(seen[seen >= 0], minlength=num_conditions * num_emotions)
    return Cells(
        _with_all(sums), _with_all(counts), _with_all(items.reshape(num_conditions, num_emotions))
    )


def long_table(
    coded: CodedRows,
    axes: Mapping[str, Sequence[str]],
    *,
    keep: np.ndarray,
    columns: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Spread arrays over conditions and further axes into a tidy table.

    Parameters
    ----------
    coded : CodedRows
        Names the conditions.
    axes : mapping of str to sequence of str
        Column name and labels of each axis after the first.
    keep : np.ndarray of bool, shape [M, *axes]
        Which entries become a row.
    columns : mapping of str to np.ndarray, shape [M, *axes]
        The other columns.

    Returns
    -------
    pd.DataFrame
        Rows in the order of conditions, then axes, the last one fastest.
    """
    places = np.nonzero(keep)
    table = coded.conditions.iloc[places[0]].reset_index(drop=True)
    for (name, labels), place in zip(axes.items(), places[1:], strict=True):
        table[name] = pd.array(labels, dtype="str").take(place)
    for name, values in columns.items():
        table[name] = values[places]
    return table


def predicted_codes(coded: CodedRows, column: str) -> np.ndarray:
    """Return a probe's column of labels as codes of emotions.

    Parameters
    ----------
    coded : CodedRows
        The rows.
    column : str
        Name of a column of labels, "" or missing where the probe was not asked.

    Returns
    -------
    np.ndarray, int64, shape [R]
        -1 where the probe was not asked.

    Raises
    ------
    InputError
        If a label is not one of the emotions.
    """
    codes, labels = pd.factorize(coded.table[column])
    places = {"": -1, **_places(coded.emotions)}
    # A missing label has the code −1, which the empty label at the end stands for.
    named = np.append(np.asarray(labels, dtype=object), "")
    return _translate(codes, named, places, where=f"column {column!r}")


def payload_bits(coded: CodedRows) -> np.ndarray:
    """Return the bits per vector that each row's item took of what was written.

    A set's payload is shared among its items in proportion to their code length.

    Parameters
    ----------
    coded : CodedRows
        The rows.

    Returns
    -------
    np.ndarray, float64, shape [R]
        NaN where nothing was written.
    """
    bits, vectors = coded.numbers("code_length_bits"), coded.numbers("set_num_vectors")
    sets = coded.condition * coded.num_trials + coded.trial
    charged = np.bincount(sets, weights=np.nan_to_num(bits))[sets]
    written = coded.numbers("set_payload_bits") * vectors
    shared = np.where(charged > 0, bits * quotient(written, charged), written)
    return quotient(shared, coded.numbers("num_frames"))


def paid_bits(coded: CodedRows) -> np.ndarray:
    """Return the payload of each row per vector, the code length where nothing was written.

    Parameters
    ----------
    coded : CodedRows
        The rows.

    Returns
    -------
    np.ndarray, float64, shape [R]
        NaN where a method has no code.
    """
    written = payload_bits(coded)
    charged = quotient(coded.numbers("code_length_bits"), coded.numbers("num_frames"))
    return np.where(np.isnan(written), charged, written)


def _demand(rows: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse rows without these columns."""
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise InputError(f"The rows lack the columns {', '.join(missing)}; a sweep writes them.")
    if len(rows) == 0:
        raise InputError("There are no rows to summarise; has the sweep finished any trial?")


def _text_codes(rows: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return codes [R] and the sorted values they stand for."""
    codes, values = pd.factorize(rows[column], sort=True)
    if (codes < 0).any():
        raise InputError(
            f"Row {int(np.argmin(codes))} has no {column}; every row needs one to be counted."
        )
    return codes.astype(np.int64), np.asarray(values)


def _places(emotions: Sequence[str]) -> dict[str, int]:
    """Return the position of each emotion."""
    return {emotion: place for place, emotion in enumerate(emotions)}


def _translate(
    codes: np.ndarray, labels: np.ndarray, places: Mapping[str, int], *, where: str
) -> np.ndarray:
    """Translate codes of labels into the labels' places, refusing labels that have none."""
    unknown = [str(label) for label in labels if label not in places]
    if unknown:
        known = ", ".join(name for name in places if name)
        raise InputError(f"The labels {unknown} in {where} are not emotions of the run: {known}.")
    return np.array([places[label] for label in labels], dtype=np.int64)[codes]


def _with_all(parts: np.ndarray) -> np.ndarray:
    """Put the sum over emotions before them."""
    return np.concatenate([parts.sum(axis=-1, keepdims=True), parts], axis=-1)
