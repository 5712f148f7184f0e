"""Graphs."""

import networkx as nx

graph = nx.karate_club_graph()
directed = nx.DiGraph([("a", "b", {"w": 1.5}), ("b", "c", {"w": 2.0}), ("c", "a", {"w": 0.5})])
multi = nx.MultiGraph()
multi.add_edge(1, 2, key="road", km=3)
multi.add_edge(1, 2, key="rail", km=2)
view = graph.subgraph(range(5))
places = nx.circular_layout(directed)

CHECKS = {
    "graph": "graph.graph, list(graph.nodes(data=True)), list(graph.edges(data=True))",
    "directed": "list(directed.edges(data=True)), nx.shortest_path(directed, 'a', 'c'), list(directed.pred['a'])",
    "multi": "list(multi.edges(keys=True, data=True))",
    "view": "sorted(view.nodes), sorted(view.edges), type(view).__name__",
    "places": "{name: place.tolist() for name, place in places.items()}",
}
