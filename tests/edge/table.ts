/** README's table of what each platform cannot do, made of what the tests hold the platforms to. */
import { TARGETS, type TargetName } from "../../core/portability/targets.ts";
import { EXCEPTIONS } from "./exceptions.ts";

/** What is served there, by which entry of the package, and whose exceptions count. */
const ROWS: readonly (readonly [where: string, entry: string, target: TargetName, exceptions: keyof typeof EXCEPTIONS, adapter?: string])[] = [
  ["Deno.serve, Bun.serve", "tsgi", "deno", "deno"],
  ["Deno Deploy, `deno serve`", "tsgi/deno_deploy", "deno_deploy", "deno serve"],
  ["node:http, Express", "tsgi/node", "node", "node:http on node"],
  ["Cloudflare Workers", "tsgi/cloudflare", "cloudflare", "workerd"],
  ["Service workers", "tsgi/service_worker", "service_worker", "service worker in workerd"],
  ["Vercel", "tsgi/vercel", "vercel", "vercel"],
  ["Netlify Edge", "tsgi/netlify", "netlify", "netlify"],
  ["AWS Lambda", "tsgi/lambda", "lambda", "lambda on deno"],
  ["AWS Lambda, streaming", "tsgi/lambda", "lambda", "lambda on deno, streaming", "runLambda"],
];

export function platformTable(): string {
  const lines = ROWS.map(([where, entry, target, name, adapter = TARGETS[target].adapter]) => {
    const exceptions = Object.entries(EXCEPTIONS[name]).map(([what, why]) => `${what}: ${why}`).join("; ") || "none";
    const keys = TARGETS[target].keys.map((key) => `\`${key}\``).join(", ");
    return `| ${where} | \`${adapter}\` of \`${entry}\` | ${keys} | ${exceptions} |`;
  });
  return ["| Where | With | Optional keys of environ | Does not work |", "|---|---|---|---|", ...lines].join("\n");
}
