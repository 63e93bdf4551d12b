import assert from "node:assert/strict";
import { test } from "node:test";
import { AppLoadError, parseAppUri } from "../../../core/arbiter/application.ts";

test("parseAppUri() parts module, names and arguments", () => {
  const cases: Record<string, [string, string[], unknown[] | null]> = {
    "app.ts": ["app.ts", [], null],
    "app.ts:name": ["app.ts", ["name"], null],
    "app.ts:default": ["app.ts", ["default"], null],
    "app.ts:api.handler": ["app.ts", ["api", "handler"], null],
    "app.ts:$app_1.été": ["app.ts", ["$app_1", "été"], null],
    "app.ts:create_app()": ["app.ts", ["create_app"], []],
    "app.ts:api.create(1)": ["app.ts", ["api", "create"], [1]],
    "package/module": ["package/module", [], null],
    "@scope/package/module:app": ["@scope/package/module", ["app"], null],
    "./dir/app.ts": ["./dir/app.ts", [], null],
    "/srv/my app/app.ts:app": ["/srv/my app/app.ts", ["app"], null],
    "./(group)/app.ts:app": ["./(group)/app.ts", ["app"], null],
    "file:///srv/app.ts": ["file:///srv/app.ts", [], null],
    "file:///srv/app.ts:app": ["file:///srv/app.ts", ["app"], null],
    "npm:package": ["npm:package", [], null],
    "npm:@scope/package@1.2/sub:app": ["npm:@scope/package@1.2/sub", ["app"], null],
    "jsr:@scope/package@1:create()": ["jsr:@scope/package@1", ["create"], []],
    "https://example.com/app.ts": ["https://example.com/app.ts", [], null],
    "https://example.com:8443/app.ts": ["https://example.com:8443/app.ts", [], null],
    "https://example.com:8443/app.ts:app": ["https://example.com:8443/app.ts", ["app"], null],
    'app.ts:create("a:b/c)(", \'d\')': ["app.ts", ["create"], ["a:b/c)(", "d"]],
  };
  for (const [text, [module, names, args]] of Object.entries(cases)) assert.deepEqual(parseAppUri(text), { text, module, names, args });
});

test("parseAppUri() reads literals and evaluates nothing", () => {
  const args = (text: string) => parseAppUri(`app.ts:f(${text})`).args;
  assert.deepEqual(args(" "), []);
  assert.deepEqual(args('"a", \'b\', "", "q\\"\\n\\u00e9\\x41\\q"'), ["a", "b", "", 'q"\néAq']);
  assert.deepEqual(args("1, -2.5, +3, .5, 1e3"), [1, -2.5, 3, 0.5, 1000]);
  assert.deepEqual(args("true, false, null, undefined,"), [true, false, null, undefined]);
  assert.deepEqual(args('[1, [2], {}], {a: 1, "b-c": [true], \'d\': {e: null,},}'), [[1, [2], {}], { a: 1, "b-c": [true], d: { e: null } }]);
  const [object] = args('{__proto__: {polluted: true}}')! as [object];
  assert.ok(Object.hasOwn(object, "__proto__"));
  assert.equal(Object.getPrototypeOf(object), Object.prototype);
});

test("parseAppUri() says what it does not understand", () => {
  const cases: Record<string, RegExp> = {
    "": /^Cannot load "": no module is named, write the path of the application, like app\.ts$/,
    ":app": /no module before the colon$/,
    "app.ts:": /expected a name or a call like create_app\(\) after the colon, got ""$/,
    "app.ts:8080": /got "8080"$/,
    "app.ts:a..b": /got "a\.\.b"$/,
    "app.ts:a b": /got "a b"$/,
    "app.ts:create(": /expected a name or a call like create_app\(\) after the colon$/,
    "app.ts:create().inner": /expected a name or a call/,
    "app.ts:create(debug=True)": /the arguments of create\(\) are not literals: keyword argument debug=, .* pass an object, { debug: \.\.\. }$/,
    "app.ts:create(True)": /write true for True$/,
    "app.ts:create(env.HOME)": /got env, expected strings, numbers/,
    "app.ts:create(1 2)": /unexpected "2\)", expected "\)"$/,
    "app.ts:create(,)": /unexpected ",\)"$/,
    "app.ts:create([1)": /unexpected "\)", expected "\]"$/,
    "app.ts:create({a 1})": /unexpected "1}\)", expected ":"$/,
    "app.ts:create({1: 2})": /unexpected "1: 2}\)"$/,
    'app.ts:create("a)': /unexpected "\\"a\)"$/,
    "app.ts:create() + f()": /unexpected "\+ f\(\)"$/,
    "app.ts:create(`x`)": /unexpected "`x`\)"$/,
  };
  for (const [text, message] of Object.entries(cases)) {
    assert.throws(() => parseAppUri(text), (error) => {
      assert.ok(error instanceof AppLoadError, text);
      assert.match(error.message, message);
      assert.equal(error.exitCode, 4);
      return true;
    });
  }
});
