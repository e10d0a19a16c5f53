"""A picture of the workflow's graph of jobs, drawn without Graphviz.

Usage: ``snakemake --d3dag | python -m tools.dag OUTPUT``
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import networkx as nx

from rockspace.artifacts import replacing


def draw_dag(dag: dict[str, Any], output: Path) -> None:
    """Draw the jobs of a workflow from top to bottom, each below all that it needs.

    Args:
        dag: ``nodes`` and ``edges``, as ``snakemake --d3dag`` prints them.
        output: The picture; the suffix says the format.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from((node["id"], {"label": node["value"]["label"]}) for node in dag["nodes"])
    graph.add_edges_from((link["u"], link["v"]) for link in dag["edges"])
    layers = list(nx.topological_generations(graph))
    for depth, jobs in enumerate(layers):
        for job in jobs:
            graph.nodes[job]["depth"] = -depth
    places = nx.multipartite_layout(graph, subset_key="depth", align="horizontal")
    width = max(len(jobs) for jobs in layers)
    figure, axis = plt.subplots(figsize=(max(5, 1.6 * width), 0.7 * len(layers)), layout="constrained")
    nx.draw_networkx_edges(graph, places, ax=axis, edge_color="0.6", arrows=True, node_size=900, min_target_margin=14)
    for job, (x, y) in places.items():
        box = {"boxstyle": "round,pad=0.35", "fc": "#E8F1F8", "ec": "#0072B2"}
        axis.text(x, y, graph.nodes[job]["label"], ha="center", va="center", fontsize=9, bbox=box)
    axis.margins(0.15)
    axis.set_axis_off()
    with replacing(output) as partial:
        figure.savefig(partial, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    draw_dag(json.load(sys.stdin), Path(sys.argv[1]))
