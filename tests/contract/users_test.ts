import assert from "node:assert/strict";
import { linkSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { findGroup, findUser, giveLog, identityOf, objections } from "../../runtimes/users.ts";

const PASSWD = "root:x:0:0:root:/root:/bin/sh\n# a comment\n+nis\nweb:x:1000:2000:The web:/srv:/bin/sh\n\n1234:x:77:78::/:/bin/sh\n";
const GROUP = "root:x:0:\nstaff:x:50:web,ann\n";

test("findUser() finds users by name and by number, and any number is a user", () => {
  assert.deepEqual(findUser("web", PASSWD), { name: "web", uid: 1000, gid: 2000 });
  assert.deepEqual(findUser("1000", PASSWD), { name: "web", uid: 1000, gid: 2000 });
  assert.deepEqual(findUser("1234", PASSWD), { name: "1234", uid: 77, gid: 78 });
  assert.deepEqual(findUser("4711", PASSWD), { name: null, uid: 4711, gid: null });
  for (const wrong of ["nix", "-1", "4294967295", "+nis", ""]) assert.equal(findUser(wrong, PASSWD), null, wrong);
});

test("findGroup() finds groups by name and by number", () => {
  assert.equal(findGroup("staff", GROUP), 50);
  assert.equal(findGroup("51", GROUP), 51);
  assert.equal(findGroup("nix", GROUP), null);
});

test("identityOf() is undefined for who we are already", () => {
  const own = { user: String(process.geteuid!()), group: String(process.getegid!()), initgroups: false };
  assert.equal(identityOf({ user: null, group: null, initgroups: false }), undefined);
  assert.equal(identityOf(own), undefined);
  assert.deepEqual(objections(own), []);
});

test("objections() names the setting and the reason", () => {
  const found = objections({ user: "no-such-user", group: "no-such-group", initgroups: false });
  assert.deepEqual(found, [
    { name: "user", reason: 'there is no user "no-such-user" in /etc/passwd' },
    { name: "group", reason: 'there is no group "no-such-group" in /etc/group' },
  ]);
  assert.match(objections({ user: null, group: null, initgroups: true })[0]!.reason, /write that too/);
  assert.match(objections({ user: "3999999999", group: null, initgroups: true })[0]!.reason, /no user in \/etc\/passwd has the number 3999999999/);
});

test("giveLog() makes a file for its owner, and lets links be", { skip: process.geteuid!() !== 0 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-users-"));
  try {
    const owner = { uid: 65534, gid: 33 };
    const path = join(folder, "a.log");
    giveLog(path, owner);
    assert.deepEqual([statSync(path).uid, statSync(path).gid], [65534, 33]);
    const precious = join(folder, "precious");
    writeFileSync(precious, "x");
    symlinkSync(precious, join(folder, "symbolic"));
    linkSync(precious, join(folder, "hard"));
    giveLog(join(folder, "symbolic"), owner);
    giveLog(join(folder, "hard"), owner);
    giveLog(join(folder, "none", "b.log"), owner);
    assert.equal(statSync(precious).uid, 0);
    assert.equal(readFileSync(precious, "utf8"), "x");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
