"""An encoding of one's own, and text in it."""

import tiktoken

ranks = {bytes([n]): n for n in range(256)} | {b"sn": 256, b"ap": 257, b"snap": 258}
enc = tiktoken.Encoding("tiny", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={"<end>": 259})
tokens = enc.encode("snap a nap<end>", allowed_special="all")

CHECKS = {
    "enc": "enc.name, enc.n_vocab, enc.encode('snap snap'), enc.decode([258, 32, 97])",
    "tokens": "tokens",
}
