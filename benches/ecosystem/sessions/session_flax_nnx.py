"""A model with its parameters, and a state."""

import jax.numpy as jnp
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(2, 3, rngs=rngs)
        self.last = nnx.Linear(3, 1, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.relu(self.first(x)))


net = Net(nnx.Rngs(0))
state = nnx.state(net, nnx.Param)

CHECKS = {
    "net": "net(jnp.ones((1, 2))).tolist(), net.first.kernel[...].tolist()",
    "state": "type(state).__name__, state['last']['kernel'][...].tolist(), sorted(state)",
}
