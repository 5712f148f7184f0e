"""Arrays, trees of them, keys, and functions that are transformed."""

import functools

import jax
import jax.numpy as jnp

array = jnp.arange(6, dtype=jnp.float32).reshape(2, 3)
params = {"w": jnp.ones((2, 2)), "b": [jnp.zeros(2), jnp.array(3, jnp.int8)]}
half = jnp.array([1.5, 2.5], jnp.bfloat16)
key = jax.random.PRNGKey(7)


@jax.jit
def predict(params, x):
    return jnp.tanh(x @ params["w"]).sum()


slope = jax.grad(lambda x: x**3)
shifted = functools.partial(jnp.add, jnp.float32(2.0))

CHECKS = {
    "array": "array.dtype, type(array).__name__, array.tolist(), array.at[0, 0].set(9.0).tolist()",
    "params": "jax.tree.map(lambda leaf: (leaf.dtype.name, leaf.tolist()), params)",
    "half": "half.dtype, half.tolist()",
    "key": "key.tolist(), jax.random.uniform(key, (2,)).tolist()",
    "predict": "predict({'w': jnp.ones((2, 2))}, jnp.ones(2)).tolist(), hasattr(predict, 'lower')",
    "slope": "slope(2.0).tolist()",
    "shifted": "shifted(1.0).tolist()",
}
