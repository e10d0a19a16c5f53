"""Networks in ``.onnx`` files."""
