"""Local emotion2vec folders with the published configuration and random weights."""

import json
from pathlib import Path
from typing import Any

import torch
import yaml

TOKENS = (
    "生气/angry", "厌恶/disgusted", "恐惧/fearful", "开心/happy", "中立/neutral",
    "其他/other", "难过/sad", "吃惊/surprised", "<unk>",
)  # fmt: skip


def configuration(size: str = "tiny", *, head: bool = True) -> dict[str, Any]:
    """Return config.yaml of ``base``, of ``plus_large`` or of a small network of their shape."""
    decoder = {
        "decoder_dim": 384, "decoder_groups": 16, "decoder_kernel": 7, "decoder_layers": 4,
        "input_dropout": 0.1, "add_positions_masked": False, "add_positions_all": False,
        "decoder_residual": True, "projection_layers": 1, "projection_ratio": 2.0,
    }  # fmt: skip
    audio = {
        "type": "AUDIO", "prenet_depth": 4, "prenet_layerdrop": 0.05, "prenet_dropout": 0.1,
        "start_drop_path_rate": 0.0, "end_drop_path_rate": 0.0, "num_extra_tokens": 10,
        "init_extra_token_zero": True, "mask_noise_std": 0.01, "mask_prob_min": None,
        "mask_prob": 0.5, "inverse_mask": False, "mask_prob_adjust": 0.05,
        "keep_masked_pct": 0.0, "mask_length": 5, "add_masks": False, "remove_masks": False,
        "mask_dropout": 0.0, "encoder_zero_mask": True, "mask_channel_prob": 0.0,
        "mask_channel_length": 64, "ema_local_encoder": False, "local_grad_mult": 1.0,
        "use_alibi_encoder": True, "alibi_scale": 1.0, "learned_alibi": False,
        "alibi_max_pos": None, "learned_alibi_scale": True,
        "learned_alibi_scale_per_head": True, "learned_alibi_scale_per_layer": False,
        "num_alibi_heads": 12, "model_depth": 8, "decoder": decoder,
        "extractor_mode": "layer_norm",
        "feature_encoder_spec": "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]",
        "conv_pos_width": 95, "conv_pos_groups": 16, "conv_pos_depth": 5, "conv_pos_pre_ln": False,
    }  # fmt: skip
    network = {
        "loss_beta": 0.0, "loss_scale": None, "depth": 8, "start_drop_path_rate": 0.0,
        "end_drop_path_rate": 0.0, "num_heads": 12, "norm_eps": 1e-5, "norm_affine": True,
        "encoder_dropout": 0.1, "post_mlp_drop": 0.1, "attention_dropout": 0.1,
        "activation_dropout": 0.0, "dropout_input": 0.0, "layerdrop": 0.05, "embed_dim": 768,
        "mlp_ratio": 4.0, "layer_norm_first": False, "average_top_k_layers": 8,
        "end_of_block_targets": False, "clone_batch": 8, "normalize": True,
        "modalities": {"audio": audio},
    }  # fmt: skip
    if size == "plus_large":
        network |= {"embed_dim": 1024, "num_heads": 16}
        audio["num_alibi_heads"] = 16
        decoder["decoder_dim"] = 768
    if size == "tiny":
        network |= {"embed_dim": 64, "num_heads": 4, "depth": 2}
        audio |= {"num_alibi_heads": 4, "prenet_depth": 1, "model_depth": 2}
        audio["feature_encoder_spec"] = "[(32, 10, 5)] + [(32, 3, 2)] * 4 + [(32,2,2)] * 2"
        decoder |= {"decoder_dim": 32, "decoder_layers": 1}
    config: dict[str, Any] = {"model": "Emotion2vec", "model_conf": network}
    if head:
        config |= {
            "tokenizer": "CharTokenizer",
            "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": True},
            "scope_map": ["d2v_model.", "none"],
        }
    return config


def write_model(
    folder: Path, size: str = "tiny", *, head: bool = True, seed: int = 0, prefix: str = ""
) -> Path:
    """Write a model folder as the hubs have it; the network's names may carry a prefix."""
    from funasr.models.emotion2vec.model import Emotion2vec

    folder.mkdir(parents=True, exist_ok=True)
    config = configuration(size, head=head)
    (folder / "config.yaml").write_text(
        yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    metadata: dict[str, Any] = {"init_param": "model.pt", "config": "config.yaml"}
    if head:
        (folder / "tokens.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
        metadata["tokenizer_conf"] = {"token_list": "tokens.txt"}
    about = {"framework": "pytorch", "task": "emotion-recognition", "model": {"type": "funasr"}}
    text = json.dumps({**about, "file_path_metas": metadata})
    (folder / "configuration.json").write_text(text)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Emotion2vec(model_conf=config["model_conf"], vocab_size=len(TOKENS) if head else -1)
    weights = {
        name if name.startswith("proj.") else prefix + name: value
        for name, value in model.state_dict().items()
    }
    torch.save({"model": weights}, folder / "model.pt")
    return folder
