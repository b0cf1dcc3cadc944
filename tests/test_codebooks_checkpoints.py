"""Codebooks of others: the true modules of vector-quantize-pytorch write the files and judge."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from vector_quantize_pytorch import ResidualVQ, VectorQuantize

from quantlab.codebooks import PREDECESSOR_LAMS, Codec, CodecSettings, import_checkpoint
from quantlab.errors import InputError, IntegrityError

WIDTH, GROUPS, STAGES, CODES = 24, 4, 3, 8


class Grouped(torch.nn.Module):
    """Groups of stages, named as in the published checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.fine_vqs = torch.nn.ModuleList(
            torch.nn.ModuleList(
                VectorQuantize(dim=WIDTH // GROUPS, codebook_size=CODES, kmeans_init=True)
                for _ in range(STAGES)
            )
            for _ in range(GROUPS)
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        outputs, indices = [], []
        for part, stages in zip(x.chunk(GROUPS, dim=-1), self.fine_vqs, strict=True):
            residual = part
            for stage in stages:  # pyright: ignore[reportGeneralTypeIssues]
                quantized, index, _ = stage(residual)
                residual = residual - quantized
                indices.append(index)
            outputs.append(part - residual)
        return torch.cat(outputs, dim=-1), torch.stack(indices, dim=-1)


class Plain(torch.nn.Module):
    """One residual quantizer, named as in the follow-up's checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self.rvq = ResidualVQ(
            dim=WIDTH, num_quantizers=STAGES, codebook_size=CODES, kmeans_init=True
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        quantized, indices, _ = self.rvq(x)
        return quantized, indices


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(3)
    return (rng.normal(size=(600, WIDTH)) * 3 + 20).astype(np.float32)


def _trained(kind: type[torch.nn.Module], vectors: np.ndarray) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind()
        with torch.no_grad():
            for _ in range(4):
                model(torch.from_numpy(vectors)[None])
    return model.eval()


@pytest.fixture(scope="module")
def grouped(vectors: np.ndarray) -> torch.nn.Module:
    return _trained(Grouped, vectors)


@pytest.fixture(scope="module")
def plain(vectors: np.ndarray) -> torch.nn.Module:
    return _trained(Plain, vectors)


def _grouped_file(model: torch.nn.Module, folder: Path, **extra: Any) -> Path:
    path = folder / "grouped_rvq_best.pt"
    config = {
        "feature_dim": WIDTH,
        "num_groups": GROUPS,
        "num_fine_layers": STAGES,
        "fine_codebook_size": CODES,
        "enable_skip": True,
    }
    content = {"epoch": 3, "model_state_dict": model.state_dict(), "optimizer_state_dict": None}
    torch.save({**content, "val_cosine": 0.95, "rvq_config": config, **extra}, path)
    return path


def _plain_file(model: torch.nn.Module, folder: Path, **extra: Any) -> Path:
    path = folder / "balanced_best.pt"
    config = {"feature_dim": WIDTH, "num_layers": STAGES, "codebook_size": CODES}
    # Their trainer keeps the mean of its losses, which is a NumPy number.
    content = {"model_state_dict": model.state_dict(), "val_loss": np.mean([0.5, 0.25])}
    torch.save({**content, "config": {**config, "use_cosine_sim": False, **extra}}, path)
    return path


@pytest.mark.parametrize("kind", ["grouped", "plain"])
def test_an_imported_codec_gives_what_its_trainer_gave(
    kind: str, vectors: np.ndarray, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    path = (_grouped_file if kind == "grouped" else _plain_file)(model, tmp_path)
    codec = import_checkpoint(path)
    assert codec.settings.scaling == "none"
    assert codec.num_symbols == (GROUPS * STAGES if kind == "grouped" else STAGES)
    assert codec.alphabet_size == CODES + 1
    assert codec.ladder_ == PREDECESSOR_LAMS
    with torch.no_grad():
        quantized, indices = model(torch.from_numpy(vectors)[None])
    theirs = indices[0].numpy()
    assert codec.decode(theirs) == pytest.approx(quantized[0].numpy(), abs=1e-4)
    nearest = codec.encode(vectors, 0.0, mode="direct")
    differs = nearest.symbols != theirs
    first = np.where(differs.any(axis=1), differs.argmax(axis=1), -1)
    # SKIP is the one candidate that they did not have: it may win where zero is nearer.
    assert all(nearest.symbols[row, at] == CODES for row, at in enumerate(first) if at >= 0)
    assert (first < 0).mean() > 0.1
    assert nearest.code_length_bits == pytest.approx(
        codec.num_symbols * np.log2(CODES + 1), rel=1e-4
    )


def test_the_prior_is_fitted_to_vectors_and_the_codec_survives_saving(
    grouped: torch.nn.Module, vectors: np.ndarray, tmp_path: Path
) -> None:
    path = _grouped_file(grouped, tmp_path)
    settings = CodecSettings.parse({"ladder": {"num": 8}})
    codec = import_checkpoint(
        path,
        settings=settings,
        vectors=vectors,
        rng=np.random.default_rng(0),
        about={"licence": "CC BY-NC-SA 4.0"},
    )
    lam = codec.ladder_[4]
    fitted, even = (each.encode(vectors, lam) for each in (codec, import_checkpoint(path)))
    assert (fitted.distortion + lam * fitted.code_length_bits).mean() < 0.95 * (
        even.distortion + lam * even.code_length_bits
    ).mean()
    codec.save(tmp_path / "codec")
    again = Codec.load(tmp_path / "codec")
    assert again.fingerprint() == codec.fingerprint()
    assert again.card_["licence"] == "CC BY-NC-SA 4.0"
    assert again.card_["imported_from"] == "grouped_rvq_best.pt"
    assert (again.encode(vectors, lam).symbols == fitted.symbols).all()


def test_bad_checkpoints_are_refused(
    grouped: torch.nn.Module, plain: torch.nn.Module, tmp_path: Path
) -> None:
    weights = grouped.state_dict()
    one = "fine_vqs.1.2._codebook.embed"
    broken = {
        "expected one": {name: value for name, value in weights.items() if name != one},
        "expected one \\[K, D/G\\]": {**weights, one: weights[one][:, :-1]},
        "project_in": {**weights, "project_in.weight": torch.zeros(2, 2)},
        "never trained": {**weights, "fine_vqs.0.0._codebook.initted": torch.tensor(False)},
        "no part of": {"transformer.layers.0.linear1.weight": torch.zeros(2, 2)},
    }
    for message, content in broken.items():
        path = _grouped_file(grouped, tmp_path, model_state_dict=content)
        with pytest.raises(IntegrityError, match=message):
            import_checkpoint(path)
    nan = {**weights, one: torch.full_like(weights[one], float("nan"))}
    with pytest.raises(InputError, match="NaN"):
        import_checkpoint(_grouped_file(grouped, tmp_path, model_state_dict=nan))
    with pytest.raises(IntegrityError, match="num_layers = 9"):
        import_checkpoint(_plain_file(plain, tmp_path, num_layers=9))
    with pytest.raises(InputError, match="directions"):
        import_checkpoint(_plain_file(plain, tmp_path, use_cosine_sim=True))


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return print, ("this ran",)

    path = tmp_path / "bomb.pt"
    torch.save({"model_state_dict": Bomb()}, path)
    with pytest.raises(IntegrityError, match="more than tensors"):
        import_checkpoint(path)
    torch.save([torch.zeros(2)], path)
    with pytest.raises(IntegrityError, match="no named weights"):
        import_checkpoint(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(IntegrityError, match="damaged"):
        import_checkpoint(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        import_checkpoint(path)
    with pytest.raises(InputError, match="not there"):
        import_checkpoint(tmp_path / "absent.pt")


def test_vectors_and_generator_come_together(
    plain: torch.nn.Module, vectors: np.ndarray, tmp_path: Path
) -> None:
    path = _plain_file(plain, tmp_path)
    with pytest.raises(InputError, match="rng"):
        import_checkpoint(path, vectors=vectors)
    with pytest.raises(InputError, match="without vectors"):
        import_checkpoint(path, settings=CodecSettings())
    with pytest.raises(InputError, match=r"expected \[N, 24\]"):
        import_checkpoint(path, vectors=vectors[:, :5], rng=np.random.default_rng(0))
