"""The layers at which a backbone's blocks end, known without building the network.

Usage: ``python -m rockspace.networks.blocks`` writes the table again, from the networks themselves.
"""

import difflib
import json
from functools import cache
from pathlib import Path

from rockspace.artifacts import replacing
from rockspace.errors import RockspaceError

TABLE = Path(__file__).with_name("blocks.json")


@cache
def _table() -> dict[str, list[str]]:
    return json.loads(TABLE.read_text(encoding="utf-8"))


def layers_to_embed(
    configured: list[str] | str, backbone: str, output_layer: str | None, feature_layers: list[str] | None = None
) -> list[str]:
    """Return the names of the layers whose embeddings a model gives, from the input on.

    Args:
        configured: Names in any order, or ``all-blocks`` for the last layer of each block and ``penultimate``.
        backbone: Name of a backbone.
        output_layer: Where the backbone is cut; None for all of it.
        feature_layers: Layers that the features come from, if not from the output; what lies behind them is left out.

    Raises:
        RockspaceError: Where the backbone is unknown, or ``all-blocks`` cannot be told for this model.
    """
    if backbone not in _table():
        close = difflib.get_close_matches(backbone, _table(), n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise RockspaceError(f"config: models: backbone: found '{backbone}'; {hint}Allowed: {', '.join(_table())}")
    layers = _table()[backbone]
    if configured != "all-blocks":
        return _by_depth(configured, layers)
    ends = feature_layers or ([output_layer] if output_layer else layers[-1:])
    for end in ends:
        if end not in layers:
            raise RockspaceError(
                f"config: embeddings.layers: all-blocks is not known for {backbone} cut at '{end}'; name the layers "
                f"or cut it at the end of a block: {', '.join(layers)}"
            )
    return [*layers[: max(map(layers.index, ends)) + 1], "penultimate"]


def _by_depth(names: list[str], blocks: list[str]) -> list[str]:
    """Sort layers from the input on; one inside a block stays behind the one that it was named after."""
    depths: list[int] = []
    for name in names:
        if name == "penultimate":
            depths.append(len(blocks))
        else:
            before = [depth for depth in depths if depth < len(blocks)]
            depths.append(blocks.index(name) if name in blocks else max(before, default=-1))
    return [names[i] for i in sorted(range(len(names)), key=depths.__getitem__)]


def _write_table() -> None:
    import keras

    from rockspace.networks.backbones import BACKBONES, build, preset_layers

    layers = {}
    for name in sorted(BACKBONES):
        # The layers are there without weights, which would take minutes to draw for the largest networks.
        with keras.StatelessScope(initialize_variables=False):
            layers[name] = preset_layers(build(name, image_size=96, weights=None))
    with replacing(TABLE) as partial:
        partial.write_text(json.dumps(layers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write_table()
