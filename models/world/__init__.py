"""The drawn world: scenes, what is said of them, and how they look. Needs numpy and Pillow only."""
