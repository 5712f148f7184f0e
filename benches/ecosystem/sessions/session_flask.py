"""An application."""

from flask import Flask, jsonify

app = Flask("shop")
app.config["LIMIT"] = 3


@app.get("/items/<int:key>")
def item(key):
    return jsonify(key=key, limit=app.config["LIMIT"])


CHECKS = {
    "app": "app.name, app.config['LIMIT'], app.test_client().get('/items/7').json",
}
