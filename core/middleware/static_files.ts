import { isResourceModified, type Validators } from "../gateway/conditional.ts";
import { quoteEtag } from "../gateway/etag.ts";
import { removeEntityHeaders, setHeader } from "../gateway/header_list.ts";
import { httpDate } from "../gateway/http_date.ts";
import { parseRange, satisfyRange } from "../gateway/range.ts";
import type { App, Body, Environ, HeaderList, Middleware, StartResponse, Status } from "../gateway/types.ts";
import { chooseEncoding } from "./accept_encoding.ts";
import { ChunkReader } from "./chunk_reader.ts";
import { varyByEncoding } from "./deflate.ts";
import { fileBody } from "./file_body.ts";
import type { FileStat, FileSystem } from "./file_system.ts";
import { mediaType } from "./media_type.ts";
import { fileFinder, type Found, type StaticExports } from "./static_path.ts";

/** How {@linkcode staticFiles} finds files and what it says of them. */
export interface StaticFilesOptions {
  /** ETag and a lifetime; true unless given. */
  readonly cache?: boolean;
  /** The lifetime in seconds, 43200 (12 hours) unless given. */
  readonly cacheTimeout?: number;
  /** The file that stands for a directory whose path ends with a slash: "index.html". None unless given. */
  readonly index?: string;
  /** Sends `name.gz` for `name` where there is one and the client takes it. Of a compressed file no part is ever sent. */
  readonly gzip?: boolean;
  /** Patterns of file names never sent: `*` is any text, `?` one character; case does not count. */
  readonly disallow?: string | readonly string[];
  /** Also what has a name that begins with a dot, or is below such a directory. `.well-known` is open in any case. */
  readonly dotfiles?: boolean;
  /** Headers for every file, in the place of ours of the same name. */
  readonly headers?: HeaderList;
  /** The media type of a file whose extension nobody knows: `application/octet-stream` unless given. */
  readonly fallbackType?: string;
}

const ALLOW = "GET, HEAD, OPTIONS";

/**
 * Sends files for GET and HEAD, with validators and ranges; what is no file goes to the application.
 *
 * `exports` maps path prefixes to directories or single files, in an object or, where the order matters to you, a list of pairs; the first
 * in which there is such a file wins. A path that leads outside its directory, by `..`, by a link or by any spelling, is no file.
 *
 * Throws `SyntaxError` for a prefix that does not begin with a slash.
 *
 * @example
 * ```ts
 * const application = staticFiles({ "/": "public" }, { index: "index.html", fileSystem })(shop);
 * ```
 */
export function staticFiles(exports: StaticExports, options: StaticFilesOptions & { readonly fileSystem: FileSystem }): Middleware {
  const find = fileFinder(exports, options);
  return (app) => (environ, startResponse) => {
    const finding = find(environ.PATH_INFO);
    if (finding === null) return app(environ, startResponse);
    return finding.then((found) => found === null ? app(environ, startResponse) : new Delivery(environ, startResponse, options).deliver(found, app));
  };
}

/** What is to be sent of a file. */
interface Part {
  readonly start: number;
  readonly end: number;
  readonly status: Status;
  readonly headers: HeaderList;
}

/** One request for a file that is there. */
class Delivery {
  readonly #environ: Environ;
  readonly #startResponse: StartResponse;
  readonly #options: StaticFilesOptions & { readonly fileSystem: FileSystem };

  constructor(environ: Environ, startResponse: StartResponse, options: StaticFilesOptions & { readonly fileSystem: FileSystem }) {
    this.#environ = environ;
    this.#startResponse = startResponse;
    this.#options = options;
  }

