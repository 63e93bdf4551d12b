/**
 * What a Python process runs: standard library only, 3.9 and newer. A text, so that it is in the npm package and in a single file too.
 */
export const PYTHON_SCRIPT = String.raw`"""Serves a WSGI application to tsgi. What it is told comes as JSON in argv[1]; what it tells goes to standard output, a line of JSON each.

The request is SCGI's: a netstring of variables, then the body. Answers are frames, TYPE LENGTH ":" DATA, because an SCGI answer cannot
say that it broke off, and the next request comes over the same connection:
R ready, H head (JSON: status, headers, which request of the connection), B some of the body, E the end, C the end and the connection closes, X an exception (JSON).
"""
import sys

if sys.version_info < (3, 9):
    sys.stdout.write('{"type": "failed", "exit": 3, "why": "Python %d.%d is too old, use 3.9 or newer with --python"}\n' % sys.version_info[:2])
    sys.stdout.flush()
    sys.exit(3)

import ast
import difflib
import faulthandler
import importlib
import io
import json
import os
import shutil
import signal
import socket
import threading
import time
import traceback
from wsgiref.util import FileWrapper

BLOCK = 65536
STOPPING = threading.Event()


def main():
    told = json.loads(sys.argv[1])
    parent = os.getppid()
    control = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)
    faulthandler.enable()
    for name in ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP"):
        signal.signal(getattr(signal, name), stop)
    threading.Thread(target=obey, args=(told, parent), daemon=True).start()
    sys.argv[1:] = []
    sys.path[0:1] = told["path"]
    try:
        application = load(told["app"])
    except BaseException as error:
        if not isinstance(error, NotLoaded):
            error = refuse(3, "it threw %s" % one_line(error), stack(error))
        control.write(json.dumps({"type": "failed", **error.args[0]}) + "\n")
        control.close()
        sys.exit(error.args[0]["exit"])
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(told["socket"])
    listener.listen(64)
    control.write('{"type": "ready"}\n')
    base = {
        "wsgi.version": (1, 0),
        "wsgi.multithread": told["threads"] > 1,
        "wsgi.multiprocess": told["multiprocess"],
        "wsgi.run_once": False,
        "wsgi.errors": sys.stderr,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
        "REMOTE_ADDR": "",
    }
    for _ in range(told["threads"] - 1):
        threading.Thread(target=accept, args=(listener, application, base), daemon=True).start()
    accept(listener, application, base)


def stop(_signal, _frame):
    """The worker says when it is over: a signal to the whole group is not for us."""
    if STOPPING.is_set():
        sys.exit(0)


def obey(told, parent):
    """Standard input: a byte to end when idle, or its end, since the worker has gone."""
    try:
        asked = os.read(0, 1)
    except OSError:
        asked = b""
    if asked:
        STOPPING.set()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
        return
    # Its descriptors are closed before it has gone. Where it has not, it is its own business to tidy up.
    for _ in range(100):
        if os.getppid() != parent:
            shutil.rmtree(os.path.dirname(__file__), ignore_errors=True)
            break
        time.sleep(0.01)
    os._exit(0)


class NotLoaded(Exception):
    pass


def refuse(exit_code, why, detail=None):
    return NotLoaded({"exit": exit_code, "why": why, "detail": detail})


def load(uri):
    module_name, _, wanted = uri.partition(":")
    module = load_module(module_name)
    expression = parse(wanted or "application")
    call = expression if isinstance(expression, ast.Call) else None
    found = attribute(module, module_name, call.func if call else expression)
    if call:
        args = [literal(one) for one in call.args]
        keywords = {one.arg: literal(one.value) for one in call.keywords}
        try:
            found = found(*args, **keywords)
        except Exception as error:
            raise refuse(3, "%s threw %s" % (wanted, one_line(error)), stack(error))
    if found is None or not callable(found):
        raise refuse(4, "%s is %s, expected a WSGI application, which is callable" % (wanted or "application", kind(found)))
    return found


def load_module(name):
    try:
        return importlib.import_module(name)
    except SyntaxError as error:
        raise refuse(3, "%s: %s, at %s:%s" % (type(error).__name__, error.msg, shown(error.filename), error.lineno))
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            hint = ", name the module as Python does: %s" % name[:-3].replace("/", ".") if name.endswith(".py") else ", run tsgi where it is, or say where with --python-path"
            raise refuse(3, "there is no module %s%s" % (error.name, hint))
        raise refuse(3, "it imports %s, which is not installed for %s, at %s" % (error.name, sys.executable, place(error)))
    except (Exception, SystemExit) as error:
        raise refuse(3, "it threw %s" % one_line(error), stack(error))


def parse(wanted):
    try:
        expression = ast.parse(wanted, mode="eval").body
    except SyntaxError:
        expression = None
    inner = expression.func if isinstance(expression, ast.Call) else expression
    while isinstance(inner, ast.Attribute):
        inner = inner.value
    if not isinstance(inner, ast.Name):
        raise refuse(4, "expected a name or a call like create_app() after the colon, got %r" % wanted)
    return expression


def literal(node):
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise refuse(4, "the arguments of a factory are literals, got %s" % ast.unparse(node))


def attribute(module, module_name, node):
    names = ast.unparse(node).split(".")
    found, so_far = module, module_name
    for name in names:
        if not hasattr(found, name):
            near = difflib.get_close_matches(name, dir(found), 1)
            usual = [one for one in ("application", "app") if callable(getattr(found, one, None))] if found is module else []
            hint = (near or usual)[:1]
            raise refuse(4, 'there is no "%s" in %s%s' % (name, so_far, ', did you mean "%s"?' % hint[0] if hint else ""))
        found, so_far = getattr(found, name), so_far + "." + name
    return found


def kind(value):
    return "None" if value is None else "a %s" % type(value).__name__


def one_line(error):
    lines = str(error).splitlines()
    return type(error).__name__ + (": " + lines[0] if lines else "")


def shown(path):
    if path is None:
        return "an unknown place"
    here = os.path.relpath(path)
    return path if here.startswith("..") else here


def own_frames(error):
    return [one for one in traceback.extract_tb(error.__traceback__) if one.filename != __file__ and "importlib" not in one.filename]


def place(error):
    frames = own_frames(error)
    return "%s:%s" % (shown(frames[-1].filename), frames[-1].lineno) if frames else "an unknown place"


def stack(error):
    """As Python shows it, without our own frames."""
    made = traceback.TracebackException.from_exception(error)
    one = made
    while one is not None:
        one.stack = traceback.StackSummary.from_list([frame for frame in one.stack if frame.filename != __file__ and "importlib._bootstrap" not in frame.filename])
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "".join(made.format()).rstrip("\n")


def accept(listener, application, base):
    while True:
        connection, _ = listener.accept()
        try:
            connection.sendall(b"R0:")
            reader = Reader(connection)
            while Exchange(connection, reader, application, base).run():
                pass
        except OSError:
            pass  # The worker wants no more of it.
        finally:
            connection.close()


class Reader:
    """What has been received and not been used."""

    def __init__(self, connection):
        self.connection = connection
        self.rest = b""
        self.count = 0

    def more(self):
        block = self.connection.recv(BLOCK)
        if not block:
            raise ConnectionResetError("The client has gone before its request was complete")
        return block

    def netstring(self):
        """None at the end of the connection."""
        head = self.rest or self.connection.recv(BLOCK)
        if not head:
            return None
        while b":" not in head[:12]:
            head += self.more()
        size, _, data = head.partition(b":")
        size = int(size)
        if len(data) <= size:
            parts, have = [data], len(data)
            while have <= size:
                parts.append(self.more())
                have += len(parts[-1])
            data = b"".join(parts)
        self.rest = data[size + 1:]
        self.count += 1
        return data[:size]


class Body(io.RawIOBase):
    """A body of known length, or one in netstrings that ends with an empty one."""

    def __init__(self, reader, size):
        self.reader = reader
        self.left = size or 0
        self.ended = size == 0
        self.is_counted = size is not None

    def readable(self):
        return True

    def readinto(self, target):
        if self.left == 0 and not self.ended and not self.is_counted:
            self.begin()
        if self.ended:
            return 0
        reader = self.reader
        size = min(len(target), self.left)
        if reader.rest:
            block = reader.rest[:size]
            reader.rest = reader.rest[size:]
            count = len(block)
            target[:count] = block
        else:
            count = reader.connection.recv_into(target, size)
            if count == 0:
                raise ConnectionResetError("The client has gone before its request was complete")
        self.left -= count
        if self.left == 0:
            if self.is_counted:
                self.ended = True
            else:
                self.comma()
        return count

    def begin(self):
        reader = self.reader
        while b":" not in reader.rest:
            reader.rest += reader.more()
        size, _, reader.rest = reader.rest.partition(b":")
        self.left = int(size)
        if self.left == 0:
            self.comma()
            self.ended = True

    def comma(self):
        reader = self.reader
        if not reader.rest:
            reader.rest = reader.more()
        reader.rest = reader.rest[1:]


class Exchange:
    """One request and its answer."""

    __slots__ = ("connection", "reader", "application", "environ", "head", "is_sent", "is_headless", "is_over", "left", "body")

    def __init__(self, connection, reader, application, base):
        self.connection = connection
        self.reader = reader
        self.application = application
        self.environ = base.copy()
        self.head = None
        self.is_sent = False
        self.is_over = False
        self.left = -1

    def run(self):
        """Whether the connection can be used again."""
        block = self.reader.netstring()
        if block is None:
            return False
        environ = self.environ
        pairs = block.decode("latin-1").split("\0")
        environ.update(zip(pairs[0::2], pairs[1::2]))
        del environ["SCGI"]
        size = environ["CONTENT_LENGTH"]
        way = environ.pop("TSGI_BODY")
        if environ.pop("TSGI_MULTIPROCESS"):
            environ["wsgi.multiprocess"] = True
        environ["wsgi.url_scheme"] = environ.pop("TSGI_URL_SCHEME")
        if way == "none":
            del environ["CONTENT_LENGTH"]
            self.body = None
            environ["wsgi.input"] = io.BytesIO()
        else:
            if way == "frames":
                del environ["CONTENT_LENGTH"]
            self.body = Body(self.reader, int(size) if way == "counted" else None)
            environ["wsgi.input"] = io.BufferedReader(self.body, BLOCK)
        self.is_headless = environ["REQUEST_METHOD"] == "HEAD"
        try:
            last = self.answer()
        except BaseException as error:
            if STOPPING.is_set() and isinstance(error, SystemExit):
                raise
            if isinstance(error, ConnectionError) and self.is_gone():
                return False
            if self.is_over:
                traceback.print_exc()
            last = frame(b"X", json.dumps({"reason": one_line(error), "stack": stack(error)}).encode())
        if not self.is_over:
            self.connection.sendall(last + self.end())
        if self.is_read():
            return True
        # Closed with something unread, a connection takes with it what the other side has not read yet.
        while self.connection.recv(BLOCK):
            pass
        return False

    def is_read(self):
        return self.body is None or self.body.ended

    def end(self):
        return b"E0:" if self.is_read() else b"C0:"

    def is_gone(self):
        """Whether it is our own connection that broke, not one of the application's."""
        try:
            self.connection.setblocking(False)
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.setblocking(True)

    def answer(self):
        """What is left to be sent."""
        result = self.application(self.environ, self.start_response)
        try:
            if isinstance(result, (list, tuple)) and not self.is_sent:
                return self.whole(b"".join(result))
            for chunk in result:
                if chunk:
                    self.write(chunk)
                    if self.is_headless:
                        break
            return b"" if self.is_sent else self.begin()
        finally:
            if hasattr(result, "close"):
                result.close()

    def whole(self, body):
        head = self.begin()
        return head + frame(b"B", body) if body and not self.is_headless else head

    def start_response(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self.is_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.head is not None:
            raise AssertionError("start_response() was called twice without exc_info")
        self.head = [status, [*headers]]
        return self.write

    def begin(self):
        if self.head is None:
            raise AssertionError("The application did not call start_response() before its body")
        self.is_sent = True
        return frame(b"H", json.dumps([*self.head, self.reader.count]).encode())

    def write(self, data):
        if not isinstance(data, bytes):
            raise TypeError("The body of a response is made of bytes, got %s" % type(data).__name__)
        head = b""
        if not self.is_sent:
            head = self.begin()
            for name, value in self.head[1]:
                if name.lower() == "content-length" and value.isdigit():
                    self.left = int(value)
        if self.is_headless or self.is_over or not data:
            if head:
                self.connection.sendall(head)
            return
        if self.left > 0:
            self.left -= len(data)
            # All that was announced: the worker need not wait until the application has tidied up. An end that says that the connection
            # closes would be too early, since the application may still read.
            self.is_over = self.left == 0 and self.is_read()
        end = b"E0:" if self.is_over else b""
        if len(data) < BLOCK:
            self.connection.sendall(head + frame(b"B", data) + end)
        else:
            self.connection.sendall(head + b"B%d:" % len(data))
            self.connection.sendall(data)
            if end:
                self.connection.sendall(end)


def frame(type, data):
    return b"%s%d:%s" % (type, len(data), data)


if __name__ == "__main__":
    main()
`;
