/** What a client sees, with curl and with raw bytes: the transcripts of the gunicorn tutorials, and what must not get through. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { curl, root, runtime, type Server, withFolder, withServer } from "./server.ts";

const MEGABYTES_25 = 25 * 1024 * 1024;

async function serving<T>(example: string, use: (port: number, server: Server) => Promise<T> | T, args: readonly string[] = []): Promise<T> {
  const app = example.includes("/") ? example : join(root, "examples", example);
  return await withServer({ args: ["-b", "127.0.0.1:0", ...args, app] }, async (server) => await use(await server.port(), server));
}

test("examples/upload.ts gets a chunked body of 25 MB whole", async () => {
  await withFolder({}, async (folder) => {
    const file = join(folder, "body");
    writeFileSync(file, new Uint8Array(MEGABYTES_25).fill(97));
    await serving("upload.ts", (port) => {
      const answer = curl("-H", "Transfer-Encoding: chunked", "--data-binary", `@${file}`, `http://127.0.0.1:${port}/`);
      assert.match(answer, new RegExp(`\\b${MEGABYTES_25}\\b`));
      assert.match(answer, /input_terminated/);
      const known = curl("--data-binary", `@${file}`, `http://127.0.0.1:${port}/`);
      assert.match(known, new RegExp(`\\b${MEGABYTES_25}\\b`));
    });
  });
});

test("tsgi answers Expect: 100-continue with 100", async () => {
  await serving("upload.ts", (port) => {
    const { stderr, stdout } = spawnSync("curl", ["-sv", "--max-time", "10", "-H", "Expect: 100-continue", "-d", "abc", `http://127.0.0.1:${port}/`], { encoding: "utf8" });
    assert.match(stderr, /< HTTP\/1\.1 100 Continue/);
    assert.match(stdout, /\b3\b/);
  });
});

test("examples/streaming.ts answers in chunks", async () => {
  await serving("streaming.ts", (port) => {
    const answer = curl("-i", `http://127.0.0.1:${port}/`);
    assert.match(answer, /^HTTP\/1\.1 200/);
    assert.match(answer, /\r\ntransfer-encoding: chunked\r\n/i);
    const raw = curl("--raw", `http://127.0.0.1:${port}/`);
    assert.match(raw, /^[0-9a-f]+\r\n[^]*\r\n0\r\n\r\n$/);
  });
});

test("examples/range.ts answers 100 bytes of a range", async () => {
  await serving("range.ts", (port) => {
    const answer = curl("-i", "-r", "1200-1299", `http://127.0.0.1:${port}/`);
    assert.match(answer, /^HTTP\/1\.1 206/);
    assert.match(answer, /\r\ncontent-range: bytes 1200-1299\/\d+\r\n/i);
    assert.equal(curl("-r", "1200-1299", `http://127.0.0.1:${port}/`).length, 100);
    assert.match(curl("-i", "-r", "999999999-", `http://127.0.0.1:${port}/`), /^HTTP\/1\.1 416/);
  });
});

test("examples/hono_app.ts: Hono under tsgi, and a TSGI application in Hono", async () => {
  await serving("hono_app.ts", (port) => {
    assert.match(curl("-i", `http://127.0.0.1:${port}/`), /^HTTP\/1\.1 200/);
    assert.match(curl("-i", `http://127.0.0.1:${port}/not/there`), /^HTTP\/1\.1 404/);
  });
});

test("examples/fetch_handler.ts is a Fetch handler", async () => {
  await serving("fetch_handler.ts", (port) => assert.match(curl("-i", `http://127.0.0.1:${port}/`), /^HTTP\/1\.1 200/));
});

test("a bare Fetch function needs --interface fetch, and the log says so", async () => {
  await withFolder({ "app.ts": "export default (request) => new Response('hi ' + (request.url ?? '').slice(-2));" }, async (folder) => {
    const app = join(folder, "app.ts");
    await serving(app, (port) => assert.equal(curl(`http://127.0.0.1:${port}/x`), "hi /x"), ["--interface", "fetch"]);
    await serving(app, async (port, server) => {
      assert.match(curl("-i", `http://127.0.0.1:${port}/x`), /^HTTP\/1\.1 500/);
      await server.logged(/application returned a Response: it is a Fetch handler, start with --interface fetch/);
    });
  });
});

test("examples/tsgi.config.ts configures a server", async () => {
  await withServer({ args: ["-c", join(root, "examples/tsgi.config.ts"), "-b", "127.0.0.1:0", "-w", "1", join(root, "examples/hello.ts")] }, async (server) => {
    assert.equal(curl(`http://127.0.0.1:${await server.port()}/`), "Hello, World!\n");
  });
});

const PATHS = `
export default (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [environ.PATH_INFO];
};
`;
const FETCH_PATHS = "export default { fetch: (request) => new Response(new URL(request.url).pathname) };";

for (const [kind, code] of [["TSGI", PATHS], ["Fetch", FETCH_PATHS]] as const) {
  test(`a Host header never changes the path of a ${kind} application`, async () => {
    await withFolder({ "app.ts": code }, async (folder) => {
      await serving(join(folder, "app.ts"), async (port) => {
        assert.match(await raw(port, "GET /public HTTP/1.1\r\nHost: h\r\n\r\n"), /^HTTP\/1\.1 200[^]*\/public$/);
        const hosts = ["h\\admin", "h/admin", "h?y=", "h#", "h/admin/x?y=", "u:p@h", "a b", "h, i", "[::1", "h:99999999", "\"><script>", ""];
        for (const host of hosts) {
          const answer = await raw(port, `GET /public HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
          const served = /^HTTP\/1\.1 200/.test(answer);
          assert.ok(!served || answer.endsWith("\r\n\r\n/public"), `Host ${JSON.stringify(host)}: ${JSON.stringify(answer.slice(0, 300))}`);
          assert.ok(!answer.includes("admin"), `Host ${JSON.stringify(host)}: ${JSON.stringify(answer.slice(0, 300))}`);
        }
        assert.match(await raw(port, "GET /public HTTP/1.1\r\nHost: h\r\n\r\n"), /^HTTP\/1\.1 200[^]*\/public$/);
      });
    });
  });
}

const SWEEP = `
export default (environ, startResponse) => {
  const [, where, byte] = environ.PATH_INFO.split("/");
  const c = String.fromCharCode(Number(byte));
  const head = { name: ["200 OK", [["X" + c + "Y", "v"]]], value: ["200 OK", [["X-Y", "a" + c + "b"]]], status: ["200 O" + c + "K", []], none: ["200 OK", []] }[where];
  startResponse(head[0], [["Content-Type", "text/plain"], ...head[1]]);
  return ["ok"];
};
`;
const FETCH_SWEEP = `
export default { fetch: (request) => {
  const [, where, byte] = new URL(request.url).pathname.split("/");
  const c = String.fromCharCode(Number(byte));
  if (where === "name") return new Response("ok", { headers: { ["X" + c + "Y"]: "v" } });
  if (where === "value") return new Response("ok", { headers: { "X-Y": "a" + c + "b" } });
  if (where === "type") return new Response("ok", { headers: { "Content-Type": "a" + c + "b" } });
  if (where === "status") return new Response("ok", { statusText: "O" + c + "K" });
  return new Response("ok");
} };
`;

for (const [kind, code, places] of [["TSGI", SWEEP, ["name", "value", "status"]], ["Fetch", FETCH_SWEEP, ["name", "value", "type", "status"]]] as const) {
  test(`256 byte values in a ${kind} application's header names, values and status kill no worker`, async () => {
    await withFolder({ "app.ts": code }, async (folder) => {
      await serving(join(folder, "app.ts"), async (port, server) => {
        const before = server.workers();
        for (const place of places) {
          for (let byte = 0; byte < 256; byte++) {
            const answer = await raw(port, `GET /${place}/${byte} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
            assert.match(answer, /^HTTP\/1\.1 (?:200|500) /, `${place} ${byte} on ${runtime}: ${JSON.stringify(answer)}`);
            if (/^HTTP\/1\.1 200/.test(answer)) {
              const head = answer.slice(0, answer.indexOf("\r\n\r\n"));
              assert.doesNotMatch(head.replaceAll("\r\n", ""), /[\x00-\x08\x0a-\x1f\x7f]/, `${place} ${byte} reached the wire`);
            }
          }
        }
        assert.match(await raw(port, "GET /none/0 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 200/);
        assert.deepEqual(server.workers(), before);
      });
    });
  });
}

test("the access log has gunicorn's line, and no client can forge another", async () => {
  await withFolder({}, async (folder) => {
    const file = join(folder, "access.log");
    await serving("hello.ts", async (port, server) => {
      curl("-A", "tester/1.0", "-e", "http://from/", `http://127.0.0.1:${port}/a%0ab%1b?q="x"`);
      const read = () => {
        try {
          return readFileSync(file, "utf8");
        } catch {
          return "";
        }
      };
      const text = await server.until(() => /\n/.test(read()) && read(), "the access log");
      assert.match(text, /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \S+ HTTP\/1\.1" 200 14 "http:\/\/from\/" "tester\/1\.0"\n$/);
    }, ["--access-logfile", file]);
  });
});

test("--log-format json writes one object a line", async () => {
  await serving("hello.ts", async (port, server) => {
    curl(`http://127.0.0.1:${port}/`);
    const lines = await server.until(() => server.log.includes('"booting"') && server.log.trimEnd().split("\n"), "the booting line");
    for (const line of lines) assert.equal(typeof JSON.parse(line).event, "string");
  }, ["--log-format", "json"]);
});

test("--server-header names tsgi, once", async () => {
  await serving("hello.ts", (port) => assert.match(curl("-i", `http://127.0.0.1:${port}/`), /\r\nserver: tsgi\r\n/i), ["--server-header"]);
  await serving("fetch_handler.ts", (port) => assert.match(curl("-i", `http://127.0.0.1:${port}/`), /\r\nserver: tsgi\r\n/i), ["--server-header"]);
  await serving("hello.ts", (port) => assert.doesNotMatch(curl("-i", `http://127.0.0.1:${port}/`), /\r\nserver:/i));
});

test("an error tells the client nothing, and the log why", async () => {
  const fails = 'throw new Error("hunter2 in /srv/secret.ts");';
  const apps = [
    `export default () => { ${fails} };`,
    `export default async () => { ${fails} };`,
    `export default { fetch() { ${fails} } };`,
    `export default { async fetch() { ${fails} } };`,
    "export default { fetch() {} };",
  ];
  for (const app of apps) {
    await withFolder({ "app.ts": app }, async (folder) => {
      await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
        const answer = await raw(await server.port(), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert.match(answer, /^HTTP\/1\.1 500 /, app);
        assert.doesNotMatch(answer, /hunter2|secret|app\.ts|\bat /, app);
        await server.logged(app.includes("hunter2") ? /\[ERROR\][^]*hunter2/ : /\[ERROR\]/);
      });
    });
  }
});

test("an idle connection is closed after keep-alive, a slow handler is not", async () => {
  const slow = `
export default async (environ, startResponse) => {
  if (environ.PATH_INFO === "/slow") await new Promise((resolve) => setTimeout(resolve, 4500));
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["done"];
};
`;
  await withFolder({ "app.ts": slow }, async (folder) => {
    await serving(join(folder, "app.ts"), async (port) => {
      const begun = performance.now();
      const answers = await Promise.all([
        raw(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "closed"),
        raw(port, "GET /slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "closed"),
      ]);
      assert.match(answers[0], /done$/);
      assert.match(answers[1], /done$/);
      assert.ok(performance.now() - begun < 12_000);
    }, ["--keep-alive", "1"]);
  });
});

/** Sends bytes, and gives what comes back: until the connection ends, or (default) until a response without length is quiet. */
function raw(port: number, text: string, until: "quiet" | "closed" = "quiet"): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    const limit = setTimeout(() => socket.destroy(new Error("no end of the response")), 15_000);
    const done = () => {
      clearTimeout(limit);
      socket.destroy();
      resolve(got);
    };
    socket.setEncoding("latin1");
    socket.on("data", (data: string) => {
      got += data;
      const head = got.indexOf("\r\n\r\n");
      const length = /\r\ncontent-length: *(\d+)/i.exec(got)?.[1];
      if (until === "quiet" && head >= 0 && length !== undefined && got.length >= head + 4 + Number(length)) done();
    });
    socket.on("end", done);
    socket.on("close", done);
    socket.on("error", (error: Error & { code?: string }) => (error.code === "ECONNRESET" || error.code === "EPIPE" ? done() : reject(error)));
  });
}

