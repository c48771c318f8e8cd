"""How graphs in fewer bits are called, and what an exported graph calls its input and output."""

FP16, INT8 = REDUCED = ("fp16", "int8")
INPUT, OUTPUT = "images", "probabilities"
