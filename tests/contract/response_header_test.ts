import assert from "node:assert/strict";
import { test } from "node:test";
import { runtime } from "../../runtimes/current.ts";

test("responseHeader() gives what the public way gives, of whatever a Response was made of and whoever changed it", () => {
  const touched = (response: Response, change: (headers: Headers) => void) => {
    change(response.headers);
    return response;
  };
  const made: readonly (() => Response)[] = [
    () => new Response("text"),
    () => new Response(null),
    () => new Response("text", { headers: { "content-type": "a" } }),
    () => new Response("text", { headers: { "Content-Length": "4" } }),
    () => new Response("text", { headers: [["content-type", "a"], ["content-length", "4"]] }),
    () => new Response(new ReadableStream(), { headers: new Headers({ "content-length": "9", "x-y": "z" }) }),
    () => Response.json({}),
    () => Response.json({}, { headers: { "x-y": "z" } }),
    () => Response.redirect("http://h/", 302),
    () => touched(new Response("text"), (headers) => headers.set("content-length", "4")),
    () => touched(new Response("text", { headers: { "content-type": "a" } }), (headers) => headers.append("x-y", "z")),
    () => touched(new Response("text", { headers: { "content-type": "a" } }), (headers) => headers.delete("content-type")),
    () => new Response("text", new Response(null, { headers: { "x-y": "z", "content-length": "4" } })),
  ];
  for (const make of made) {
    for (const name of ["content-length", "content-type", "x-y", "location", "absent"]) {
      assert.equal(runtime.responseHeader(make(), name), make().headers.get(name), `${name} of ${make}`);
    }
  }
});
