# Random graphs (graphs.py) with objects that mutate others (mutation.py) while they are pickled:
# `mutation_random.py SEED COUNT`, a script for `snapcli save`. Each ends in an error or in a pickle that loads.
import sys

import dill

import graphs
import mutation
import things

ACTS = [act for act in mutation.ACTS if act is not mutation.save_all]


def mutator(random, roots):
    """Changes any one of the objects, if possible. Only once, because it could trigger itself endlessly."""
    victim, act = random.choice(roots), random.choice(ACTS)
    acted = []

    def acting():
        if acted:
            return
        acted.append(True)
        try:
            act(victim)
        except (AttributeError, TypeError, IndexError, ValueError, KeyError):
            if act is mutation.fail:
                raise

    return mutation.Mutator(acting)


def attempt(seed, dumps):
    graph = graphs.Graph(seed, graphs.size_of(seed), vars(things))
    for _ in range(3):
        graph.grow(graph.random.choice(graph.roots), mutator(graph.random, graph.roots))
    graph.roots.insert(graph.random.randrange(len(graph.roots)), mutator(graph.random, graph.roots))
    try:
        data = dumps(graph.roots)
    except Exception as error:
        return type(error).__name__
    dill.loads(data)
    return "pickled"


if __name__ == "__main__":
    import snapcli

    seed, count = map(int, sys.argv[1:])
    ends = {}
    for number in range(seed, seed + count):
        # If it crashes, the last line names the graph.
        print(number, file=sys.stderr, flush=True)
        end = attempt(number, snapcli.dumps)
        ends[end] = ends.get(end, 0) + 1
    print(ends)
    del snapcli
