"""Environments and templates."""

from jinja2 import DictLoader, Environment, Template, Undefined

pages = DictLoader({"list": "{% for n in ns %}<{{ n|upper }}>{% endfor %}"})
env = Environment(loader=pages, trim_blocks=True)
tpl = Environment(loader=pages).get_template("list")
plain = Template("hello {{ name }}")
undefined = Undefined(name="who")

CHECKS = {
    "env": "env.trim_blocks, env.list_templates(), env.from_string('{{ 1 + 1 }}').render()",
    "tpl": "tpl.name, tpl.render(ns=['a', 'b'])",
    "plain": "plain.render(name='bob')",
    "undefined": "type(undefined).__name__, str(undefined), bool(undefined)",
}
