/**
 * Bun's WebSockets: `server.upgrade(request)` makes one, after which the answer to the request does not matter (Bun's own examples answer
 * undefined, Hono an empty Response), and the handlers that the application exports as `websocket` hear of it.
 */
import type { ServeOptions } from "../core/arbiter/process.ts";

type WebSocketOptions = NonNullable<ServeOptions["webSockets"]>;

/** Those of an application's handlers that we come before. */
interface Handlers {
  open?(socket: ServerSocket): unknown;
  close?(socket: ServerSocket, code: number, reason: string): unknown;
}

interface ServerSocket {
  close(code: number, reason: string): void;
  terminate(): void;
}

interface Upgrading {
  upgrade(request: Request, options?: object): boolean;
}

const upgraded = new WeakSet<Request>();

/** Whether the connection of `request` is a WebSocket's by now. */
export function isUpgraded(request: Request): boolean {
  return upgraded.has(request);
}

/** Notes the requests that `server` upgrades. */
export function followUpgrades(server: Upgrading): void {
  const native = server.upgrade.bind(server);
  Object.defineProperty(server, "upgrade", {
    value: (request: Request, options?: object) => {
      const isMade = native(request, options);
      if (isMade) upgraded.add(request);
      return isMade;
    },
  });
}

/** The application's handlers, which also tell of each WebSocket that opens and closes. They may be methods of a class. */
export function followed({ handlers, opened }: WebSocketOptions): Handlers {
  const own = handlers as Handlers;
  const closers = new WeakMap<object, () => void>();
  const open: Handlers["open"] = (socket) => {
    closers.set(socket, opened({ close: (code, reason) => socket.close(code, reason), cut: () => socket.terminate() }));
    return own.open?.(socket);
  };
  const close: Handlers["close"] = (socket, code, reason) => {
    closers.get(socket)?.();
    return own.close?.(socket, code, reason);
  };
  return Object.create(own, { open: { value: open, enumerable: true }, close: { value: close, enumerable: true } }) as Handlers;
}
