"""The studies of this project: its default, somebody's own images, what a search found."""
