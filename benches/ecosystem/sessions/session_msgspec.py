"""Structs, and what encodes and decodes them."""

import msgspec


class Item(msgspec.Struct):
    name: str
    price: float = 1.0


class Doc(msgspec.Struct, frozen=True, tag=True):
    items: list[Item]
    note: str | None = None


it = Item("nut", 0.5)
doc = Doc([it, Item("bolt")])
enc = msgspec.json.Encoder(order="sorted")
dec = msgspec.json.Decoder(Doc)

CHECKS = {
    "Item": "repr(Item('x')), Item.__struct_fields__, Item.__struct_defaults__",
    "it": "repr(it), msgspec.json.encode(it), type(it).__name__",
    "doc": "repr(doc), msgspec.json.encode(doc)",
    "enc": "enc.encode({'b': 1, 'a': [2.5, None]})",
    "dec": "repr(dec.decode(b'{\"type\":\"Doc\",\"items\":[{\"name\":\"n\"}]}'))",
}
