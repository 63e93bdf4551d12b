import assert from "node:assert/strict";
import { test } from "node:test";
import { isTrusted, parseTrusted, trusting } from "../../../core/arbiter/networks.ts";

const trusts = (items: string, addresses: readonly (string | undefined)[]) => {
  const trusted = parseTrusted(items.split(","));
  return addresses.filter((address) => isTrusted(trusted, address));
};

test("isTrusted() compares addresses and networks bit by bit", () => {
  assert.deepEqual(trusts("10.0.0.0/8,192.0.2.1", ["10.255.0.1", "11.0.0.1", "192.0.2.1", "192.0.2.2"]), ["10.255.0.1", "192.0.2.1"]);
  assert.deepEqual(trusts("172.16.0.0/12", ["172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"]), ["172.16.0.0", "172.31.255.255"]);
  assert.deepEqual(trusts("192.0.2.128/25", ["192.0.2.127", "192.0.2.128", "192.0.2.255"]), ["192.0.2.128", "192.0.2.255"]);
  assert.deepEqual(trusts("::1,2001:db8::/33", ["::1", "0:0:0:0:0:0:0:1", "2001:db8:7fff::1", "2001:db8:8000::1"]), ["::1", "0:0:0:0:0:0:0:1", "2001:db8:7fff::1"]);
  assert.deepEqual(trusts("0.0.0.0/0", ["1.2.3.4", "::1"]), ["1.2.3.4"]);
});

test("isTrusted() takes an IPv4-mapped address for the IPv4 address, and leaves a zone aside", () => {
  assert.deepEqual(trusts("10.0.0.0/8", ["::ffff:10.1.1.1", "::ffff:b01:101", "::10.1.1.1"]), ["::ffff:10.1.1.1"]);
  assert.deepEqual(trusts("::ffff:10.0.0.0/104", ["10.1.1.1", "11.1.1.1"]), ["10.1.1.1"]);
  assert.deepEqual(trusts("fe80::/10", ["fe80::1%eth0"]), ["fe80::1%eth0"]);
});

test("isTrusted() trusts a unix socket only when told to, or everybody", () => {
  assert.deepEqual(trusts("127.0.0.1", ["", undefined]), []);
  assert.deepEqual(trusts("unix:", ["", undefined, "127.0.0.1"]), ["", undefined]);
  assert.deepEqual(trusts("*", ["", "1.2.3.4", "nonsense"]), ["", "1.2.3.4", "nonsense"]);
  assert.deepEqual(trusts("0.0.0.0/0,::/0", ["nonsense", "1.2.3", "1.2.3.256"]), []);
});

test("parseTrusted() refuses what is no network", () => {
  for (const text of ["", "localhost", "10.0.0.0/33", "10.0.0/8", "010.0.0.1", "::1/129", "1::2::3", ":1", "1:2:3:4:5:6:7:8:9", "10.0.0.0/", "10.0.0.0/-1"]) {
    assert.throws(() => parseTrusted([text]), /expected an IP address/, text);
  }
  for (const text of ["10.0.0.1/8", "192.0.2.1/31", "2001:db8::1/64"]) assert.throws(() => parseTrusted([text]), /whose bits after the first \d+ are 0/, text);
});

test("trusting() says of each peer what isTrusted() says, whoever came before", () => {
  for (const items of [["10.0.0.0/8", "::1"], ["unix:"], ["*"], []]) {
    const trusted = parseTrusted(items);
    const trusts = trusting(trusted);
    for (const peer of [undefined, "10.0.0.1", "10.0.0.1", "192.0.2.1", "10.0.0.2", "", undefined, "::1", "::ffff:10.0.0.1", "192.0.2.1", "nobody"]) {
      assert.equal(trusts(peer), isTrusted(trusted, peer), `${peer} of ${items}`);
    }
  }
});
