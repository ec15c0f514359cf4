"""A query through CLIP: ours beside transformers with torch, process by process on one machine."""
