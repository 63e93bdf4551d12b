/** WebSockets of Fetch applications, as each runtime makes them, from the first message to the going away of their worker. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { freePort, withNginx } from "./front.ts";
import { childrenOf, isAlive, root, runtime, type Server, withFolder, withServer } from "./server.ts";

/** Echoes; says who it is, and closes as it is told. */
const ANSWER = `
const answer = (socket, data) => {
  if (data === "who") socket.send(String(process.pid));
  else if (data === "close") socket.close(4002, "as you wish");
  else socket.send(data);
};
`;

const NATIVE = runtime === "bun"
  ? `${ANSWER}
class Site {
  fetch(request, server) {
    if (new URL(request.url).pathname === "/plain") return new Response(String(process.pid));
    if (new URL(request.url).pathname === "/late") return Bun.sleep(20).then(() => server.upgrade(request) ? undefined : new Response("no", { status: 400 }));
    return server.upgrade(request) ? undefined : new Response("no", { status: 400 });
  }
  websocket = new class {
    message(socket, data) { answer(socket, data); }
    close(socket, code, reason) { console.error("closed " + code + " " + reason); }
  }();
}
export default new Site();`
  : `${ANSWER}
const { upgradeWebSocket } = Deno; // Out of its namespace, before anything is served.
const upgrade = (request) => {
  const { socket, response } = upgradeWebSocket(request);
  socket.onmessage = ({ data }) => answer(socket, data);
  socket.onclose = ({ code, reason }) => console.error("closed " + code + " " + reason);
  return response;
};
export default {
  fetch(request) {
    if (new URL(request.url).pathname === "/plain") return new Response(String(process.pid));
    if (new URL(request.url).pathname === "/late") return new Promise((resolve) => setTimeout(() => resolve(upgrade(request)), 20));
    if (request.headers.get("upgrade") !== "websocket") return new Response("no", { status: 400 });
    return upgrade(request);
  },
};`;

const HONO = `
import { Hono } from "${root}node_modules/hono/dist/index.js";
import { upgradeWebSocket${runtime === "bun" ? ", websocket" : ""} } from "${root}node_modules/hono/dist/adapter/${runtime}/index.js";
${ANSWER}
const app = new Hono();
app.use(async (c, next) => { await next(); });
app.get("/plain", (c) => c.text(String(process.pid)));
app.get("*", upgradeWebSocket(() => ({
  onMessage: ({ data }, socket) => answer(socket, data),
  onClose: ({ code, reason }) => console.error("closed " + code + " " + reason),
})));
export default ${runtime === "bun" ? "{ fetch: app.fetch, websocket }" : "app"};`;

const APPS = { native: NATIVE, hono: HONO };

interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A client of one WebSocket. */
class Client {
  readonly socket: WebSocket;
  readonly closed: Promise<Closed>;
  readonly #messages: unknown[] = [];
  #more: () => void = () => {};

  private constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("message", ({ data }) => {
      this.#messages.push(data);
      this.#more();
    });
    this.closed = new Promise((resolve) => this.socket.addEventListener("close", ({ code, reason }) => {
      resolve({ code, reason });
      this.#more();
    }));
  }

  static async open(url: string): Promise<Client> {
    const client = new Client(url);
    await new Promise<void>((resolve, reject) => {
      client.socket.addEventListener("open", () => resolve());
      client.socket.addEventListener("close", ({ code }) => reject(new Error(`Cannot open ${url}: closed with ${code}`)));
    });
    return client;
  }

  async next(): Promise<unknown> {
    while (this.#messages.length === 0) {
      assert.ok(this.socket.readyState <= 1, "the WebSocket is closed");
      await new Promise<void>((resolve) => (this.#more = resolve));
    }
    return this.#messages.shift();
  }

  async ask(data: string | Uint8Array<ArrayBuffer>): Promise<unknown> {
    this.socket.send(data);
    return await this.next();
  }
}

/** A client that opens its WebSocket again until somebody else than `old` answers: another thread of the old worker may be the last to leave. */
async function comeBack(url: string, old: unknown): Promise<Client> {
  for (;;) {
    const client = await Client.open(url);
    const who = await Promise.race([client.ask("who"), client.closed]).catch(() => old);
    if (typeof who === "string" && who !== old) return client;
    assert.equal((await client.closed).code, 1001);
  }
}

function withApp<T>(app: string, args: readonly string[], use: (at: string, server: Server) => Promise<T>): Promise<T> {
  return withFolder({ "app.ts": app }, (folder) =>
    withServer({ args: ["-b", "127.0.0.1:0", ...args, join(folder, "app.ts")] }, async (server) => use(`127.0.0.1:${await server.port(args.includes("-w") ? 2 : 1)}`, server)));
}

for (const [name, app] of Object.entries(APPS)) {
  test(`a WebSocket of a ${name} application echoes text and bytes, and closes from both sides`, async () => {
    await withApp(app, ["--access-logfile", "-"], async (at, server) => {
      for (const path of ["/", "/late"]) {
        const client = await Client.open(`ws://${at}${path}`);
        assert.equal(await client.ask("žluťoučký"), "žluťoučký");
        const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i);
        assert.deepEqual(new Uint8Array(await client.ask(bytes) as ArrayBuffer), bytes);
        const sent = Array.from({ length: 2000 }, (_, i) => `message ${i}`);
        for (const text of sent) client.socket.send(text);
        for (const text of sent) assert.equal(await client.next(), text);
        client.socket.send("close");
        assert.deepEqual(await client.closed, { code: 4002, reason: "as you wish" });

        const other = await Client.open(`ws://${at}${path}`);
        other.socket.close(4001, "enough");
        await server.logged(/closed 4001 enough/);
        assert.equal((await other.closed).code, 4001);
      }
      await server.until(() => (server.out.match(/"GET \/(?:late)? HTTP\/1\.1" 101 /g) ?? []).length === 4, "four upgrades in the access log");
      assert.doesNotMatch(server.log, /Error handling request/);
      assert.equal((await fetch(`http://${at}/plain`)).status, 200);
    });
  });

  for (const workerClass of ["async", "sync", "gthread"]) {
    test(`HUP closes the WebSockets of a ${name} application with 1001, and who comes back gets the new workers (${workerClass})`, async () => {
      await withApp(app, ["-k", workerClass, "--threads", workerClass === "gthread" ? "2" : "1"], async (at, server) => {
        const clients = await Promise.all([1, 2, 3].map((i) => Client.open(`ws://${at}/${i === 1 ? "late" : i}`)));
        const [old] = await Promise.all(clients.map((client) => client.ask("who")));
        // Others are served meanwhile.
        assert.equal(await (await fetch(`http://${at}/plain`)).text(), old);
        const back = clients.map((client) => client.closed.then(async (closed) => {
          assert.deepEqual(closed, { code: 1001, reason: "going away" });
          return await comeBack(`ws://${at}/again`, old);
        }));
        server.signal("HUP");
        for (const client of await Promise.all(back)) assert.equal(await client.ask("well"), "well");
        await server.logged(/Reloaded: generation 2 serves/);
        // Nobody waited for the graceful timeout, and nobody was killed.
        await server.until(() => !isAlive(Number(old)), "the end of the old worker", 10_000);
        assert.doesNotMatch(server.log, /SIGKILL|graceful|still there|unhandled/i);
      });
    });
  }
}

