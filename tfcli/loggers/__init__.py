"""Where a training is told beside its run folder, by the names that configurations use."""

LOGGERS = {
    "tensorboard": "tensorboard:TensorBoard",
}
