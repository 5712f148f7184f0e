"""A document, a query, and what it found."""

from lxml import etree, objectify

root = etree.fromstring("<shop><item id='1'>nut</item><item id='2'>bolt</item></shop>")
xp = etree.XPath("//item[@id=$id]/text()")
names = [str(name) for name in root.xpath("//item/text()")]
tree = objectify.fromstring("<order><count>3</count><who>ann</who></order>")

CHECKS = {
    "root": "etree.tostring(root), root[1].get('id')",
    "xp": "xp.path, xp(etree.fromstring(\"<a><item id='3'>x</item></a>\"), id='3')",
    "names": "names",
    "tree": "tree.count + 1, str(tree.who), etree.tostring(tree)",
}
