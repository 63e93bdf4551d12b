/** Python applications that the tests serve, by file name. */

export const FLASK = `
from flask import Flask, Response, make_response, redirect, request

app = Flask(__name__)

@app.get("/")
def hello():
    return "Hello, World!"

@app.post("/upload")
def upload():
    file = request.files["file"]
    return {"name": file.filename, "size": len(file.read()), "note": request.form["note"]}

@app.get("/parts")
def parts():
    return Response((f"part {i}\\n" for i in range(3)), mimetype="text/plain")

@app.get("/cookies")
def cookies():
    response = make_response(request.cookies.get("seen", "nothing"))
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True)
    return response

@app.get("/away")
def away():
    return redirect("/cookies")

@app.get("/boom")
def boom():
    raise ValueError("no such luck")
`;

/** Plain WSGI, with the odds and ends. */
export const PLAIN = `
import io, json, os, sys, threading, time
from wsgiref.validate import validator

closed = 0
made = 0
barrier = threading.Barrier(2)

class Body:
    def __init__(self, chunks):
        self.chunks = chunks
    def __iter__(self):
        return iter(self.chunks)
    def close(self):
        global closed
        closed += 1

def application(environ, start_response):
    global made
    path = environ["PATH_INFO"]
    def text(*chunks, status="200 OK", headers=()):
        start_response(status, [("Content-Type", "text/plain"), *headers])
        return [chunk if isinstance(chunk, bytes) else str(chunk).encode() for chunk in chunks]
    if path == "/environ":
        shown = {key: value for key, value in environ.items() if isinstance(value, (str, bool))}
        return text(json.dumps({**shown, "version": environ["wsgi.version"]}))
    if path == "/pid":
        return text(os.getpid())
    if path == "/closing":
        return Body(text("closed", status="200 OK"))
    if path == "/closed":
        return text(closed)
    if path == "/rest":
        source = environ["wsgi.input"]
        lines = [source.readline(), source.read(3), *source.readlines()]
        return text(repr(lines + [source.read(), source.read(5)]))
    if path == "/echo":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter(lambda: environ["wsgi.input"].read(4), b"")
    if path == "/write":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"written, ")
        return [b"returned"]
    if path == "/file":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return environ["wsgi.file_wrapper"](open(environ["QUERY_STRING"], "rb"), 4096)
    if path == "/late":
        def broken():
            yield b"begun"
            raise KeyError("half way")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return broken()
    if path == "/replaced":
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            raise ValueError("changed its mind")
        except ValueError:
            start_response("418 Teapot", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"replaced"]
    if path == "/silent":
        return [b"no start_response"]
    if path == "/split":
        return text("x", headers=[("X-Bad", "a\\r\\nSet-Cookie: b=c")])
    if path == "/hang":
        while True:
            time.sleep(0.05)
    if path == "/wait":
        folder = environ["QUERY_STRING"]
        open(folder + "/begun", "w").close()
        while not os.path.exists(folder + "/go"):
            time.sleep(0.01)
        return text("waited")
    if path == "/note":
        file, note = environ["QUERY_STRING"].split("&")
        with open(file, "a") as notes:
            notes.write(note + "\\n")
        return text(note)
    if path == "/both":
        barrier.wait(20)
        return text("both")
    if path == "/much":
        def much():
            global made
            for made in range(1, 4097):
                yield b"x" * 65536
        start_response("200 OK", [("Content-Type", "text/plain")])
        return much()
    if path == "/made":
        return text(made)
    if path == "/die":
        os.kill(os.getpid(), 9)
    if path == "/exit":
        sys.exit("enough")
    return text("not there", status="404 Not Found")

def create(word, times=1):
    return lambda environ, start_response: (start_response("200 OK", [("Content-Type", "text/plain")]), [word.encode() * times])[1]

def inner(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body) + 2))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"ok", body]

validated = validator(inner)
`;

export const DJANGO = {
  "site_settings.py": `
from pathlib import Path
DEBUG = False
SECRET_KEY = "for this test"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]},
}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
STATIC_URL = "/static/"
USE_TZ = True
`,
  "site_urls.py": `
from django.contrib import admin
from django.urls import path
urlpatterns = [path("admin/", admin.site.urls)]
`,
  "site_wsgi.py": `
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
application = get_wsgi_application()
`,
};
