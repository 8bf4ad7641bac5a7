"""The model and its parts, by the names that configurations use.

Each table names classes of this package, as `module:Class`; they aren't imported, for a list of names must
not cost an import of torch. A new part is a class in one of these modules and a row here. Its settings are
the keyword arguments of its `__init__`.
"""

POSITIONS = {
    "none": "positions.base:Positions",
    "learned": "positions.learned:LearnedPositions",
    "sinusoidal": "positions.sinusoidal:SinusoidalPositions",
    "rotary": "positions.rotary:RotaryPositions",
    "fractional": "positions.fractional:FractionalPositions",
    "alibi": "positions.alibi:AlibiPositions",
    "relative": "positions.relative:RelativePositions",
    "ends": "positions.ends:EndsPositions",
    "rank": "positions.rank:RankPositions",
    "level": "positions.level:LevelPositions",
    "landmark": "positions.landmark:LandmarkPositions",
}
COMPUTED_POSITIONS = ("rank", "level", "landmark")  # these find places themselves, and need no indices

POSITIONS_FROM_THE_END = ("fractional", "ends", "landmark")
TOKEN_TYPES = {
    "none": "token_types:TokenTypes",
    "separated": "token_types:SeparatedTypes",
}
OUTPUT_HEADS = {
    "linear": "output_heads:OutputHead",
    "dense": "output_heads:DenseHead",
}

# How tokens are shown that are no symbols: where answers are read, and before the input.
BLANK, BEGIN = "_", "^"

ATTENTIONS = {
    "full": "attention:Attention",
    "shared": "attention:SharedAttention",
}
ATTENTION_SCALES = {
    "standard": "attention_scale:AttentionScale",
    "log_length": "attention_scale:LogLengthScale",
}
ATTENTION_WEIGHTS = {
    "softmax": "attention_weights:Softmax",
    "entmax15": "attention_weights:Entmax15",
}
MASKS = {
    "none": "masks:Mask",
    "causal": "masks:CausalMask",
    "window": "masks:WindowMask",
}
NORMS = {
    "layer": "norms:LayerNorm",
    "rms": "norms:RMSNorm",
    "none": "norms:Norm",
}
FEED_FORWARDS = {
    "mlp": "feed_forward:MLP",
    "gated": "feed_forward:GatedMLP",
    "none": "feed_forward:FeedForward",
}
