/** What a request of node:http asks for, where it may have been mounted by Express or Connect. */
import type { IncomingMessage } from "node:http";
import { decodePath } from "../core/gateway/path.ts";

interface MountedMessage extends IncomingMessage {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
}

/** As the client wrote it: what mounts takes its prefix from `url`. */
export function targetOf(incoming: MountedMessage): string {
  return incoming.originalUrl ?? incoming.url ?? "/";
}

/** The two keys of environ that say where it was mounted; none if it was not. */
export function mountOf({ baseUrl, url = "/" }: MountedMessage): { readonly SCRIPT_NAME?: string; readonly PATH_INFO?: string } {
  return baseUrl ? { SCRIPT_NAME: decodePath(baseUrl), PATH_INFO: decodePath(url.split(/[?#]/, 1)[0]!) } : {};
}
