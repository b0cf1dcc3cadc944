"""Networks that are trained here: StyleVC, which parts speech into content, speaker and emotion.

Each name is loaded when it is first used, so that importing the room needs neither PyTorch nor
Lightning.
"""

from typing import TYPE_CHECKING, Any

_HOMES = {
    "PRESETS": "quantlab.models.stylevc.settings",
    "Decoded": "quantlab.models.stylevc.decoder",
    "Encoded": "quantlab.models.stylevc.network",
    "Features": "quantlab.models.stylevc.features",
    "Inference": "quantlab.models.stylevc.inference",
    "Loaded": "quantlab.models.stylevc.checkpoint",
    "LossSettings": "quantlab.models.stylevc.settings",
    "NetworkSettings": "quantlab.models.stylevc.settings",
    "Speech": "quantlab.models.stylevc.inference",
    "StyleVC": "quantlab.models.stylevc.network",
    "StyleVCSettings": "quantlab.models.stylevc.settings",
    "Trained": "quantlab.models.stylevc.training",
    "TrainingSettings": "quantlab.models.stylevc.settings",
    "build_features": "quantlab.models.stylevc.extraction",
    "load_model": "quantlab.models.stylevc.checkpoint",
    "make_network": "quantlab.models.stylevc.network",
    "open_features": "quantlab.models.stylevc.features",
    "open_stylevc": "quantlab.models.stylevc.inference",
    "save_model": "quantlab.models.stylevc.checkpoint",
    "split_items": "quantlab.models.stylevc.data",
    "train_stylevc": "quantlab.models.stylevc.training",
    "update_card": "quantlab.models.stylevc.checkpoint",
    "weights_sha256": "quantlab.models.stylevc.inference",
}

if TYPE_CHECKING:
    from quantlab.models.stylevc.checkpoint import Loaded as Loaded
    from quantlab.models.stylevc.checkpoint import load_model as load_model
    from quantlab.models.stylevc.checkpoint import save_model as save_model
    from quantlab.models.stylevc.checkpoint import update_card as update_card
    from quantlab.models.stylevc.data import split_items as split_items
    from quantlab.models.stylevc.decoder import Decoded as Decoded
    from quantlab.models.stylevc.extraction import build_features as build_features
    from quantlab.models.stylevc.features import Features as Features
    from quantlab.models.stylevc.features import open_features as open_features
    from quantlab.models.stylevc.inference import Inference as Inference
    from quantlab.models.stylevc.inference import Speech as Speech
    from quantlab.models.stylevc.inference import open_stylevc as open_stylevc
    from quantlab.models.stylevc.inference import weights_sha256 as weights_sha256
    from quantlab.models.stylevc.network import Encoded as Encoded
    from quantlab.models.stylevc.network import StyleVC as StyleVC
    from quantlab.models.stylevc.network import make_network as make_network
    from quantlab.models.stylevc.settings import PRESETS as PRESETS
    from quantlab.models.stylevc.settings import LossSettings as LossSettings
    from quantlab.models.stylevc.settings import NetworkSettings as NetworkSettings
    from quantlab.models.stylevc.settings import StyleVCSettings as StyleVCSettings
    from quantlab.models.stylevc.settings import TrainingSettings as TrainingSettings
    from quantlab.models.stylevc.training import Trained as Trained
    from quantlab.models.stylevc.training import train_stylevc as train_stylevc

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'quantlab.models' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