test("--lint answers 500 to an application that breaks the rules, and says which", async () => {
  const broken = `export default (environ, startResponse) => { startResponse("200 OK", []); return ["no content type"]; };`;
  await withFolder({ "app.ts": broken }, async (folder) => {
    await serving(join(folder, "app.ts"), async (port, server) => {
      assert.match(curl("-i", `http://127.0.0.1:${port}/`), /^HTTP\/1\.1 500/);
      await server.logged(/content-type\/missing/);
    }, ["--lint"]);
    await serving(join(folder, "app.ts"), (port) => assert.match(curl("-i", `http://127.0.0.1:${port}/`), /^HTTP\/1\.1 200/));
  });
});

test("a request without Host is given none", async () => {
  const says = `export default (environ, startResponse) => { startResponse("200 OK", [["Content-Type", "text/plain"]]); return ["host " + ("HTTP_HOST" in environ ? environ.HTTP_HOST : "absent") + " at " + environ.SERVER_PORT]; };`;
  await withFolder({ "app.ts": says }, async (folder) => {
    await serving(join(folder, "app.ts"), async (port) => {
      // Bun refuses it by itself, as RFC 9112 has it for HTTP/1.1; Deno makes an authority up.
      const answer = await raw(port, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "closed");
      assert.match(answer, new RegExp(runtime !== "deno" ? "^HTTP/1.1 400 " : `^HTTP/1.1 200 [^]*host absent at ${port}$`));
    });
  });
});

test("--lint finds nothing wrong with what the gateway gives, on TCP and on a unix socket", async () => {
  await withFolder({}, async (folder) => {
    const path = join(folder, "app.sock");
    await serving("hello.ts", (port, server) => {
      assert.equal(curl(`http://127.0.0.1:${port}/a/b?c=d`), "Hello, World!\n");
      assert.equal(curl("--unix-socket", path, "http://localhost/a/b?c=d"), "Hello, World!\n");
      assert.doesNotMatch(server.log, /Lint|ERROR/);
    }, ["--lint", "-b", `unix:${path}`]);
  });
});
