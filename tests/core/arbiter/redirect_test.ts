import assert from "node:assert/strict";
import { test } from "node:test";
import { redirectToHttps } from "../../../core/arbiter/redirect.ts";

function locate(url: string, port = 443): [status: number, location: string | null] {
  const made = redirectToHttps({ port, noHost: () => "localhost:5555" });
  const { status, headers } = made({ url } as Request) as Response;
  return [status, headers.get("location")];
}

test("redirectToHttps() keeps host, path and query as they came, and says the port unless it is https's own", () => {
  assert.deepEqual(locate("http://h.test:80/a%2Fb//c?d=%20&e"), [308, "https://h.test/a%2Fb//c?d=%20&e"]);
  assert.deepEqual(locate("http://h.test/", 8443), [308, "https://h.test:8443/"]);
  assert.deepEqual(locate("http://[::1]:8080/x", 8443), [308, "https://[::1]:8443/x"]);
  assert.deepEqual(locate("http://h.test?x"), [308, "https://h.test/?x"]);
});

test("redirectToHttps() answers 400 to who does not say a host", () => {
  assert.deepEqual(locate("http://localhost:5555/"), [400, null]);
});
