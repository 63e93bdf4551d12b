import assert from "node:assert/strict";
import { test } from "node:test";
import { shiftPathInfo } from "../../../core/gateway/shift.ts";

const CASES: readonly [id: string, script: string, path: string, name: string | null, scriptAfter: string, pathAfter: string][] = [
  ["T334", "", "/", "", "/", ""],
  ["T337", "/a", "/x/y", "x", "/a/x", "/y"],
  ["T338", "/a", "/x/", "x", "/a/x", "/"],
  ["T340", "", "/../y", "..", "", "/y"],
  ["T341", "/a/b", "//y", "y", "/a/b/y", ""],
  ["T343", "/a/b", "/./y", "y", "/a/b/y", ""],
  ["T344", "/a/b", "/./y/", "y", "/a/b/y", "/"],
  ["T345", "/a/b", "///./..//y/.//", "..", "/a", "/y/"],
  ["T346", "/a/b", "///", "", "/a/b/", ""],
  ["T348", "/a/b", "/x//", "x", "/a/b/x", "/"],
  ["T349", "/a/b", "/.", null, "/a/b", ""],
  ["T351", "", "/a/b/c", "a", "/a", "/b/c"],
  ["T353", "", "//", "", "/", ""],
];

for (const [id, script, path, name, scriptAfter, pathAfter] of CASES) {
  test(`${id} shiftPathInfo() moves the first segment of ${path} under ${script || "the root"}`, () => {
    const environ = { SCRIPT_NAME: script, PATH_INFO: path };
    assert.equal(shiftPathInfo(environ), name);
    assert.deepEqual(environ, { SCRIPT_NAME: scriptAfter, PATH_INFO: pathAfter });
  });
}

test("shiftPathInfo() leaves what is no path alone", () => {
  for (const path of ["", "*", "example.com:80"]) {
    const environ = { SCRIPT_NAME: "/a", PATH_INFO: path };
    assert.equal(shiftPathInfo(environ), null);
    assert.deepEqual(environ, { SCRIPT_NAME: "/a", PATH_INFO: path });
  }
});
