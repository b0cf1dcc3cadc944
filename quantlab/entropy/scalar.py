"""Learned scalar transform coding: the peer that a codebook has to beat, made with CompressAI.

Vectors are rotated to their principal axes (KLT), divided by one uniform step, rounded, and the
whole numbers coded by CompressAI's rANS under a learned model per component: its entropy bottleneck
or a Gaussian. Letters: ``N`` vectors, ``D`` dimensions, ``C`` components. CompressAI is an optional
dependency; it is imported inside functions only.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from quantlab.compat import heal_torchvision, single_thread
from quantlab.errors import ConfigError, InputError, IntegrityError

ScalarKind = Literal["bottleneck", "gaussian"]
_PRECISION_BITS = 16  # of CompressAI's tables
_TAIL_MASS = 1e-6  # what the tables leave to the escape code
_SMALLEST_SCALE = 0.05  # in steps; below it every coefficient is zero anyway
# CompressAI's coder writes behind its buffer when a message has fewer than four symbols.
_SHORTEST_MESSAGE = 8
_BATCH, _LEARNING_RATE = 512, 0.02


@dataclass(frozen=True, eq=False)
class ScalarTransformCoder:
    """A fitted scalar transform coder; make one with `fit`.

    Attributes
    ----------
    mean : np.ndarray [shape=(D,), dtype=float64]
        Subtracted before the rotation.
    basis : np.ndarray [shape=(D, C), dtype=float64]
        Orthonormal columns, largest variance first.
    step : float
        Width of the uniform quantizer, in units of z.
    kind : {"bottleneck", "gaussian"}
        The model of the whole numbers.
    tables : np.ndarray [shape=(M, L), dtype=int32]
        Cumulative frequencies of 16 bits, padded with zeros; the last entry is the escape.
    table_lengths, table_offsets : np.ndarray [shape=(M,), dtype=int32]
        Entries in use of each table, and the whole number that its first entry stands for.
    table_of_component : np.ndarray [shape=(C,), dtype=int32]
        Which table codes which component.
    """

    mean: np.ndarray
    basis: np.ndarray
    step: float
    kind: ScalarKind
    tables: np.ndarray
    table_lengths: np.ndarray
    table_offsets: np.ndarray
    table_of_component: np.ndarray

    @classmethod
    def fit(
        cls,
        z: np.ndarray,
        *,
        step: float,
        rng: np.random.Generator,
        kind: ScalarKind = "bottleneck",
        num_components: int = 0,
        basis: np.ndarray | None = None,
        training_steps: int = 400,
    ) -> "ScalarTransformCoder":
        """Fit mean, rotation and models to training vectors; the same `rng` gives the same tables.

        Parameters
        ----------
        z : np.ndarray [shape=(N, D)]
            Finite training vectors, N ≥ 2.
        step : float
            Width of the quantizer, > 0; `step_for_lam` gives the one that suits a λ.
        rng : np.random.Generator
            Source of all randomness.
        kind : {"bottleneck", "gaussian"}
            ``bottleneck``: CompressAI's learned univariate densities. ``gaussian``: its Gaussian
            conditional with one scale per component.
        num_components : int
            Components kept, C ≤ D; 0 keeps all.
        basis : np.ndarray [shape=(D, C)], optional
            Orthonormal columns to use instead of the principal axes of `z`.
        training_steps : int
            Gradient steps of the bottleneck, ≥ 1.

        Raises
        ------
        ConfigError
            CompressAI is not installed, or `kind` is unknown.
        InputError
            Vectors, step or basis are unfit.

        References
        ----------
        Ballé et al., "Variational image compression with a scale hyperprior" (2018), section 6.1.
        """
        if kind not in ("bottleneck", "gaussian"):
            raise ConfigError(f"kind {kind!r} is unknown; use bottleneck or gaussian")
        if z.ndim != 2 or len(z) < 2 or not np.isfinite(z).all():
            raise InputError(f"z must be finite [N, D] with N >= 2, given {z.shape}")
        if not (np.isfinite(step) and step > 0):
            raise InputError(f"step must be finite and > 0, given {step}")
        if not 0 <= num_components <= z.shape[1]:
            raise InputError(f"num_components is {num_components}; it must be 0 … {z.shape[1]}")
        mean = z.mean(axis=0, dtype=np.float64)
        axes = principal_axes(z) if basis is None else np.asarray(basis, np.float64)
        axes = axes[:, : num_components or None]
        if axes.ndim != 2 or len(axes) != z.shape[1] or not _orthonormal(axes):
            raise InputError(f"basis must have orthonormal columns [{z.shape[1]}, C]")
        counts = _rounded((z - mean) @ axes / step)
        if kind == "gaussian":
            models = _gaussian_models(counts)
        else:
            models = _bottleneck_models(counts, rng, training_steps)
        return cls(mean, axes, float(step), kind, *models)

    def encode(self, z: np.ndarray) -> np.ndarray:
        """Return the whole numbers ``[N, C]``, int32, of vectors ``[N, D]``."""
        if z.ndim != 2 or z.shape[1] != len(self.mean) or not np.isfinite(z).all():
            raise InputError(f"z must be finite [N, {len(self.mean)}], given {z.shape}")
        return _rounded((z - self.mean) @ self.basis / self.step)

    def decode(self, symbols: np.ndarray) -> np.ndarray:
        """Return vectors ``[N, D]``, float64, of whole numbers ``[N, C]``."""
        return self.mean + (symbols * self.step) @ self.basis.T

    def compress(self, symbols: np.ndarray) -> bytes:
        """Code whole numbers ``[N, C]`` into one message; none give no bytes."""
        if symbols.ndim != 2 or symbols.shape[1] != len(self.table_of_component):
            raise InputError(
                f"symbols must be [N, {len(self.table_of_component)}], given {symbols.shape}"
            )
        if symbols.size == 0:
            return b""
        padding = [0] * max(0, _SHORTEST_MESSAGE - symbols.size)
        message = [*symbols.astype(np.int64).ravel().tolist(), *padding]
        return (
            _rans()
            .RansEncoder()
            .encode_with_indexes(
                message, self._table_numbers(len(symbols), len(padding)), *self._tables()
            )
        )

    def decompress(self, data: bytes, num_vectors: int) -> np.ndarray:
        """Return the whole numbers ``[N, C]``, int32, that `compress` coded.

        CompressAI's coder has no checksum: damaged bytes give wrong numbers. Keep them whole.

        Raises
        ------
        IntegrityError
            There are fewer bytes than any message of this length has.
        """
        shape = (num_vectors, len(self.table_of_component))
        size = shape[0] * shape[1]
        if size == 0:
            return np.zeros(shape, np.int32)
        if len(data) < 8 or len(data) % 4:
            raise IntegrityError(f"{len(data)} bytes are no message of CompressAI's coder")
        padding = max(0, _SHORTEST_MESSAGE - size)
        message = (
            _rans()
            .RansDecoder()
            .decode_with_indexes(data, self._table_numbers(num_vectors, padding), *self._tables())
        )
        return np.array(message[:size], np.int32).reshape(shape)

    def code_length_bits(self, symbols: np.ndarray) -> np.ndarray:
        """Return −log2 p of each row of `symbols` ``[N, C]`` under the tables, float64 ``[N]``.

        Numbers outside a table cost its escape and the eight bits of the shortest escape code; the
        real code of far outliers is longer.
        """
        numbers = self.table_of_component
        last = self.table_lengths[numbers] - 2
        place = symbols.astype(np.int64) - self.table_offsets[numbers]
        outside = (place < 0) | (place >= last)
        place = np.where(outside, last, place)
        width = self.tables[numbers, place + 1] - self.tables[numbers, place]
        return (_PRECISION_BITS - np.log2(width) + 8 * outside).sum(axis=1)

    @property
    def parameter_bits(self) -> int:
        """Bits of rotation and mean in single precision, and of the tables."""
        floats = self.basis.size + self.mean.size + 1
        return 32 * floats + _PRECISION_BITS * int(self.table_lengths.sum())

    def _table_numbers(self, num_vectors: int, num_padding: int) -> list[int]:
        padding = np.repeat(self.table_of_component[:1], num_padding)
        return [*np.tile(self.table_of_component, num_vectors).tolist(), *padding.tolist()]

    def _tables(self) -> tuple[list[list[int]], list[int], list[int]]:
        return self.tables.tolist(), self.table_lengths.tolist(), self.table_offsets.tolist()


def step_for_lam(lam: float) -> float:
    """Return the step √(6λ/ln 2) at which a fine uniform quantizer trades at λ (D' = −λ a bit).

    References
    ----------
    Gish and Pierce, "Asymptotically efficient quantizing" (1968): D = step²/12 at high rate.
    """
    if not (np.isfinite(lam) and lam > 0):
        raise InputError(f"lam must be finite and > 0 to have a step, given {lam}")
    return float(np.sqrt(6 * lam / np.log(2)))


def principal_axes(z: np.ndarray) -> np.ndarray:
    """Return the eigenvectors ``[D, D]`` of the covariance of `z` ``[N, D]``, largest first.

    Signs are fixed: the entry of largest magnitude of every column is positive.
    """
    centred = z - z.mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1]
    largest = np.abs(axes).argmax(axis=0)
    return axes * np.where(axes[largest, np.arange(axes.shape[1])] < 0, -1.0, 1.0)


def _orthonormal(axes: np.ndarray) -> bool:
    return bool(np.allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-6))


def _rounded(values: np.ndarray) -> np.ndarray:
    limit = 1 << 24  # CompressAI's escape code ends here, far beyond useful data
    if np.abs(values).max(initial=0) >= limit:
        raise InputError("values are more than 2**24 steps from the mean; take a larger step")
    return np.rint(values).astype(np.int32)


def _compressai() -> Any:
    """Return CompressAI's entropy models, with torchvision made to load first."""
    import importlib
    import warnings

    heal_torchvision()
    with warnings.catch_warnings():
        # CompressAI and what it pulls in still use torch.jit.
        warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
        try:
            return importlib.import_module("compressai.entropy_models")
        except ImportError as error:
            raise ConfigError(
                f"the scalar transform coder needs CompressAI ({error}); "
                "run: pip install 'quantlab[baseline]'"
            ) from error


def _rans() -> Any:
    import importlib

    _compressai()
    return importlib.import_module("compressai.ans")


_Models = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _gaussian_models(counts: np.ndarray) -> _Models:
    scales = np.sqrt(np.square(counts, dtype=np.float64).mean(axis=0))
    scales = np.maximum(scales, _SMALLEST_SCALE).astype(np.float32)
    table, numbers = np.unique(scales, return_inverse=True)
    _check_width(2 * 5 * table[-1])
    model = _compressai().GaussianConditional(
        [float(scale) for scale in table], tail_mass=_TAIL_MASS
    )
    model.update()
    return (*_as_arrays(model), numbers.astype(np.int32))


def _bottleneck_models(
    counts: np.ndarray, rng: np.random.Generator, training_steps: int
) -> _Models:
    """Train CompressAI's densities on the whole numbers themselves, without added noise."""
    models = _compressai()
    import torch

    num_components = counts.shape[1]
    scales = np.maximum(counts.std(axis=0, dtype=np.float64), _SMALLEST_SCALE)
    _check_width(24 * scales.max())
    with single_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(1 << 31)))
        model = models.EntropyBottleneck(num_components, tail_mass=_TAIL_MASS, init_scale=1.0)
        _widen(model, 2.0 * scales)
        model.quantiles.requires_grad_(False)
        learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(learned, lr=_LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, training_steps)
        values = torch.from_numpy(counts.astype(np.float32))
        for _ in range(training_steps):
            rows = torch.from_numpy(rng.integers(0, len(counts), min(_BATCH, len(counts))))
            optimizer.zero_grad()
            _, likelihood = model(values[rows], training=False)
            (-torch.log2(likelihood).sum() / len(rows)).backward()
            optimizer.step()
            schedule.step()
        model.update(force=True, update_quantiles=True)
        with torch.no_grad():
            model.quantiles[:, :, 1] = 0.0  # the numbers are already whole: no shift by a median
        model.update(force=True)
    _check_width(int(model.cdf_length.max()))
    return (*_as_arrays(model), np.arange(num_components, dtype=np.int32))


def _widen(model: Any, scales: np.ndarray) -> None:
    """Give each component's initial density its own width, which is 1 before, roughly."""
    import torch

    with torch.no_grad():
        first = model.matrices[0]
        slope = torch.nn.functional.softplus(first)
        slope = slope / torch.from_numpy(scales.astype(np.float32))[:, None, None]
        first.copy_(torch.log(torch.expm1(slope)))


def _check_width(num_entries: float) -> None:
    if num_entries > 1 << (_PRECISION_BITS - 2):
        raise InputError(
            "the step is so small that CompressAI's tables of 16 bits cannot hold the "
            "coefficients; take a larger step"
        )


def _as_arrays(model: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    parts = (model.quantized_cdf, model.cdf_length, model.offset)
    first, second, third = (part.detach().numpy().astype(np.int32) for part in parts)
    return first, second.ravel(), third.ravel()
