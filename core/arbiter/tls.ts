/**
 * What a worker needs to speak TLS. The arbiter reads it, since it may be allowed to read keys that its workers are not, and so that a
 * reload finds out about a bad certificate before any worker does.
 */
export interface Tls {
  /** The first is for clients that name no server, or one that nobody has. */
  readonly pairs: readonly KeyPair[];
  /** Whose certificates clients must have; null if they need none. */
  readonly ca: string | null;
  /** OpenSSL's list; null for the runtime's own. */
  readonly ciphers: string | null;
  readonly minVersion: "1.2" | "1.3";
  /** Whether HTTP/2 is offered where that is up to us. */
  readonly http2: boolean;
}

/** A certificate with those above it, and its key, as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  /** The server names it is for, `*.example.com` among them. */
  readonly names: readonly string[];
}
