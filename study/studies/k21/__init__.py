"""The studies of K21, Kocaman, Shir and Baeck, arXiv:2109.09016: a file a table or figure."""
