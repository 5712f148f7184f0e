"""A module, its parameters, an optimizer and its state."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Net(nn.Module):
    width: int

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(self.width)(x))
        return nn.Dense(1)(x)


model = Net(width=3)
params = model.init(jax.random.PRNGKey(0), jnp.ones((1, 2)))
optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))
state = optimizer.init(params)

CHECKS = {
    "model": "model.width, model.apply(model.init(jax.random.PRNGKey(0), jnp.ones((1, 2))), jnp.ones((1, 2))).tolist()",
    "params": "jax.tree.map(lambda leaf: leaf.tolist(), params)",
    "optimizer": "[np.asarray(leaf).tolist() for leaf in jax.tree.leaves(optimizer.update({'w': jnp.ones(2)},"
                 " optimizer.init({'w': jnp.zeros(2)})))]",
    "state": "type(state[1][0]).__name__, [np.asarray(leaf).tolist() for leaf in jax.tree.leaves(state)]",
}
