"""The codec: scaling, quantizer, prior and λ ladder; what is trained, saved, swept and shipped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from quantlab.codebooks.alternation import encode_ladder, fit_prior
from quantlab.codebooks.ladder import given_ladder
from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.scaling import Scaling
from quantlab.codebooks.settings import LAM_DECIMALS, CodecSettings
from quantlab.codebooks.training import fit_quantizer
from quantlab.config import fingerprint
from quantlab.entropy import FactorizedPrior, SymbolStatistics, symbol_statistics
from quantlab.errors import InputError, IntegrityError, NotFittedError
from quantlab.store import (
    load_tensors,
    provenance,
    read_json,
    save_tensors,
    sha256_bytes,
    write_json,
)

FORMAT_VERSION = 1
_WEIGHTS = "weights.safetensors"
_CARD = "card.json"


@dataclass(frozen=True, eq=False)
class _Learned:
    """What `fit` and `load` give a codec."""

    scaling: Scaling
    quantizer: Quantizer
    prior: FactorizedPrior


@dataclass(frozen=True, eq=False)
class Encoded:
    """Vectors after quantization at one λ.

    Attributes
    ----------
    lam : float
        Squared distance in z per bit.
    symbols : np.ndarray [shape=(N, S), dtype=uint16]
        Indices 0 … K, K being SKIP.
    distortion : np.ndarray [shape=(N,), dtype=float64]
        ‖z − ẑ‖² of each vector.
    code_length_bits : np.ndarray [shape=(N,), dtype=float64]
        Σ −log2 p of each vector.
    """

    lam: float
    symbols: np.ndarray
    distortion: np.ndarray
    code_length_bits: np.ndarray


class Codec:
    """A codebook quantizer with its entropy model.

    Parameters
    ----------
    settings : CodecSettings
        Shape and training. The constructor does no work.

    Attributes
    ----------
    scaling_, quantizer_, prior_ : Scaling, Quantizer, FactorizedPrior
        Learned state, present after `fit` or `load`.
    ladder_ : tuple[float, ...]
        The λ ladder, ascending, λ = 0 first.
    card_ : dict[str, Any]
        What is known of the codec: settings, usage of the codes, training data, licence.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> settings = CodecSettings.parse({"quantizer": {"stages": 2, "codes": 4}})
    >>> codec = Codec(settings).fit(x, rng=np.random.default_rng(1))
    >>> encoded = codec.encode(x, lam=0.0)
    >>> codec.decode(encoded.symbols).shape
    (200, 4)
    """

    def __init__(self, settings: CodecSettings | None = None) -> None:
        self.settings = settings or CodecSettings()
        self._learned: _Learned | None = None
        self.ladder_: tuple[float, ...] = ()
        self.card_: dict[str, Any] = {}

    def fit(
        self,
        vectors: np.ndarray,
        *,
        rng: np.random.Generator,
        scaling: Scaling | None = None,
        ladder: Sequence[float] = (),
        about: Mapping[str, Any] | None = None,
    ) -> Self:
        """Learn codebooks and prior from training vectors.

        Parameters
        ----------
        vectors : np.ndarray [shape=(N, D)]
            Finite feature vectors of training items only, N ≥ 8.
        rng : np.random.Generator
            Source of all randomness.
        scaling : Scaling, optional
            The scaling shared by the codecs of one embedding set; fitted to `vectors` when absent.
        ladder : Sequence[float]
            λ to fit the prior over; empty takes the settings', or finds them from the data.
        about : Mapping[str, Any], optional
            Kept in the card: recipe, licence, fingerprint of the training items and the like.

        Returns
        -------
        Codec
            Itself, fitted.

        Raises
        ------
        InputError
            Too few vectors, non-finite values, or dimensions that the groups do not divide.
        """
        scaling = scaling or Scaling.fit(vectors, np.zeros(len(vectors), np.int8))
        z = scaling.forward(vectors)
        quantizer = fit_quantizer(z, self.settings.quantizer, rng=rng)
        fixed = tuple(ladder) or given_ladder(self.settings.ladder, scale=scaling.scale)
        fitted = fit_prior(
            quantizer,
            z,
            self.settings.prior,
            ladder=fixed,
            num_lams=self.settings.ladder.num,
            rng=rng,
        )
        self._learned = _Learned(scaling, quantizer, fitted.prior)
        self.ladder_ = fitted.ladder
        self.card_ = {
            **(about or {}),
            "settings": self.settings.model_dump(mode="json"),
            "num_training_vectors": len(vectors),
            "codes_asked": self.settings.quantizer.codes,
            "codes": quantizer.num_codes,
            "prior_start": fitted.start,
            "prior_held_out_cost_bits": fitted.held_out_cost,
            **self._describe(z),
        }
        return self

    def _describe(self, z: np.ndarray) -> dict[str, Any]:
        quantizer = self.quantizer_
        nearest = encode_ladder(quantizer, z, self.prior_, [0.0])[0]
        statistics = self.symbol_statistics(nearest.symbols)
        return {
            "training": {
                "distortion_share": float(nearest.distortion.mean() / quantizer.num_dims),
                "entropy_bits": statistics.entropy_bits,
                "usage": statistics.usage.round(6).tolist(),
                "perplexity": statistics.perplexity.round(6).tolist(),
            },
            "parameter_bits": self.parameter_bits,
        }

    def _fitted(self) -> _Learned:
        if self._learned is None:
            raise NotFittedError("this codec has no codebooks yet; call fit or Codec.load first")
        return self._learned

    @property
    def scaling_(self) -> Scaling:
        """The learned scaling; NotFittedError before `fit`."""
        return self._fitted().scaling

    @property
    def quantizer_(self) -> Quantizer:
        """The learned codebooks; NotFittedError before `fit`."""
        return self._fitted().quantizer

    @property
    def prior_(self) -> FactorizedPrior:
        """The learned prior; NotFittedError before `fit`."""
        return self._fitted().prior

    @property
    def num_symbols(self) -> int:
        """Symbols per vector, S."""
        return self.quantizer_.num_symbols

    @property
    def alphabet_size(self) -> int:
        """Symbols to choose from at each position, K + 1."""
        return self.quantizer_.alphabet_size

    @property
    def parameter_bits(self) -> int:
        """Bits of the codebooks, the prior's table and the scaling."""
        scaling_bits = 32 * (len(self.scaling_.mean) + 2)
        return self.quantizer_.parameter_bits + self.prior_.parameter_bits + scaling_bits

    @property
    def constant_symbols(self) -> np.ndarray:
        """The symbols ``[S]`` of every vector as λ grows without bound."""
        return self.prior_.bits_table().argmin(axis=1)

    def encode(self, vectors: np.ndarray, lam: float) -> Encoded:
        """Choose the symbols of feature vectors ``[N, D]`` at one λ ≥ 0 (mode ``direct``).

        Raises
        ------
        InputError
            Wrong shape, non-finite values, or λ negative or not finite.
        NotFittedError
            The codec was not fitted.
        """
        return self.encode_ladder(vectors, [lam])[0]

    def encode_ladder(self, vectors: np.ndarray, lams: Sequence[float]) -> list[Encoded]:
        """Choose the symbols of feature vectors at each of several λ; errors as `encode`."""
        z = self.scaling_.forward(vectors)
        for lam in lams:
            if not (np.isfinite(lam) and lam >= 0):
                raise InputError(f"lam must be finite and >= 0, given {lam}")
        rounded = [round(float(lam), LAM_DECIMALS) for lam in lams]
        results = encode_ladder(self.quantizer_, z, self.prior_, rounded)
        return [
            Encoded(lam, result.symbols, result.distortion, result.code_length_bits)
            for lam, result in zip(rounded, results, strict=True)
        ]

    def decode(self, symbols: np.ndarray, *, num_stages: int | None = None) -> np.ndarray:
        """Return feature vectors ``[N, D]``, float32, of symbols ``[N, S]``."""
        return self.scaling_.inverse(self.quantizer_.decode(symbols, num_stages=num_stages))

    def bits(self, symbols: np.ndarray) -> np.ndarray:
        """Return the code length of each row of `symbols` ``[N, S]`` in bits, float64 ``[N]``."""
        return self.prior_.code_length_bits(symbols)

    def symbol_statistics(self, symbols: np.ndarray) -> SymbolStatistics:
        """Describe what the symbols ``[N, S]`` of a data set vary in."""
        return symbol_statistics(symbols, alphabet_size=self.alphabet_size)

    def fingerprint(self) -> str:
        """Hash of everything that decides how the codec codes: 64 hexadecimal characters."""
        tensors = {name: sha256_bytes(array.tobytes()) for name, array in self._tensors().items()}
        scale = repr(self.scaling_.scale)
        return fingerprint({"format": FORMAT_VERSION, "tensors": tensors, "scale": scale})

    def save(self, folder: str | Path) -> None:
        """Write ``weights.safetensors`` and, last, ``card.json`` into `folder`."""
        tensors = save_tensors(Path(folder) / _WEIGHTS, self._tensors())
        card = {
            **self.card_,
            "kind": "codec",
            "format": FORMAT_VERSION,
            "scale": self.scaling_.scale,
            "fingerprint": self.fingerprint(),
            "tensors": tensors,
            "provenance": provenance(),
        }
        write_json(Path(folder) / _CARD, card)

    def _tensors(self) -> dict[str, np.ndarray]:
        return {
            "mean": self.scaling_.mean,
            "codebooks": self.quantizer_.codebooks,
            "frequencies": self.prior_.frequencies,
            "ladder": np.asarray(self.ladder_, np.float64),
        }

    @classmethod
    def load(cls, folder: str | Path) -> "Codec":
        """Read a codec that `save` wrote.

        Raises
        ------
        InputError
            The folder holds no codec.
        IntegrityError
            A file is damaged, does not match its card, or has an unknown format version.
        """
        place = Path(folder)
        if not (place / _CARD).is_file():
            raise InputError(f"{place} holds no codec (no card.json); run: quantlab train RUN")
        card = read_json(place / _CARD)
        if not isinstance(card, dict) or card.get("format") != FORMAT_VERSION:
            raise IntegrityError(
                f"{place / _CARD} is no card of format {FORMAT_VERSION}, the one that this "
                "version reads; train the codec again"
            )
        try:
            return cls._from_parts(card, load_tensors(place / _WEIGHTS, card["tensors"]))
        except (KeyError, TypeError, InputError) as error:
            raise IntegrityError(f"{place} is not a whole codec: {error}") from error

    @classmethod
    def _from_parts(cls, card: dict[str, Any], tensors: dict[str, np.ndarray]) -> "Codec":
        codec = cls(CodecSettings.parse(card["settings"], where="card.json: settings"))
        codec._learned = _Learned(
            Scaling(tensors["mean"], float(card["scale"])),
            Quantizer(tensors["codebooks"]),
            FactorizedPrior(tensors["frequencies"]),
        )
        codec.ladder_ = tuple(tensors["ladder"].tolist())
        codec.card_ = card
        expected = (codec.num_symbols, codec.alphabet_size)
        found = codec.prior_.frequencies.shape
        if found != expected or codec.quantizer_.num_dims != len(codec.scaling_.mean):
            raise IntegrityError(f"prior {found} does not fit codebooks {expected}, or the mean")
        if codec.fingerprint() != card["fingerprint"]:
            raise IntegrityError("the card's fingerprint is not that of the weights")
        return codec
