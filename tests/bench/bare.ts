/** The bare native server with one answer: what tsgi is compared with. Arguments: port, and what it does. */
const [port = "0", way = "hello"] = "Deno" in globalThis ? Deno.args : process.argv.slice(2);

const ways: Record<string, (request: Request) => Response | Promise<Response>> = {
  hello: () => new Response("Hello, World!\n", { headers: { "content-type": "text/plain" } }),
};
const handler = ways[way];
if (handler === undefined) throw new Error(`Cannot serve ${way}: expected one of ${Object.keys(ways).join(", ")}`);

if ("Deno" in globalThis) Deno.serve({ port: Number(port), hostname: "127.0.0.1", onListen() {} }, handler);
else Bun.serve({ port: Number(port), hostname: "127.0.0.1", fetch: handler });
