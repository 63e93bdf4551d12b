import assert from "node:assert/strict";
import { test } from "node:test";
import type { Write } from "../../../core/gateway/types.ts";
import { call, ct, rejectsCode, signalOf, text } from "./exercise.ts";

type LooseWrite = (chunk: unknown) => Promise<void>;

test("T134 toFetch() waits for an application that answers later", async () => {
  const { response } = await call(async (_environ, startResponse) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    startResponse("200 OK", [ct]);
    return ["later"];
  });
  assert.deepEqual([response.status, await response.text()], [200, "later"]);
});

test("T135 write() comes before the body", async () => {
  const { response } = await call((_environ, startResponse) => {
    const write = startResponse("200 OK", [ct]);
    void write("a");
    void write("b");
    return ["c"];
  });
  assert.equal(await response.text(), "abc");
});

test("T136 write() commits: the Response is there before the application goes on", async () => {
  const goOn = signalOf();
  let isDone = false;
  const { response } = await call(async (_environ, startResponse) => {
    const write = startResponse("200 OK", [ct]);
    void write("a");
    await goOn.promise;
    void write("b");
    isDone = true;
    return ["c"];
  });
  assert.equal(isDone, false);
  goOn.resolve();
  assert.equal(await response.text(), "abc");
});

test("write() of nothing sends the headers", async () => {
  const goOn = signalOf();
  const { response } = await call(async (_environ, startResponse) => {
    await startResponse("202 Accepted", [ct])("");
    await goOn.promise;
    return ["x"];
  });
  assert.equal(response.status, 202);
  goOn.resolve();
  assert.equal(await response.text(), "x");
});

test("T139 write() refuses what is no chunk", async () => {
  const { response } = await call(async (_environ, startResponse) => {
    const write = startResponse("200 OK", [ct]) as LooseWrite;
    for (const chunk of [5, null, {}]) await rejectsCode(write(chunk), "ERR_TSGI_CHUNK");
    return ["fine"];
  });
  assert.deepEqual([response.status, await response.text()], [200, "fine"]);
});

test("T140 write() after the application returned is refused", async () => {
  let write: Write | undefined;
  const { response } = await call((_environ, startResponse) => {
    write = startResponse("200 OK", [ct]);
    return ["x"];
  });
  await rejectsCode(write!("late"), "ERR_TSGI_WRITE_AFTER_RETURN");
  assert.equal(await response.text(), "x");
});

test("T141 write() from the body is refused", async () => {
  let refused: Promise<void> | undefined;
  const { response } = await call((_environ, startResponse) => {
    const write = startResponse("200 OK", [ct]);
    return (function* () {
      refused = rejectsCode(write("z"), "ERR_TSGI_WRITE_AFTER_RETURN");
      yield "x";
    })();
  });
  assert.equal(await response.text(), "x");
  await refused;
});

test("T143 write() is back-pressure for whoever awaits it", async () => {
  let written = 0;
  const { response } = await call(async (_environ, startResponse) => {
    const write = startResponse("200 OK", [ct]);
    const block = new Uint8Array(64 * 1024);
    for (; written < 500; written++) await write(block);
    return [];
  });
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(written <= 2, `${written} writes resolved although nobody reads`);
  assert.equal((await response.arrayBuffer()).byteLength, 500 * 64 * 1024);
});

test("T145 write() past the declared length is refused", async () => {
  const { response, errors } = await call(async (_environ, startResponse) => {
    const write = startResponse("200 OK", [ct, ["Content-Length", "3"]]);
    const refused = ["abcd", "e"].map((chunk) => rejectsCode(write(chunk), "ERR_TSGI_CONTENT_LENGTH"));
    await Promise.all(refused);
    await rejectsCode(write("f"), "ERR_TSGI_CONTENT_LENGTH");
    return ["more"];
  });
  assert.equal(await response.text(), "abc");
  assert.equal(errors.text.split("Error handling request").length, 2, errors.text);
});

test("T146 write() after a disconnect rejects with the reason of the abort, and nothing is logged", async () => {
  const gone = signalOf();
  const seen = signalOf<unknown>();
  const { response, errors } = await call(async (environ, startResponse) => {
    const write = startResponse("200 OK", [ct]);
    void write("a");
    await gone.promise;
    await write("x").catch((error: unknown) => seen.resolve([error, environ["tsgi.signal"].reason]));
    return [];
  });
  const reader = response.body!.getReader();
  assert.equal(text((await reader.read()).value!), "a");
  await reader.cancel();
  gone.resolve();
  const [error, reason] = await seen.promise as [Error, unknown];
  assert.equal(error, reason);
  assert.equal(error.name, "AbortError");
  assert.equal(errors.text, "");
});

test("write() that nobody awaits is no unhandled rejection", async () => {
  const { response } = await call((_environ, startResponse) => {
    const write = startResponse("200 OK", [ct]) as LooseWrite;
    void write(5);
    return ["x"];
  });
  assert.equal(await response.text(), "x");
  await new Promise((resolve) => setTimeout(resolve, 0));
});

test("write() to HEAD and to 204 sends nothing", async () => {
  for (const [method, status] of [["HEAD", "200 OK"], ["GET", "204 No Content"]] as const) {
    const { response } = await call(async (_environ, startResponse) => {
      await startResponse(status, [])("x");
      return ["y"];
    }, "/", { method });
    assert.equal(response.status, Number(status.slice(0, 3)));
    assert.equal(await response.text(), "");
  }
});
