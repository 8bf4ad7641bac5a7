"""Training, and what it is made of, by the names that configurations use; rows are as in `tfcli.model`."""

OPTIMIZERS = {
    "adamw": "optimizers:AdamW",
    "adam": "optimizers:Adam",
    "sgd": "optimizers:SGD",
    "muon": "optimizers:Muon",
}
SCHEDULES = {
    "cosine": "schedules:Cosine",
    "constant": "schedules:Constant",
    "linear": "schedules:Linear",
}
