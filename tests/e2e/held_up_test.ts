/** A request that the server has not read yet, because its loop stands still, is not taken for an idle connection. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { withFolder, withServer } from "./server.ts";

test("a request that waits for a loop that stands still is answered when it turns again, however long that was", async () => {
  const app = `
    export default (environ, startResponse) => {
      if (environ.PATH_INFO === "/block") {
        environ["tsgi.errors"].write("blocked now\\n");
        for (const end = Date.now() + 11_000; Date.now() < end;);
      }
      startResponse("200 OK", [["Content-Type", "text/plain"]]);
      return ["well"];
    };
  `;
  await withFolder({ "app.ts": app }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      const block = "GET /block HTTP/1.1\r\nHost: a\r\n\r\n";
      const ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
      const [patient, blocking] = await Promise.all([connection(port), connection(port)]);
      await answered(patient, ask);
      blocking.write(block);
      await server.logged(/blocked now/);
      // Who closes idle connections on Deno asks the kernel, and this one is not read before somebody looks.
      assert.match(await answered(patient, ask), /^HTTP\/1\.1 200 /);
      for (const socket of [patient, blocking]) socket.destroy();
    });
  });
});

function connection(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

/** What comes for a request: "" if the connection was closed instead. */
function answered(socket: Socket, request: string): Promise<string> {
  return new Promise((resolve) => {
    socket.once("data", (bytes: Uint8Array) => resolve(new TextDecoder().decode(bytes)));
    socket.once("close", () => resolve(""));
    socket.write(request);
  });
}
