"""Writes through one tensor and reads it through the others. `loaded` is the namespace."""

import torch


def check(loaded):
    class Names:
        pass

    n = Names()
    n.__dict__.update(loaded)
    n.big[1500] = -7
    assert n.views[1][500] == -7 and n.transposed[500, 1] == -7 and n.transposed.shape == (1000, 1000)
    assert n.storage.data_ptr() == n.big.untyped_storage().data_ptr() and n.storage.nbytes() == 4_000_000
    n.as_bytes[0] = 1
    assert n.big[0] != 0 and n.as_bytes.dtype == torch.int8
    assert n.tied.weight is n.linear.weight and n.optimizer.param_groups[0]["params"][0] is n.linear.weight
    before = n.linear.weight.detach().clone()
    n.linear(torch.ones(2, 300)).sum().backward()
    n.optimizer.step()
    assert not torch.equal(before, n.tied.weight)
    assert n.bfloat.dtype == torch.bfloat16 and n.bfloat.sum() == 5
    assert n.float8.dtype == torch.float8_e4m3fn and n.float8.float().sum() == 4
    assert n.conjugate.is_conj() and n.conjugate[0] == 1 - 2j
    assert n.imaginary.is_neg() and n.imaginary[0] == -1
    assert n.truth[0] and n.empty.shape == (0,) and n.scalar == 3.5 and n.scalar.shape == ()
    assert n.wanted.requires_grad and n.wanted.is_leaf and not n.views[0]._is_view()
    assert n.tagged.note == "kept"
    n.tensor[3] = 99
    assert n.array[3] == 99 and n.back[1] == 99
    n.part[7] = 5
    assert n.overlap[2] == 5 and n.part.untyped_storage().nbytes() < 1000
    assert type(n.weight) is n.Weight and n.weight.sum() == 3 and n.weight.requires_grad
    print("right")
