"""The codec: scaling, rotation, quantizer, prior and λ ladder; what is trained, saved and swept."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np

from quantlab.codebooks.code import fit_code, fit_entropy
from quantlab.codebooks.encoding import encode_direct, encode_paths
from quantlab.codebooks.ladder import given_ladder
from quantlab.codebooks.parts import FORMAT_VERSION, CodecParts
from quantlab.codebooks.paths import Paths
from quantlab.codebooks.quantizer import Quantizer, uniform_prior
from quantlab.codebooks.results import Encoded, Mode
from quantlab.codebooks.scaling import Scaling
from quantlab.codebooks.search import search
from quantlab.codebooks.settings import LAM_DECIMALS, CodecSettings
from quantlab.codebooks.transform import Klt
from quantlab.entropy import ConditionedPrior, Prior, SymbolStatistics, symbol_statistics
from quantlab.errors import InputError, IntegrityError, NotFittedError
from quantlab.store import load_tensors, provenance, read_json, save_tensors, write_json

_WEIGHTS = "weights.safetensors"
_CARD = "card.json"


class Codec:
    """A codebook quantizer with its entropy model.

    Parameters
    ----------
    settings : CodecSettings
        Shape and training. The constructor does no work.
    parts : CodecParts, optional
        Learned state, of a codec that is put together instead of trained.

    Attributes
    ----------
    parts_ : CodecParts
        Learned state, present after `fit` or `load`.
    scaling_, quantizer_, prior_, ladder_ : Scaling, Quantizer, Prior, tuple[float, ...]
        Its members.
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

    def __init__(
        self, settings: CodecSettings | None = None, parts: CodecParts | None = None
    ) -> None:
        self.settings = settings or CodecSettings()
        self._parts = parts
        self.card_: dict[str, Any] = {}

    def fit(
        self,
        vectors: np.ndarray,
        *,
        rng: np.random.Generator,
        scaling: Scaling | None = None,
        ladder: Sequence[float] = (),
        groups: np.ndarray | None = None,
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
        groups : np.ndarray [shape=(N,)], optional
            Speakers of the vectors: what the prior is judged by while it is fitted comes from
            others than what it is fitted on.
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
        if scaling is None:
            kind = self.settings.scaling
            unlabelled = np.zeros(len(vectors), np.int8)
            scaling = Scaling.fit(vectors, unlabelled, kind="scalar" if kind == "auto" else kind)
        y = scaling.forward(vectors)
        transform = None
        if self.settings.transform.kind == "klt":
            transform = Klt.fit(y, self.settings.transform.components)
            y = transform.forward(y)
        fixed = tuple(ladder) or given_ladder(self.settings.ladder, lam_unit=scaling.lam_unit)
        coded = fit_code(y, self.settings, ladder=fixed, rng=rng, groups=groups)
        self._parts = CodecParts(scaling, transform, coded.quantizer, coded.prior, coded.ladder)
        self.card_ = {
            **(about or {}),
            "settings": self.settings.model_dump(mode="json"),
            "num_training_vectors": len(vectors),
            **coded.about,
            **self._describe(y),
        }
        return self

    def adopt(
        self,
        quantizer: Quantizer,
        *,
        vectors: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
        groups: np.ndarray | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> Self:
        """Take codebooks that were trained elsewhere, on features as they are.

        Parameters
        ----------
        quantizer : Quantizer
            The codebooks.
        vectors : np.ndarray [shape=(N, D)], optional
            What prior and ladder are fitted to; without them all symbols cost the same and the
            settings must give the ladder.
        rng : np.random.Generator, optional
            Source of all randomness; needed with `vectors`.
        groups, about
            As in `fit`.

        Returns
        -------
        Codec
            Itself, fitted, without scaling.

        Raises
        ------
        InputError
            No vectors and no ladder, vectors without `rng`, or of another width.
        """
        scaling = Scaling.none(quantizer.num_dims)
        ladder = given_ladder(self.settings.ladder, lam_unit=1.0)
        known: dict[str, Any] = {"settings": self.settings.model_dump(mode="json")}
        if vectors is None:
            if not ladder:
                raise InputError(
                    "without vectors there is nothing to find a ladder from; give vectors, or set "
                    "ladder.lams or ladder.preset"
                )
            self._parts = CodecParts(scaling, None, quantizer, uniform_prior(quantizer), ladder)
            known["parameter_bits"] = self.parameter_bits
        else:
            if rng is None:
                raise InputError("fitting a prior needs rng; give np.random.default_rng(0)")
            y = scaling.forward(vectors)
            coded = fit_entropy(quantizer, y, self.settings, ladder=ladder, rng=rng, groups=groups)
            self._parts = CodecParts(scaling, None, coded.quantizer, coded.prior, coded.ladder)
            known |= {"num_prior_vectors": len(vectors), **coded.about, **self._describe(y)}
        self.card_ = {**(about or {}), **known}
        return self

    def _describe(self, y: np.ndarray) -> dict[str, Any]:
        free = self.settings.scheme == "residual"  # a trellis allows some sequences only
        prior = uniform_prior(self.quantizer_) if free else self.prior_at(0.0)
        nearest = search(self.quantizer_, y, prior, [0.0])[0]
        statistics = self.symbol_statistics(nearest.symbols)
        return {
            "training": {
                "distortion_share": float(nearest.distortion.mean() / self.quantizer_.num_dims),
                "entropy_bits": statistics.entropy_bits,
                "usage": statistics.usage.round(6).tolist(),
                "perplexity": statistics.perplexity.round(6).tolist(),
            },
            "parameter_bits": self.parameter_bits,
        }

    @property
    def parts_(self) -> CodecParts:
        """The learned state; NotFittedError before `fit`."""
        if self._parts is None:
            raise NotFittedError("this codec has no codebooks yet; call fit or Codec.load first")
        return self._parts

    @property
    def scaling_(self) -> Scaling:
        """The learned scaling; NotFittedError before `fit`."""
        return self.parts_.scaling

    @property
    def quantizer_(self) -> Quantizer:
        """The learned codebooks; NotFittedError before `fit`."""
        return self.parts_.quantizer

    @property
    def prior_(self) -> Prior | ConditionedPrior:
        """The learned prior; NotFittedError before `fit`."""
        return self.parts_.prior

    @property
    def ladder_(self) -> tuple[float, ...]:
        """The λ ladder, ascending, λ = 0 first; NotFittedError before `fit`."""
        return self.parts_.ladder

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
        """Bits of the codebooks, the prior, the scaling and the rotation."""
        return self.parts_.parameter_bits

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Modes this codec can encode in, default first; under a prior per λ there is no path."""
        return ("direct",) if isinstance(self.prior_, ConditionedPrior) else ("path", "direct")

    def prior_at(self, lam: float) -> Prior:
        """Return the prior that symbols chosen at one λ ≥ 0 are coded with."""
        prior = self.prior_
        return prior.at(lam) if isinstance(prior, ConditionedPrior) else prior

    @property
    def constant_symbols(self) -> np.ndarray:
        """The symbols ``[S]`` of every vector as λ grows without bound."""
        prior = self.prior_at(self.ladder_[-1])
        context, symbols = prior.start(1), np.full((2, self.num_symbols), self.quantizer_.skip)
        for position in range(self.num_symbols):
            symbols[0, position] = context.bits()[0].argmin()
            context = context.extend(np.zeros(1, np.int64), symbols[0, position : position + 1])
        return symbols[prior.code_length_bits(symbols).argmin()]

    def encode(self, vectors: np.ndarray, lam: float, *, mode: Mode | None = None) -> Encoded:
        """Choose the symbols of feature vectors ``[N, D]`` at one λ ≥ 0.

        See `encode_ladder`; one λ gives what the whole ladder gives.
        """
        return self.encode_ladder(vectors, [lam], mode=mode)[0]

    def encode_ladder(
        self, vectors: np.ndarray, lams: Sequence[float], *, mode: Mode | None = None
    ) -> list[Encoded]:
        """Choose the symbols of feature vectors at each of several λ.

        Parameters
        ----------
        vectors : np.ndarray [shape=(N, D)]
            Finite feature vectors.
        lams : Sequence[float]
            Finite λ ≥ 0, squared distance in z per bit, in any order.
        mode : {"path", "direct"}, optional
            ``path`` (the default where there is a path): each vector's points over the codec's own
            ladder, pruned to their lower convex hull, so that bits never rise with λ.
            ``direct``: each λ on its own.

        Returns
        -------
        list[Encoded]
            One per λ, in the order given.

        Raises
        ------
        InputError
            Wrong shape, non-finite values, a λ out of range, or a mode that the codec has not.
        NotFittedError
            The codec was not fitted.
        """
        chosen = self._mode(mode)
        for lam in lams:
            if not (np.isfinite(lam) and lam >= 0):
                raise InputError(f"lam must be finite and >= 0, given {lam}")
        rounded = [round(float(lam), LAM_DECIMALS) for lam in lams]
        if chosen == "path":
            paths = self.paths(vectors)
            results = [paths.at(lam) for lam in rounded]
        else:
            y, lost = self.parts_.forward(vectors)
            found = encode_direct(self.quantizer_, y, self.prior_, rounded, beam=self.settings.beam)
            results = [replace(part, distortion=part.distortion + lost) for part in found]
        return [
            Encoded(lam, result.symbols, result.distortion, result.code_length_bits, chosen)
            for lam, result in zip(rounded, results, strict=True)
        ]

    def _mode(self, mode: Mode | None) -> Mode:
        if mode is None:
            return self.modes[0]
        if mode not in self.modes:
            known = "one of " + ", ".join(get_args(Mode))
            hint = known if mode not in get_args(Mode) else "direct, because its prior depends on λ"
            raise InputError(f"mode is {mode!r}; for this codec give {hint}")
        return mode

    def paths(self, vectors: np.ndarray) -> Paths:
        """Return each vector's hull of (bits, distortion) over the codec's ladder.

        Memory grows with the number of vectors times the points on a path (about seven) times S;
        give long recordings in blocks. Errors as `encode_ladder`.
        """
        self._mode("path")
        y, lost = self.parts_.forward(vectors)
        paths = encode_paths(
            self.quantizer_, y, self.prior_at(0.0), self.ladder_, beam=self.settings.beam
        )
        return replace(paths, distortion=paths.distortion + np.repeat(lost, np.diff(paths.offsets)))

    def decode(self, symbols: np.ndarray, *, num_stages: int | None = None) -> np.ndarray:
        """Return feature vectors ``[N, D]``, float32, of symbols ``[N, S]``."""
        return self.parts_.inverse(self.quantizer_.decode(symbols, num_stages=num_stages))

    def bits(self, symbols: np.ndarray, *, lam: float = 0.0) -> np.ndarray:
        """Return the code length of each row of `symbols` ``[N, S]`` in bits, float64 ``[N]``.

        `lam` matters under a prior per λ only.
        """
        return self.prior_at(lam).code_length_bits(symbols)

    def symbol_statistics(self, symbols: np.ndarray) -> SymbolStatistics:
        """Describe what the symbols ``[N, S]`` of a data set vary in."""
        return symbol_statistics(symbols, alphabet_size=self.alphabet_size)

    def fingerprint(self) -> str:
        """Hash of everything that decides how the codec codes: 64 hexadecimal characters."""
        return self.parts_.fingerprint()

    def save(self, folder: str | Path) -> None:
        """Write ``weights.safetensors`` and, last, ``card.json`` into `folder`."""
        tensors = save_tensors(Path(folder) / _WEIGHTS, self.parts_.tensors())
        card = {
            **self.card_,
            "kind": "codec",
            "format": FORMAT_VERSION,
            "scale": self.parts_.scale_in_card,
            "prior": self.prior_.kind,
            "fingerprint": self.fingerprint(),
            "tensors": tensors,
            "provenance": provenance(),
        }
        write_json(Path(folder) / _CARD, card)

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
            return cls._from_tensors(card, load_tensors(place / _WEIGHTS, card["tensors"]))
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise IntegrityError(f"{place} is not a whole codec: {error}") from error

    @classmethod
    def _from_tensors(cls, card: dict[str, Any], tensors: dict[str, np.ndarray]) -> "Codec":
        settings = CodecSettings.parse(card["settings"], where="card.json: settings")
        kind, scale = str(card["prior"]), card["scale"]
        codec = cls(settings, CodecParts.from_tensors(tensors, scale=scale, prior_kind=kind))
        codec.card_ = card
        if codec.fingerprint() != card["fingerprint"]:
            raise IntegrityError("the card's fingerprint is not that of the weights")
        return codec
