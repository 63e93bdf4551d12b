"""Answers with the variables of its environ, and what it read of the body."""
import json


def application(environ, start_response):
    body = environ["wsgi.input"].read().decode("latin-1")
    variables = {name: value for name, value in environ.items() if isinstance(value, str)}
    text = json.dumps({"variables": variables, "body": body}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]
