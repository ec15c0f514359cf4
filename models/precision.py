"""How a bundle's weights may be stored; the first is what one gets unasked."""

PRECISIONS = ("int8", "fp16", "fp32")
