"""The run folder: what lies where, and which study it holds."""

from dataclasses import dataclass
from pathlib import Path

from quantlab.codebooks import parse_recipe
from quantlab.errors import InputError
from quantlab.store import read_yaml, write_yaml
from quantlab.sweep.settings import StudySettings


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run.

    Attributes
    ----------
    path : Path
        The folder itself.
    """

    path: Path

    @property
    def study_file(self) -> Path:
        """The resolved study."""
        return self.path / "run.yaml"

    @property
    def embeddings(self) -> Path:
        """The run's own embedding set, where it has one."""
        return self.path / "embeddings"

    @property
    def manifest(self) -> Path:
        """The manifest of the corpus that an experiment file names."""
        return self.path / "manifest.parquet"

    @property
    def skipped(self) -> Path:
        """Clips that could not be embedded."""
        return self.path / "skipped.csv"

    @property
    def trials(self) -> Path:
        """One table per trial."""
        return self.path / "trials"

    @property
    def soft_labels(self) -> Path:
        """What annotators, or probes, hear in each item."""
        return self.path / "soft_labels.parquet"

    @property
    def sweep(self) -> Path:
        """All rows of all trials."""
        return self.path / "sweep.parquet"

    @property
    def mixing(self) -> Path:
        """Rows of mixed references."""
        return self.path / "mixing_rows.parquet"

    @property
    def routes(self) -> Path:
        """Rows of routes to a target emotion."""
        return self.path / "routes_rows.parquet"

    @property
    def maps(self) -> Path:
        """Maps of the embeddings."""
        return self.path / "maps"

    @property
    def listening(self) -> Path:
        """Rows of a listening run that claims are tested on, too."""
        return self.analysis / "listening_rows.parquet"

    @property
    def analysis(self) -> Path:
        """Tidy tables that figures are drawn from."""
        return self.path / "analysis"

    def codec(self, recipe: str, *, fold: str = "", seed: int = 0) -> Path:
        """Return the folder of a codec.

        The codec of the recipe itself, fitted on all items and meant for use, lies in
        ``codecs/<recipe>``; those of the folds, meant for evaluation, below it.
        """
        place = self.path / "codecs" / parse_recipe(recipe).folder
        return place / "folds" / f"{fold}-seed{seed}" if fold else place

    def read_study(self) -> StudySettings:
        """Return the study in ``run.yaml``; InputError when there is none."""
        if not self.study_file.is_file():
            raise InputError(
                f"{self.path} is no run folder (no run.yaml); "
                f"run: quantlab embed MANIFEST -o {self.path}"
            )
        return StudySettings.parse(read_yaml(self.study_file), where=str(self.study_file))

    def write_study(self, study: StudySettings) -> None:
        """Write ``run.yaml``."""
        write_yaml(self.study_file, study.model_dump(mode="json"))

    def find_codec(self, name: str) -> Path:
        """Return the folder of a codec named as on the command line.

        Parameters
        ----------
        name : str
            A recipe (``biased:sad``), a folder name (``biased-sad``), an emotion (``sad``) or the
            path of a codec folder.

        Raises
        ------
        InputError
            There is no such codec; the message lists those there are.
        """
        folders = sorted((self.path / "codecs").glob("*/card.json"))
        known = {card.parent.name: card.parent for card in folders}
        folder = name.replace(":", "-").replace("=", "-").replace(",", "-")
        for candidate in (folder, f"biased-{folder}"):
            if candidate in known:
                return known[candidate]
        if (Path(name) / "card.json").is_file():
            return Path(name)
        listed = ", ".join(sorted(known)) or f"none yet; run: quantlab train {self.path}"
        raise InputError(f"no codec {name!r} in {self.path}; there are: {listed}")
