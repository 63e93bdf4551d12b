import type { Environ, Middleware } from "../gateway/types.ts";
import { peekInput } from "./peek_input.ts";

/** How {@linkcode methodOverride} reads forms. */
export interface MethodOverrideOptions {
  /** A form of more bytes is passed on unread; 64 KiB unless given. */
  readonly maxForm?: number;
}

/** Not HEAD: whoever sends a POST waits for a body. */
const METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"];

/**
 * Lets a POST be another method, as forms need it: the one that `X-HTTP-Method-Override` names, else the field `_method` of an
 * urlencoded or multipart form. The body can still be read, and the original method is in `tsgi.method_override.original`.
 *
 * @example
 * ```ts
 * const application = methodOverride()(shop);
 * ```
 */
export function methodOverride({ maxForm = 65_536 }: MethodOverrideOptions = {}): Middleware {
  return (app) => (environ, startResponse) => {
    if (environ.REQUEST_METHOD !== "POST") return app(environ, startResponse);
    const header = environ.HTTP_X_HTTP_METHOD_OVERRIDE;
    if (header !== undefined || formType(environ) === null) {
      override(environ, header);
      return app(environ, startResponse);
    }
    return formMethod(environ, maxForm).then((method) => {
      override(environ, method);
      return app(environ, startResponse);
    });
  };
}

function override(environ: Environ, method: string | undefined): void {
  const wanted = method?.trim().toUpperCase();
  if (wanted === undefined || !METHODS.includes(wanted)) return;
  environ["tsgi.method_override.original"] = environ.REQUEST_METHOD;
  environ.REQUEST_METHOD = wanted;
}

function formType(environ: Environ): "urlencoded" | "multipart" | null {
  const type = environ.CONTENT_TYPE?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/x-www-form-urlencoded") return "urlencoded";
  return type === "multipart/form-data" ? "multipart" : null;
}

async function formMethod(environ: Environ, maxForm: number): Promise<string | undefined> {
  const bytes = await peekInput(environ, maxForm);
  if (bytes === null) return undefined;
  try {
    const value = formType(environ) === "urlencoded" ? urlencoded(bytes) : await multipart(bytes, environ.CONTENT_TYPE!);
    return typeof value === "string" ? value : undefined;
  } catch (error) {
    environ["tsgi.errors"].write(`Cannot read the form for _method: ${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

/** Throws for what is not UTF-8, written as it is or percent-encoded. */
function urlencoded(bytes: Uint8Array): string | null {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const value = new URLSearchParams(text).get("_method");
  if (value?.includes("\ufffd")) throw new SyntaxError("the value is not UTF-8");
  return value;
}

/** Throws for a form that was cut off, which some runtimes read as far as it goes. */
async function multipart(bytes: Uint8Array, type: string): Promise<FormDataEntryValue | null> {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(type)?.slice(1).find((found) => found !== undefined);
  if (boundary === undefined || !new TextDecoder("latin1").decode(bytes).includes(`--${boundary}--`)) throw new SyntaxError("it has no end");
  return (await new Response(bytes.slice(), { headers: { "Content-Type": type } }).formData()).get("_method");
}
