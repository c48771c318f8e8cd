"""Training in plain PyTorch: configuration + seed -> record. Runs without Ray, Optuna or MLflow."""
