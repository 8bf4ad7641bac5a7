"""Settings by the names of other tools, and what they are called here."""

from __future__ import annotations

from tfcli.config.schema import SECTIONS

# What is meant -> how others call it. Each name stands here once.
NAMES = {
    "task": "dataset problem",
    "task.symbols": "alphabet vocab vocabulary",
    "task.vocab_size": "n_symbols n_tokens num_symbols num_tokens vocabulary_size",
    "task.min_length": "min_len min_seq_len",
    "task.max_length": "block_size context_length max_len max_position_embeddings max_seq_len"
    " length max_seq_length max_sequence_length n_ctx seq_len seq_length sequence_length",
    "model": "architecture encoder network transformer",
    "model.d_model": "d_embed dim emb_dim embed_dim embed_size embedding_dim embedding_size hidden hidden_dim"
    " hidden_size n_embd width",
    "model.n_heads": "attention_heads heads nhead nheads num_attention_heads num_heads",
    "model.n_layers": "blocks depth layers n_blocks nlayers num_blocks num_encoder_layers num_hidden_layers"
    " num_layers",
    "model.d_ff": "d_ffn d_hid d_hidden d_inner d_mlp dim_feedforward feedforward_dim ff_dim ff_size ffn_dim"
    " ffn_hidden_size intermediate_size mlp_dim",
    "model.positions": "pe pos_embedding pos_encoding position_embedding position_embedding_type"
    " position_encoding positional_embedding positional_encoding",
    "model.mask": "attention_mask causal is_causal",
    "model.norm": "layer_norm normalization norm_type",
    "model.norm_placement": "norm_first norm_position pre_norm prenorm",
    "model.dropout": "attn_pdrop dropout_p dropout_prob dropout_rate hidden_dropout_prob resid_pdrop",
    "model.bias": "use_bias",
    "model.tie_embeddings": "tie_weights tie_word_embeddings weight_tying",
    "train": "optim_args optimization trainer training training_args",
    "train.steps": "epochs iterations iters max_epochs max_iters max_steps n_epochs n_steps num_epochs"
    " num_iterations num_steps num_train_epochs train_steps",
    "train.batch_size": "batch bs per_device_train_batch_size train_batch_size",
    "train.learning_rate": "base_lr eta lr max_lr peak_lr step_size",
    "train.warmup_steps": "num_warmup_steps warmup warmup_iters",
    "train.schedule": "lr_schedule lr_scheduler lr_scheduler_type scheduler",
    "train.optimizer": "optim",
    "train.weight_decay": "decay l2 wd",
    "train.clip_norm": "clip_grad clip_grad_norm grad_clip gradient_clip_val max_grad_norm max_norm",
    "train.seed": "manual_seed random_seed random_state rng_seed",
    "train.eval_every": "eval_frequency eval_interval eval_steps log_every val_interval",
    "train.stop_when_solved": "early_stop early_stopping",
    "train.snapshot_every": "checkpoint_every save_every save_interval save_steps",
    "train.device": "accelerator gpu",
    "train.threads": "n_threads num_threads",
    "train.precision": "amp bf16 dtype mixed_precision torch_dtype",
}
MEANT = {name: setting for setting, names in NAMES.items() for name in names.split()}


def find_meant(key: str) -> str | None:
    """Return the setting that a key means: of that name, in whichever section, or of another name here."""
    word = key.rpartition(".")[2].replace("-", "_").lower()
    own = (f"{name}.{word}" for name, section in SECTIONS.items() if word in section.model_fields)
    return next(own, None) or MEANT.get(word)
