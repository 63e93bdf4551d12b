import assert from "node:assert/strict";
import { test } from "node:test";
import type { Application } from "../../../core/arbiter/application.ts";
import { errorApplication, orErrorPage } from "../../../core/arbiter/error_page.ts";
import type { Breakage } from "../../../core/arbiter/message.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";

const BREAKAGE: Breakage = { reason: 'Cannot load <app>: "x" & y', stack: "at <app>:1:1" };

const ask = (application: Application, accept?: string) => {
  const fetch = application.kind === "tsgi" ? toFetch(application.app) : application.fetch;
  return fetch(new Request("http://localhost/", accept === undefined ? {} : { headers: { accept } }));
};

const APPLICATIONS: readonly Application[] = [
  { kind: "fetch", fetch: () => new Response("fine") },
  { kind: "tsgi", app: (_, startResponse) => (startResponse("200 OK", [["Content-Type", "text/plain"]]), ["fine"]) },
];

for (const application of APPLICATIONS) {
  test(`orErrorPage() serves a ${application.kind} application until something is broken`, async () => {
    let breakage: Breakage | null = null;
    const wrapped = orErrorPage(application, () => breakage);
    assert.equal(await (await ask(wrapped)).text(), "fine");
    breakage = BREAKAGE;
    const broken = await ask(wrapped);
    assert.equal(broken.status, 500);
    assert.equal(broken.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(broken.headers.get("cache-control"), "no-store");
    assert.match(await broken.text(), /^Cannot load <app>: "x" & y\n\nat <app>:1:1\n/);
    const page = await ask(wrapped, "text/html,*/*;q=0.8");
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    const html = await page.text();
    assert.match(html, /<h1>Cannot load &#60;app&#62;: &#34;x&#34; &#38; y<\/h1>/);
    assert.match(html, /<pre>at &#60;app&#62;:1:1<\/pre>/);
    assert.ok(!html.includes("<app>"));
    breakage = null;
    assert.equal(await (await ask(wrapped)).text(), "fine");
  });
}

test("errorApplication() answers 500 and says why", async () => {
  const answer = await ask(errorApplication({ reason: "no such file" }));
  assert.equal(answer.status, 500);
  assert.match(await answer.text(), /^no such file\n\nThe page/);
});
