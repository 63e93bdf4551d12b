/** Deno's WebSockets are made by the application, with `Deno.upgradeWebSocket`: it is wrapped, so that a worker knows which are its own. */
import type { ServeOptions } from "../core/arbiter/process.ts";

type Opened = NonNullable<ServeOptions["webSockets"]>["opened"];

interface Upgrading {
  upgradeWebSocket(request: Request, options?: object): { readonly socket: WebSocket; readonly response: Response };
}

/** By the response that the application is to answer with. */
const upgraded = new WeakMap<Response, WebSocket>();

/** Before the application is loaded: it may take the function out of its namespace. */
export function followUpgrades(namespace: Upgrading): void {
  const native = namespace.upgradeWebSocket;
  namespace.upgradeWebSocket = (request, options) => {
    const made = native(request, options);
    upgraded.set(made.response, made.socket);
    return made;
  };
}

/** `response` goes out: tells of its WebSocket, once that is open. */
export function noteUpgrade(response: Response, opened: Opened): void {
  const socket = upgraded.get(response);
  socket?.addEventListener("open", () => {
    // There is no way to cut one that does not close; the server's shutdown does.
    const closed = opened({ close: (code, reason) => socket.close(code, reason), cut: () => {} });
    socket.addEventListener("close", closed);
  });
}
