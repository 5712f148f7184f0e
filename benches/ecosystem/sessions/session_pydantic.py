"""Models, a generic model, a model made at run time, and a type adapter."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, create_model

T = TypeVar("T")


class User(BaseModel):
    id: int
    name: str = "x"
    tags: list[str] = Field(default_factory=list, max_length=3)


class Page(BaseModel, Generic[T]):
    items: list[T]
    number: int = 1


u = User(id="3", name="bob", tags=["a"])
page = Page[int](items=["1", "2"])
Dyn = create_model("Dyn", x=(int, ...), y=(str, "why"))
adapter = TypeAdapter(dict[str, list[int]])

CHECKS = {
    "u": "repr(u), u.model_dump(), u.model_copy(update={'name': 'eve'}).model_dump_json()",
    "User": "User(id='4').model_dump(), sorted(User.model_fields), User.model_json_schema()",
    "page": "type(page).__name__, page.model_dump_json(), page.items",
    "Page": "Page[str](items=['a']).model_dump(), Page.__name__, len(Page.__parameters__)",
    "Dyn": "Dyn(x='5').model_dump(), Dyn.model_json_schema()['required']",
    "adapter": "adapter.validate_python({'a': ['1', 2]}), adapter.json_schema()",
}