  async deliver(plain: Found, app: App): Promise<Body> {
    const method = this.#environ.REQUEST_METHOD;
    if (method === "OPTIONS") return this.#answer("200 OK", [["Allow", ALLOW]]);
    if (method !== "GET" && method !== "HEAD") {
      return this.#answer("405 Method Not Allowed", [["Allow", ALLOW], ["Content-Type", "text/plain"]], "Method Not Allowed\n");
    }
    const compressed = this.#options.gzip === true && plain.sibling !== undefined ? await plain.sibling(".gz") : null;
    const isCompressed = compressed !== null && this.#environ.HTTP_RANGE === undefined &&
      chooseEncoding(this.#environ.HTTP_ACCEPT_ENCODING, ["gzip"]) !== null;
    const file = isCompressed ? compressed : plain;
    const validators = this.#validators(file);
    const headers = this.#headers(plain.name, file.stat, validators);
    if (isCompressed) setHeader(headers, "Content-Encoding", "gzip");
    if (compressed !== null) varyByEncoding(headers);
    return await this.#conditional(file, headers, validators) ?? await app(this.#environ, this.#startResponse);
  }

  /** Null if the file has gone in the meantime. */
  async #conditional(file: Found, headers: HeaderList, validators: Validators): Promise<Body | null> {
    const environ = this.#environ;
    if (environ.HTTP_IF_MATCH !== undefined && !isResourceModified(matchOnly(environ), validators)) return this.#answer("412 Precondition Failed", []);
    if (!isResourceModified(environ, validators)) {
      removeEntityHeaders(headers);
      return this.#answer("304 Not Modified", headers);
    }
    const part = this.#part(file.stat.size, validators);
    if (part === "unsatisfiable") return this.#answer("416 Range Not Satisfiable", [["Content-Range", `bytes */${file.stat.size}`]]);
    const { start, end } = part ?? { start: 0, end: file.stat.size };
    setHeader(headers, "Content-Length", String(end - start));
    if (part !== null) setHeader(headers, "Content-Range", `bytes ${start}-${end - 1}/${file.stat.size}`);
    const status = part === null ? "200 OK" : "206 Partial Content";
    if (environ.REQUEST_METHOD === "HEAD" || end === start) return this.#answer(status, headers);
    return await this.#send(file, { start, end, status, headers });
  }

  /** Ranges are for GET alone (RFC 9110 14.2). */
  #part(size: number, validators: Validators): { start: number; end: number } | "unsatisfiable" | null {
    const environ = this.#environ;
    if (environ.REQUEST_METHOD !== "GET" || environ.HTTP_RANGE === undefined) return null;
    if (environ.HTTP_IF_RANGE !== undefined && isResourceModified(environ, { ...validators, ignoreIfRange: false })) return null;
    return satisfyRange(parseRange(environ.HTTP_RANGE), size);
  }

  async #send({ path }: Found, { start, end, status, headers }: Part): Promise<Body | null> {
    const source = await this.#options.fileSystem.open(path, start, end);
    if (source === null) return null;
    const body = fileBody(this.#environ, source, { path, length: end - start });
    try {
      this.#startResponse(status, headers);
      return body;
    } catch (error) {
      // Nobody else will close it.
      await new ChunkReader(body).close();
      throw error;
    }
  }

  #validators({ stat, name }: Found): Validators {
    const lastModified = Math.floor(stat.modified / 1000) * 1000;
    if (this.#options.cache === false) return { lastModified };
    // Whole milliseconds: not every runtime gives more, and all workers must give one tag.
    const tag = `${Math.floor(stat.modified).toString(36)}-${stat.size.toString(36)}-${nameHash(name)}`;
    return { lastModified, etag: quoteEtag(tag) };
  }

  #headers(name: string, stat: FileStat, { etag, lastModified }: Validators): HeaderList {
    const { cache = true, cacheTimeout = 43_200, fallbackType = "application/octet-stream", headers: given = [] } = this.#options;
    const now = Date.now();
    const headers: HeaderList = [["Date", httpDate(now)]];
    if (etag !== undefined) headers.push(["ETag", etag]);
    headers.push(["Cache-Control", cache ? `max-age=${cacheTimeout}, public` : "public"]);
    if (cache) headers.push(["Expires", httpDate(now + cacheTimeout * 1000)]);
    headers.push(["Content-Type", mediaType(name, fallbackType)], ["Content-Length", String(stat.size)]);
    headers.push(["Last-Modified", httpDate(lastModified)], ["Accept-Ranges", "bytes"]);
    for (const [key, value] of given) setHeader(headers, key, value);
    return headers;
  }

  #answer(status: Status, headers: HeaderList, text?: string): Body {
    this.#startResponse(status, headers);
    return text === undefined ? [] : [text];
  }
}

/** isResourceModified() answers for If-Match and If-None-Match alike; a 412 is owed for the first alone. */
function matchOnly(environ: Environ): Environ {
  const only: Environ = { ...environ };
  delete only.HTTP_IF_NONE_MATCH;
  delete only.HTTP_IF_MODIFIED_SINCE;
  return only;
}

/** FNV-1a: keeps two files of one size and time apart. */
function nameHash(name: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(36);
}
