"""The experiment files that ship: they read, ask for what they name, and use data that is there."""

from pathlib import Path

import pytest

from quantlab.sweep import StudySettings, read_studies

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "experiments").glob("*.yaml"))
MADE_BY_THE_USER = {"nemo_stylevc_codecs", "quantized_reference"}


def _study(name: str) -> StudySettings:
    return next(iter(read_studies(ROOT / "experiments" / f"{name}.yaml").values()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_reads_and_finds_its_embeddings(path: Path) -> None:
    for name, study in read_studies(path).items():
        plain = study.name.removesuffix(f"-{name}") if name else study.name
        assert plain.replace("-", "_") == path.stem
        if path.stem in MADE_BY_THE_USER:
            continue
        sources = study.data.embeddings
        for source in (sources,) if isinstance(sources, str) else sources:
            assert (ROOT / source / "card.json").is_file()


def test_the_whole_study_holds_everything_that_is_claimed_of_it() -> None:
    study = _study("seed_001")
    assert {"balanced", "natural", "biased:*", "shuffled"} <= set(study.recipes)
    assert len(study.seeds) == 3
    assert study.codec.ladder.num == 14
    assert set(study.probes) == {"logistic", "svm", "mlp"}
    assert study.retrained_probe
    assert len(study.reductions) == 5
    assert len(study.references) == 6
    assert study.mixing.pairs
    assert study.mixing.routes


def test_the_codebook_classifier_comes_in_the_eight_published_sizes() -> None:
    studies = read_studies(ROOT / "experiments" / "rq4_codebook_classifier.yaml")
    sizes = {
        name: (study.codec.quantizer.codes, study.codec.quantizer.stages)
        for name, study in studies.items()
    }
    assert len(sizes) == 8
    assert all(f"{codes}x{stages}" == name for name, (codes, stages) in sizes.items())
    assert all(study.split.protocols == ("corpus",) for study in studies.values())


def test_ratios_of_the_follow_up_are_there() -> None:
    recipes = _study("rq3_vote_distribution").recipes
    assert {"ratio:sad=.95", "ratio:sad=.99"} <= set(recipes)
