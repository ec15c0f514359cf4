"""Models: the exporter from checkpoint to bundle, and the drawn world behind the demo bundle."""
