"""An application, and the model of its input."""

from fastapi import FastAPI
from pydantic import BaseModel


class In(BaseModel):
    name: str
    n: int = 1


app = FastAPI(title="shop")


@app.post("/items/{key}")
def add(key: int, body: In) -> dict[str, int]:
    return {body.name: key * body.n}


CHECKS = {
    "In": "In(name='a', n='3').model_dump(), sorted(In.model_fields)",
    "app": "app.title, sorted(app.openapi()['paths']), [route.path for route in app.routes]",
}
