"""Records -> verified ONNX files. Knows nothing of studies or MLflow."""
