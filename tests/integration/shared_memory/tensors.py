import numpy as np
import torch

N = 1_000_000
big = torch.arange(N, dtype=torch.float32)
views = [big[i * 1000 : (i + 1) * 1000] for i in range(20)]
transposed = big.view(1000, 1000).t()
storage = big.untyped_storage()
as_bytes = big[:10].view(torch.int8)

linear = torch.nn.Linear(300, 300)
tied = torch.nn.Linear(300, 300)
tied.weight = linear.weight
optimizer = torch.optim.Adam(linear.parameters())
linear(torch.ones(2, 300)).sum().backward()
optimizer.step()

bfloat = torch.ones(5, dtype=torch.bfloat16)
float8 = torch.ones(4).to(torch.float8_e4m3fn)
conjugate = torch.tensor([1 + 2j]).conj()
imaginary = torch.tensor([1 + 1j]).conj().imag
truth = torch.tensor([True])
empty = torch.empty(0)
scalar = torch.tensor(3.5)
wanted = torch.ones(3, requires_grad=True)
tagged = torch.ones(2)
tagged.note = "kept"

array = np.arange(10.0)
tensor = torch.from_numpy(array)
back = tensor.numpy()[2:]

gone = torch.zeros(N)
part, overlap = gone[100:110], gone[105:120]
del gone


class Weight(torch.nn.Parameter):
    pass


weight = Weight(torch.ones(3))
