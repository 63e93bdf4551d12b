"""Flask's hello, of tsgi wsgi and gunicorn."""
from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello():
    return "Hello, World!\n"
