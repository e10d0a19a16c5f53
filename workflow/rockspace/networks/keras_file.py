"""Networks in ``.keras`` files as backbones."""
