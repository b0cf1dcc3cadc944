"""The learned parts of a codec, as arrays to store and as one map into the space of the codes.

Letters as in `quantizer`; ``M`` axes that are coded, equal to ``D`` without a rotation.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantlab.codebooks.quantizer import Quantizer
from quantlab.codebooks.scaling import Scaling
from quantlab.codebooks.transform import Klt
from quantlab.config import fingerprint
from quantlab.entropy import ConditionedPrior, Prior, prior_from_tensors
from quantlab.errors import IntegrityError
from quantlab.store import sha256_bytes

FORMAT_VERSION = 2
_PRIOR_PREFIX = "prior."


@dataclass(frozen=True, eq=False)
class CodecParts:
    """What `Codec.fit` and `Codec.load` give a codec.

    Attributes
    ----------
    scaling : Scaling
        From features to z.
    transform : Klt or None
        From z to the leading principal axes, where there is a rotation.
    quantizer : Quantizer
        The codebooks, on what scaling and rotation give.
    prior : Prior or ConditionedPrior
        What symbols cost.
    ladder : tuple[float, ...]
        The λ ladder, ascending.
    """

    scaling: Scaling
    transform: Klt | None
    quantizer: Quantizer
    prior: Prior | ConditionedPrior
    ladder: tuple[float, ...]

    def __post_init__(self) -> None:
        expected = (self.quantizer.num_symbols, self.quantizer.alphabet_size)
        found = (self.prior.num_positions, self.prior.alphabet_size)
        width = len(self.scaling.mean)
        into, coded = (width, width) if self.transform is None else self.transform.basis.shape[::-1]
        if found != expected or (into, coded) != (width, self.quantizer.num_dims):
            raise IntegrityError(
                f"the parts of the codec do not fit each other: prior {found}, codebooks "
                f"{expected} on {self.quantizer.num_dims} dimensions, rotation {into} to {coded}, "
                f"mean {width}"
            )

    @property
    def parameter_bits(self) -> int:
        """Bits of codebooks, prior, scaling and rotation."""
        scaling_bits = 32 * (len(self.scaling.mean) + max(np.size(self.scaling.scale), 2))
        rotation_bits = 0 if self.transform is None else 32 * self.transform.basis.size
        model_bits = self.quantizer.parameter_bits + self.prior.parameter_bits
        return model_bits + scaling_bits + rotation_bits

    @property
    def scale_in_card(self) -> float | None:
        """The scalar of the scaling; None where each dimension has its own, kept as a tensor."""
        return self.scaling.scale if isinstance(self.scaling.scale, float) else None

    def forward(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scale and rotate feature vectors ``[N, D]``.

        Returns
        -------
        tuple[np.ndarray, np.ndarray]
            What the codebooks see, float32 ``[N, M]``, and the squared length in z that the
            rotation leaves out, float64 ``[N]``.
        """
        return self.rotate(self.scaling.forward(vectors))

    def rotate(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what `forward` returns, of scaled vectors ``[N, D]``."""
        if self.transform is None:
            return z, np.zeros(len(z))
        return self.transform.forward(z), self.transform.lost(z)

    def unrotate(self, y: np.ndarray) -> np.ndarray:
        """Return scaled vectors ``[N, D]`` of reconstructions ``[N, M]``."""
        return y if self.transform is None else self.transform.inverse(y)

    def inverse(self, y: np.ndarray) -> np.ndarray:
        """Return feature vectors ``[N, D]`` of reconstructions ``[N, M]``."""
        return self.scaling.inverse(self.unrotate(y))

    def tensors(self) -> dict[str, np.ndarray]:
        """Return every array that decides how the codec codes, by name."""
        tensors = {
            "mean": self.scaling.mean,
            "codebooks": self.quantizer.codebooks,
            "ladder": np.asarray(self.ladder, np.float64),
        }
        if isinstance(self.scaling.scale, np.ndarray):
            tensors["scale"] = self.scaling.scale
        if self.transform is not None:
            tensors |= {"basis": self.transform.basis, "variances": self.transform.variances}
        prior = self.prior.tensors()
        return tensors | {_PRIOR_PREFIX + name: array for name, array in prior.items()}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, np.ndarray], *, scale: float | None, prior_kind: str
    ) -> "CodecParts":
        """Rebuild the parts; KeyError, InputError or IntegrityError when they are not whole.

        `scale` is the scaling's scalar, None where each dimension has its own in the tensors.
        """
        of_prior = {
            name.removeprefix(_PRIOR_PREFIX): array
            for name, array in tensors.items()
            if name.startswith(_PRIOR_PREFIX)
        }
        rotated = "basis" in tensors
        return cls(
            Scaling(tensors["mean"], tensors["scale"] if scale is None else scale),
            Klt(tensors["basis"], tensors["variances"]) if rotated else None,
            Quantizer(tensors["codebooks"]),
            prior_from_tensors(prior_kind, of_prior),
            tuple(tensors["ladder"].tolist()),
        )

    def fingerprint(self) -> str:
        """Hash of everything that decides how the codec codes: 64 hexadecimal characters."""
        tensors = {name: sha256_bytes(array.tobytes()) for name, array in self.tensors().items()}
        return fingerprint(
            {
                "format": FORMAT_VERSION,
                "prior": self.prior.kind,
                "tensors": tensors,
                "scale": repr(self.scale_in_card),
            }
        )
