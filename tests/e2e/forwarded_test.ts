/** Whom the server believes what it says about the client. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { curl, withFolder, withServer } from "./server.ts";

const APP = `
export default (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  const { SCRIPT_NAME, PATH_INFO, HTTPS, HTTP_X_USER } = environ;
  return [JSON.stringify([environ["tsgi.url_scheme"], HTTPS ?? null, SCRIPT_NAME, PATH_INFO, HTTP_X_USER ?? null])];
};
`;

/** Serves the application above, and gives what it says about a request that is made with curl's arguments. */
async function serving(args: readonly string[], use: (ask: (path: string, ...more: readonly string[]) => string) => void): Promise<void> {
  await withFolder({ "app.ts": APP }, async (folder) => {
    const path = join(folder, "socket");
    await withServer({ args: [...args, "-b", "127.0.0.1:0", "-b", `unix:${path}`, "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      use((target, ...more) => (target.startsWith("unix:") ? curl("--unix-socket", path, ...more, `http://localhost${target.slice(5)}`) : curl(...more, `http://127.0.0.1:${port}${target}`)));
    });
  });
}

const HTTPS = ["-H", "X-Forwarded-Proto: https"] as const;
const STATUS = ["-o", "/dev/null", "-w", "%{http_code}"] as const;

test("tsgi believes a trusted peer that the client came by https, a unix socket's only when told to", async () => {
  await serving([], (ask) => {
    assert.equal(ask("/", ...HTTPS), '["https","on","","/",null]');
    assert.equal(ask("/", "-H", "X-Forwarded-Ssl: on"), '["https","on","","/",null]');
    assert.equal(ask("/", "-H", "X-Forwarded-Proto: http"), '["http",null,"","/",null]');
    assert.equal(ask("/"), '["http",null,"","/",null]');
    assert.equal(ask("unix:/", ...HTTPS), '["http",null,"","/",null]');
  });
  await serving(["--forwarded-allow-ips", "10.0.0.0/8,unix:"], (ask) => {
    assert.equal(ask("/", ...HTTPS), '["http",null,"","/",null]');
    assert.equal(ask("unix:/", ...HTTPS), '["https","on","","/",null]');
  });
});

test("tsgi believes nothing of a trusted peer that contradicts itself, and ignores what others say", async () => {
  await serving([], (ask) => {
    assert.equal(ask("/", ...HTTPS, "-H", "X-Forwarded-Ssl: off"), '["http",null,"","/",null]');
    assert.equal(ask("/", ...HTTPS, "-H", "X-Forwarded-Ssl: on"), '["https","on","","/",null]');
    assert.equal(ask("unix:/", ...HTTPS, "-H", "X-Forwarded-Ssl: off"), '["http",null,"","/",null]');
  });
});

test("tsgi --root-path mounts the application, and --header-map decides about underscores", async () => {
  await serving(["--root-path", "/shop"], (ask) => {
    assert.equal(ask("/shop/cart", "-H", "X_User: eve"), '["http",null,"/shop","/cart",null]');
    assert.equal(ask("/shopping", ...STATUS), "404");
  });
  await serving(["--header-map", "refuse"], (ask) => assert.equal(ask("/", ...STATUS, "-H", "X_User: eve"), "400"));
  await serving(["--header-map", "dangerous"], (ask) => assert.equal(ask("/", "-H", "X_User: eve"), '["http",null,"","/","eve"]'));
});

test("tsgi believes the headers of secureSchemeHeaders, and no others", async () => {
  await withFolder({ "app.ts": APP, "tsgi.config.ts": 'export default { app: "app.ts", bind: "127.0.0.1:0", secureSchemeHeaders: { "X-Scheme": "tls" } };' }, async (folder) => {
    await withServer({ args: [], cwd: folder }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}/`;
      assert.equal(curl("-H", "X-Scheme: tls", url), '["https","on","","/",null]');
      assert.equal(curl("-H", "X-Scheme: other", url), '["http",null,"","/",null]');
      assert.equal(curl(...HTTPS, url), '["http",null,"","/",null]');
    });
  });
});

test("tsgi --proxy-headers believes a trusted proxy who its client is, in environ and in the access log", async () => {
  const app = `export default (environ, startResponse) => (startResponse("200 OK", []), [JSON.stringify([environ.REMOTE_ADDR ?? null, "REMOTE_PORT" in environ])]);`;
  const told = ["-H", "X-Forwarded-For: 6.6.6.6, 192.0.2.7"] as const;
  await withFolder({ "app.ts": app }, async (folder) => {
    const ask = async (args: readonly string[], line: RegExp, ...more: readonly string[]) => {
      return await withServer({ args: [...args, "-b", "127.0.0.1:0", "--access-logfile", "-", "--access-logformat", "ACCESS %(h)s", "app.ts"], cwd: folder }, async (server) => {
        const answer = curl(...more, `http://127.0.0.1:${await server.port()}/`);
        await server.until(() => line.test(server.out), `a line like ${line}`);
        return answer;
      });
    };
    assert.equal(await ask(["--proxy-headers"], /ACCESS 192\.0\.2\.7\n/, ...told), '["192.0.2.7",false]');
    assert.equal(await ask(["--proxy-headers"], /ACCESS 127\.0\.0\.1\n/), '["127.0.0.1",true]');
    assert.equal(await ask(["--proxy-headers", "--forwarded-allow-ips", "10.0.0.1"], /ACCESS 127\.0\.0\.1\n/, ...told), '["127.0.0.1",true]');
    assert.equal(await ask([], /ACCESS 127\.0\.0\.1\n/, ...told), '["127.0.0.1",true]');
  });
});

test("tsgi --forwarder-headers believes a trusted proxy what it names, and nobody else", async () => {
  const names = ["--forwarder-headers", "X_USER,SCRIPT_NAME"];
  const mounted = ["-H", "SCRIPT_NAME: /shop"];
  await serving(names, (ask) => {
    assert.equal(ask("/", "-H", "X_User: ann", "-H", "X-User: eve"), '["http",null,"","/","ann"]');
    assert.equal(ask("/", "-H", "X-User: eve"), '["http",null,"","/",null]');
    assert.equal(ask("unix:/", "-H", "X_User: eve", ...mounted), '["http",null,"","/",null]');
    assert.equal(ask("/shop/cart", ...mounted), '["http",null,"/shop","/cart",null]');
    for (const wrong of ["/shopping", "/"]) assert.equal(ask(wrong, ...STATUS, ...mounted), "404");
    assert.equal(ask("/shop/", ...STATUS, "-H", "SCRIPT_NAME: /shop/"), "404");
    // An application that enumerates its environs is soon given them whole.
    for (let i = 0; i < 40; i++) assert.equal(ask("/", "-H", "X_User: ann"), '["http",null,"","/","ann"]');
  });
  await serving([...names, "--header-map", "refuse", "--root-path", "/a"], (ask) => {
    assert.equal(ask("/a/b/c", "-H", "X_User: ann", "-H", "SCRIPT_NAME: /a/b"), '["http",null,"/a/b","/c","ann"]');
    assert.equal(ask("/a/b", ...STATUS, "-H", "X_Other: eve"), "400");
    assert.equal(ask("unix:/a/b", ...STATUS, "-H", "X_User: eve"), "400");
  });
});
