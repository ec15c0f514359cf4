"""The demo CLIP: its shape, its tokenizer, its training and its figures."""
