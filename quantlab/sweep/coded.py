"""What the codec makes of the items of a trial: at every λ, and with equal bits for every item.

Letters: ``N`` items, ``T`` frames, ``D`` dimensions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quantlab.codebooks import Codec, Paths, compress_symbols
from quantlab.embedders import Frames
from quantlab.errors import ConfigError
from quantlab.sweep.soft_labels import Labels


@dataclass(frozen=True, eq=False)
class CodedItems:
    """Items after coding, with what all their symbols together cost.

    Attributes
    ----------
    lam : float
        Squared distance in z per bit; of items with equal bits the λ that spends as many on
        average.
    symbols : np.ndarray [shape=(ΣT, S), dtype=uint16]
        The chosen symbols.
    code_length_bits : np.ndarray [shape=(ΣT,), dtype=float64]
        Σ −log2 p of each vector.
    of_set : dict[str, float]
        The set columns of `quantlab.sweep.measure.row_schema`; payload and file in bits per vector,
        NaN where the codec's prior cannot be coded.
    """

    lam: float
    symbols: np.ndarray
    code_length_bits: np.ndarray
    of_set: dict[str, float]


def coded_at_each_lam(
    codec: Codec, frames: Frames, *, mode: Literal["path", "direct"]
) -> Iterator[CodedItems]:
    """Code the frames of all items at each λ of the codec's ladder."""
    for encoded in codec.encode_ladder(frames.values, codec.ladder_, mode=mode):
        yield _coded(
            codec, frames, encoded.lam, encoded.symbols, encoded.code_length_bits, mode=mode
        )


def coded_at_equal_bits(
    codec: Codec, frames: Frames, means: dict[float, float]
) -> Iterator[CodedItems]:
    """Code every item with the most bits that fit a common target per vector.

    Parameters
    ----------
    codec : Codec
        A codec whose vectors have paths.
    frames : Frames
        The items.
    means : dict[float, float]
        λ to the mean bits per vector to meet, as near as the steps of the paths allow.

    Yields
    ------
    CodedItems
        For each λ in the order given.
    """
    paths = codec.paths(frames.values)
    rates = ItemRates.of(paths, frames.offsets)
    for lam, mean in means.items():
        targets = rates.targets_for(mean * len(frames.values))
        chosen = paths.for_item_bits(targets, frames.offsets).result
        yield _coded(codec, frames, lam, chosen.symbols, chosen.code_length_bits, mode="rate")


def token_statistics(
    codec: Codec, symbols: np.ndarray, labels: Labels, offsets: np.ndarray
) -> dict[str, np.ndarray]:
    """Describe the symbols that are spent on each emotion's items.

    Parameters
    ----------
    codec : Codec
        Whose symbols.
    symbols : np.ndarray [shape=(ΣT, S)]
        Of all frames of N items.
    labels : Labels
        Of the items.
    offsets : np.ndarray [shape=(N + 1,)]
        Where items start and end.

    Returns
    -------
    dict[str, np.ndarray]
        ``emotion_token_entropy``: empirical entropy per position over log2(K + 1), 0 to 1, and
        ``emotion_code_usage``: share of the alphabet in use, 0 to 1; ``[N]``, equal for all items
        of an emotion. Both means over positions, and biased low where an emotion has few vectors.
    """
    of_frame = np.repeat(labels.emotion, np.diff(offsets))
    entropy, usage = (np.full(len(labels.emotion), np.nan) for _ in range(2))
    for emotion in np.unique(labels.emotion):
        found = codec.symbol_statistics(symbols[of_frame == emotion])
        mine = labels.emotion == emotion
        largest = codec.num_symbols * np.log2(codec.alphabet_size)
        entropy[mine], usage[mine] = found.entropy_bits / largest, found.usage.mean()
    return {"emotion_token_entropy": entropy, "emotion_code_usage": usage}


@dataclass(frozen=True, eq=False)
class ItemRates:
    """What all items together spend as a common target in bits per vector rises.

    Attributes
    ----------
    items : np.ndarray [shape=(P,), dtype=int64]
        The item that steps up to its next point, in order of the target from which it fits.
    needed_bits : np.ndarray [shape=(P,), dtype=float64]
        Bits of the item from then on.
    totals : np.ndarray [shape=(P + 1,), dtype=float64]
        Bits of all items before the first step and after each.
    num_items : int
        N.
    """

    items: np.ndarray
    needed_bits: np.ndarray
    totals: np.ndarray
    num_items: int

    @classmethod
    def of(cls, paths: Paths, offsets: np.ndarray) -> "ItemRates":
        """Gather the points of all items.

        Parameters
        ----------
        paths : Paths
            Paths of ΣT vectors.
        offsets : np.ndarray [shape=(N + 1,), dtype=int]
            Item n owns vectors ``offsets[n]`` to ``offsets[n + 1]``.
        """
        lengths = np.diff(offsets)
        of_vector = np.repeat(np.arange(len(lengths)), lengths)
        of_point = np.repeat(of_vector, np.diff(paths.offsets))
        steps = np.flatnonzero(np.isfinite(paths.prices))
        # Within an item in order of price, as rate control takes steps down from the dearest point.
        steps = steps[np.lexsort((paths.prices[steps], of_point[steps]))]
        items, saved = of_point[steps], paths.bits[steps] - paths.bits[steps + 1]
        most = np.bincount(of_vector, paths.bits[paths.offsets[:-1]], len(lengths))
        before = np.append(np.cumsum(saved) - saved, 0.0)
        first = np.searchsorted(items, np.arange(len(lengths)))
        needed = most[items] - (before[:-1] - before[first][items])
        # Points of equal need come in order of items: a mean can be met between them.
        order = np.lexsort((items, needed / lengths[items]))
        least = float(most.sum() - saved.sum())
        totals = least + np.concatenate([[0.0], np.cumsum(saved[order])])
        return cls(items[order], needed[order], totals, len(lengths))

    def targets_for(self, total: float) -> np.ndarray:
        """Return targets per item ``[N]``, in bits, whose total comes nearest to `total`.

        They are one target per vector but for items that tie at it: those fit it in order until
        the total is met. Items that fit nothing are given 0 and take their cheapest point.
        """
        taken = int(np.abs(self.totals - total).argmin())
        targets = np.zeros(self.num_items)
        np.maximum.at(targets, self.items[:taken], self.needed_bits[:taken])
        return targets


def _coded(
    codec: Codec,
    frames: Frames,
    lam: float,
    symbols: np.ndarray,
    bits: np.ndarray,
    *,
    mode: str,
) -> CodedItems:
    statistics = codec.symbol_statistics(symbols)
    payload, file = _written(codec, frames, lam, symbols, mode=mode)
    of_set = {
        "set_entropy_bits": statistics.entropy_bits,
        "set_distinct_sequences": float(statistics.distinct_sequences),
        "set_num_vectors": float(statistics.num_vectors),
        "set_payload_bits": payload,
        "set_file_bits": file,
    }
    return CodedItems(lam, symbols, bits, of_set)


def _written(
    codec: Codec, frames: Frames, lam: float, symbols: np.ndarray, *, mode: str
) -> tuple[float, float]:
    """Return bits per vector of payload and whole file, NaN where none can be written."""
    try:
        stream = compress_symbols(codec, symbols, frames.offsets, lam=lam, mode=mode)
    except ConfigError:  # a float network gives other bits on another machine: no bitstream
        return np.nan, np.nan
    return stream.payload_bits / stream.num_vectors, stream.file_bits / stream.num_vectors
