"""Settings of the maps of a run."""

from pydantic import Field, field_validator

from quantlab.analysis import MapKind
from quantlab.config import Settings


class MapSettings(Settings):
    """Maps of the embeddings, for the eye."""

    kinds: tuple[MapKind, ...] = ("pca", "lda", "tsne")
    """Which ones: principal components, discriminants, t-SNE, UMAP (needs ``quantlab[maps]``)."""

    max_items: int = Field(default=600, ge=0)
    """Most items, drawn evenly over emotions and speakers; 0 makes no maps."""

    @field_validator("kinds")
    @classmethod
    def _each_once(cls, kinds: tuple[MapKind, ...]) -> tuple[MapKind, ...]:
        if len(set(kinds)) != len(kinds):
            raise ValueError("name each kind of map once")
        return kinds
