"""What a network is: backbones, pretrained weights, heads, layers, precision."""
