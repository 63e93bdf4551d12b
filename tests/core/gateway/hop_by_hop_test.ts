import assert from "node:assert/strict";
import { test } from "node:test";
import { isHopByHop } from "../../../core/gateway/hop_by_hop.ts";

test("T386 isHopByHop() knows wsgiref's eight names in any case", () => {
  for (const name of "Connection Keep-Alive Proxy-Authenticate Proxy-Authorization TE Trailers Transfer-Encoding Upgrade".split(" ")) {
    const title = name.toLowerCase().replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
    for (const written of [name, title, name.toUpperCase(), name.toLowerCase()]) assert.equal(isHopByHop(written), true, written);
  }
  assert.equal(isHopByHop("Proxy-Connection"), true);
  for (const name of ["Trailer", "Content-Type", "", "connectio"]) assert.equal(isHopByHop(name), false, name);
});
