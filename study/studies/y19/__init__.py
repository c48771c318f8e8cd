"""The studies of Y19, Yasuda and Ueno, arXiv:1911.10687."""
