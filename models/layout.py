"""Names of a checkpoint's files: as transformers lays them out, and as open_clip does.

Of weights the first that is there counts: tensors alone come before pickles.
"""

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
OPEN_CLIP_CONFIG = "open_clip_config.json"
OPEN_CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
BESIDE_WEIGHTS = ("preprocessor_config.json", "processor_config.json", "tokenizer.json")
SHARD_PATTERN = "model-*.safetensors"