test("TERM closes WebSockets with 1001, and the server ends with 0", async () => {
  await withApp(NATIVE, ["-w", "2"], async (at, server) => {
    const clients = await Promise.all(Array.from({ length: 8 }, (_, i) => Client.open(`ws://${at}/${i}`)));
    server.signal("TERM");
    for (const { code } of await Promise.all(clients.map((client) => client.closed))) assert.equal(code, 1001);
    assert.deepEqual(await server.ended, { code: 0, signal: null });
    assert.doesNotMatch(server.log, /SIGKILL/);
  });
});

test("a client that does not answer the closing of its WebSocket holds up no reload", async () => {
  await withApp(NATIVE, ["-t", "60", "--graceful-timeout", "60"], async (at, server) => {
    const [old = 0] = childrenOf(server.pid);
    const socket = connect({ host: "127.0.0.1", port: Number(at.split(":")[1]) });
    socket.on("error", () => {});
    socket.write("GET /mute HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert.match(String(await new Promise((resolve) => socket.once("data", resolve))), /^HTTP\/1\.1 101 /);
    const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    server.signal("HUP");
    await server.logged(/Reloaded: generation 2 serves/);
    await server.until(() => !isAlive(old), "the end of the old worker", 20_000);
    await ended;
    assert.doesNotMatch(server.log, /SIGKILL/);
  });
});

test("a worker with an open WebSocket is in flight, and beats on", async () => {
  await withApp(NATIVE, ["-k", "sync", "-t", "2", "--admin-bind", "127.0.0.1:0"], async (at, server) => {
    const [, admin] = await server.logged(/Admin listening at: (\S+)/);
    const inFlight = async (count: number) => {
      while ((await (await fetch(`${admin}/stats.json`)).json()).requests.inFlight !== count) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await inFlight(0);
    const client = await Client.open(`ws://${at}/`);
    assert.equal(await client.ask("open"), "open");
    await inFlight(1);
    const pid = await client.ask("who");
    // Longer than the timeout that a request of a sync worker has.
    for (const until = performance.now() + 4000; performance.now() < until;) {
      assert.equal(await client.ask("who"), pid);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.doesNotMatch(server.log, /WORKER TIMEOUT/);
    client.socket.close();
    await client.closed;
    await inFlight(0);
  });
});

test("a WebSocket goes through nginx, and a reload of tsgi behind it says 1001", async () => {
  await withFolder({ "app.ts": NATIVE }, async (folder) => {
    const port = await freePort();
    await withServer({ args: ["init", "nginx", "-n", "app", "-b", `unix:${join(folder, "s.sock")}`, "--port", String(port), "-o", "."], cwd: folder }, async (init) => {
      assert.equal((await init.ended).code, 0);
    });
    await withServer({ args: ["-b", "unix:s.sock", "app.ts"], cwd: folder }, async (server) => {
      await server.serving(1);
      await withNginx({ folder, site: "app.conf", port }, async () => {
        const client = await Client.open(`ws://127.0.0.1:${port}/`);
        assert.equal(await client.ask("through"), "through");
        server.signal("HUP");
        assert.deepEqual(await client.closed, { code: 1001, reason: "going away" });
        const again = await Client.open(`ws://127.0.0.1:${port}/`);
        assert.equal(await again.ask("again"), "again");
        again.socket.close();
        await again.closed;
      });
    });
  });
});
