"""The HTTP API's shapes: requests in, answers and problems out. Knows nothing of AWS's events."""
