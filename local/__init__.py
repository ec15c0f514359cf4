"""The laptop's server: the page, the photos' files, and the Lambda's handler behind plain HTTP."""
