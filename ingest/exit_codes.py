"""What the command's exit codes mean; every verb has the same ones."""

DONE = 0
SOME_SKIPPED = 1
"""Done, with some photos skipped."""
WRONG_INPUT = 2
"""Wrong settings or input."""
OUR_ERROR = 70
"""An error of the program's own."""
RETRY = 75
"""Worth retrying."""
